// SPDX-License-Identifier: GPL-2.0-only
/*
 * On-demand hooks by ftrace: all of them are armed in one step.
 *
 * If a function is added to an ops that is registered, ftrace walks four times over all
 * functions that it can trace.  So the on-demand functions are put into ops that are
 * registered when their filters are complete.
 *
 * But each ops costs time at each call of a hooked function: ftrace asks each ops in turn
 * whether it wants the function.  It does not ask an ops that is a stub.  So only one ops is
 * not a stub:
 *
 *	hook_ops	owns the functions that are always hooked.  Calls their handlers while
 *			the on-demand hooks are not armed; else it is a stub.
 *	owner_ops	owns the on-demand functions while they are hooked; always a stub
 *	all_ops		owns nothing.  Calls all handlers while the on-demand hooks are armed.
 *
 * hook_ops and all_ops change places while all CPUs stand still (stop_machine()).  ftrace
 * calls callbacks with preemption off, so each call is seen by exactly one of them.
 * That is not true with CALL_OPS (6.3 and later), where a task may be preempted between the
 * choice of the ops and its call.  So HOOK_ON_DEMAND is refused there.
 */
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/stop_machine.h>

#include "hook/engine.h"
#include "hook/ftrace.h"

#if COMPAT_HAS_FTRACE

static struct ftrace_ops owner_ops = {
	.func = hook_ftrace_entry,
	.flags = COMPAT_FTRACE_FLAGS | FTRACE_OPS_FL_STUB,
};

static struct ftrace_ops all_ops = {
	.func = hook_ftrace_entry,
	.flags = (COMPAT_FTRACE_FLAGS & ~FTRACE_OPS_FL_IPMODIFY) | FTRACE_OPS_FL_STUB,
};

/*
 * Which of them are registered, and whether their filters have to be emptied.  One caller at
 * a time.
 */
static bool owner_registered, all_registered, filled;

/* The hooks that this file arms. */
static bool in_group(const struct hook *hook)
{
	return hook->when == HOOK_ON_DEMAND && hook->addr;
}

/*
 * Other on-demand hooks are added to hook_ops, which is a stub while HOOK_ON_DEMAND hooks are
 * armed.  So a table has only one of the two kinds.
 */
static bool is_mixed(const struct hook *hooks, unsigned int nr)
{
	while (nr--)
		if (hooks[nr].when > HOOK_ON_DEMAND)
			return true;
	return false;
}

/* @all: also the hooks that are armed already */
static int fill(struct ftrace_ops *ops, const struct hook *hooks, unsigned int nr, bool all)
{
	unsigned int i;
	int err = hook_ftrace_reset(ops);

	filled = true;
	for (i = 0; i < nr && !err; i++)
		if (in_group(&hooks[i]) || (all && hooks[i].armed))
			err = ftrace_set_filter_ip(ops, hooks[i].site, 0, 0);
	return err;
}

static int call_instead(void *ops)
{
	struct ftrace_ops *to = ops, *from = to == &all_ops ? &hook_ops : &all_ops;

	from->flags |= FTRACE_OPS_FL_STUB;
	to->flags &= ~FTRACE_OPS_FL_STUB;
	return 0;
}

static int register_group(void)
{
	int err = register_ftrace_function(&owner_ops);

	if (err)
		return err;
	owner_registered = true;
	err = register_ftrace_function(&all_ops);
	if (err)
		return err;
	all_registered = true;
	return stop_machine(call_instead, &all_ops, NULL);
}

static void empty(void)
{
	if (filled)
		filled = hook_ftrace_reset(&all_ops) | hook_ftrace_reset(&owner_ops);
}

/* An error means that ftrace has stopped permanently.  Then all hooks stay as they are. */
static int remove_group(void)
{
	int err;

	if (all_registered) {
		stop_machine(call_instead, &hook_ops, NULL);
		err = unregister_ftrace_function(&all_ops);
		if (err) {
			stop_machine(call_instead, &all_ops, NULL);
			return err;
		}
		all_registered = false;
	}
	if (owner_registered) {
		err = unregister_ftrace_function(&owner_ops);
		if (err)
			return err;
		owner_registered = false;
	}
	empty();
	return 0;
}

static void mark_armed(struct hook *hooks, unsigned int nr, bool armed)
{
	while (nr--)
		if (in_group(&hooks[nr]))
			hooks[nr].armed = armed;
}

/**
 * hook_ftrace_set_group - arm the HOOK_ON_DEMAND hooks, or none of them
 * @hooks: the table, armed by hook_ftrace_arm()
 * @nr: number of rows
 *
 * Context: may sleep; one caller at a time.
 * Return: 0; -EBUSY if one of the functions has another owner now (named in the log, unless
 * the owner has gone meanwhile); -EINVAL if the table also has other on-demand hooks, or on
 * kernels with CALL_OPS; or another error of ftrace.
 */
int hook_ftrace_set_group(struct hook *hooks, unsigned int nr)
{
	int err;

	if (is_mixed(hooks, nr) || IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS))
		return -EINVAL;
	if (all_registered)
		return 0;
	/* An earlier attempt may have left a part that it could not remove. */
	err = remove_group();
	if (!err)
		err = fill(&owner_ops, hooks, nr, false);
	if (!err)
		err = fill(&all_ops, hooks, nr, true);
	if (!err)
		err = register_group();
	if (!err) {
		mark_armed(hooks, nr, true);
		return 0;
	}
	remove_group();
	if (err != -EBUSY)
		pr_err_ratelimited("ftrace refuses (%d)\n", err);
	else
		hook_ftrace_check(hooks, nr, false);
	return err;
}

/**
 * hook_ftrace_clear_group - remove the HOOK_ON_DEMAND hooks
 * @hooks: the table
 * @nr: number of rows
 *
 * When it returns no callback of these hooks runs.
 *
 * Context: may sleep; one caller at a time.
 * Return: 0; or the error of ftrace, and the hooks are still set.
 */
int hook_ftrace_clear_group(struct hook *hooks, unsigned int nr)
{
	int err = remove_group();

	if (!all_registered)
		mark_armed(hooks, nr, false);
	return err;
}

/**
 * hook_ftrace_end_group - remove the HOOK_ON_DEMAND hooks before the others are removed
 * @hooks: the table
 * @nr: number of rows
 *
 * Context: may sleep.  Waits for ever if ftrace has stopped permanently.
 */
void hook_ftrace_end_group(struct hook *hooks, unsigned int nr)
{
	if (all_registered) {
		stop_machine(call_instead, &hook_ops, NULL);
		hook_ftrace_unregister(&all_ops);
	}
	if (owner_registered)
		hook_ftrace_unregister(&owner_ops);
	all_registered = false;
	owner_registered = false;
	empty();
	mark_armed(hooks, nr, false);
}

#endif /* COMPAT_HAS_FTRACE */
