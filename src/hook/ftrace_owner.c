// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which functions can ftrace trace, and which of them does somebody else own?  ftrace
 * tells of an owner (IPMODIFY) only when another ops that wants to own the function is
 * registered.
 */
#include <linux/ftrace.h>
#include <linux/kernel.h>

#include "hook/engine.h"
#include "hook/ftrace.h"

#if COMPAT_HAS_FTRACE

/*
 * Kernels differ in the position of the patched instruction: see hook/compat.h.  Newer
 * ftrace also accepts the function's start in its place, so the start is tried last.  Only
 * -EINVAL means that the address has no such instruction.
 */
static int find_filter(struct ftrace_ops *ops, struct hook *hook)
{
	unsigned int off;
	int err;

	for (off = COMPAT_FTRACE_MAX_OFFSET + AARCH64_INSN_SIZE; off;) {
		off -= AARCH64_INSN_SIZE;
		err = ftrace_set_filter_ip(ops, hook->addr + off, 0, 0);
		if (!err) {
			hook->site = hook->addr + off;
			return 0;
		}
		if (err != -EINVAL) {
			hook_refused(hook, "ftrace", err);
			return err;
		}
	}
	if (hook->when != HOOK_ON_SLOT)
		hook_cannot(hook, "ftrace cannot trace it on this kernel");
	return -ENOENT;
}

static void notrace check_entry(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops,
				compat_ftrace_regs_t *regs)
{
}

/* Finds out whether a function has another owner; never stays registered. */
static struct ftrace_ops check_ops = {
	.func = check_entry,
	.flags = COMPAT_FTRACE_FLAGS,
};

/* The instruction at the site of a function that no ops traces: NOP */
#define UNTRACED	0xd503201f

/* Returns -EBUSY if one of the functions in check_ops has another owner (IPMODIFY). */
static int ask_owner(void)
{
	int err = register_ftrace_function(&check_ops);

	if (!err)
		hook_ftrace_unregister(&check_ops);
	else if (err != -EBUSY)
		pr_err_ratelimited("ftrace refuses (%d)\n", err);
	return err;
}

static bool to_check(const struct hook *hook)
{
	return hook->addr && !hook->armed && !hook->untraceable;
}

/*
 * Finds the sites, and adds all of them to check_ops.  An optional function that ftrace
 * cannot trace is left out, and an on-slot function gets a kprobe.  Other errors do not
 * depend on the function.
 */
static int find_filters(struct hook *hooks, unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		if (!to_check(&hooks[i]))
			continue;
		err = find_filter(&check_ops, &hooks[i]);
		if (err == -ENOENT && hooks[i].when == HOOK_ON_SLOT)
			hooks[i].untraceable = true;
		else if (err == -ENOENT && hook_may_be_missing(&hooks[i]))
			hooks[i].addr = 0;
		else if (err)
			return err;
	}
	return 0;
}

static bool any_to_check(const struct hook *hooks, unsigned int nr)
{
	while (nr--)
		if (to_check(&hooks[nr]))
			return true;
	return false;
}

/* Registering an ops makes ftrace walk all functions, so this looks at the site first. */
static bool is_untraced(const struct hook *hook)
{
	return hook->site && le32_to_cpu(READ_ONCE(*(__le32 *)hook->site)) == UNTRACED;
}

static bool all_untraced(const struct hook *hooks, unsigned int nr)
{
	while (nr--)
		if (to_check(&hooks[nr]) && !is_untraced(&hooks[nr]))
			return false;
	return true;
}

/* One of these functions has another owner: log which, and drop optional hooks. */
static int name_owned(struct hook *hooks, unsigned int nr, bool off)
{
	unsigned int i;
	int err, ret = 0;

	for (i = 0; i < nr; i++) {
		if (!to_check(&hooks[i]) || (!off && is_untraced(&hooks[i])))
			continue;
		/* In the filter, this function replaces the one of the last round. */
		err = ftrace_set_filter_ip(&check_ops, hooks[i].site, 0, 1);
		if (!err)
			err = ask_owner();
		if (err && err != -EBUSY)
			return err;
		if (!err)
			continue;
		hook_cannot(&hooks[i],
			    "owned by another user of ftrace, a livepatch perhaps");
		if (hook_may_be_missing(&hooks[i]))
			hooks[i].addr = 0;
		else
			ret = err;
	}
	return ret;
}

/* Asks ftrace, and names the owners. */
static int ask(struct hook *hooks, unsigned int nr, bool off)
{
	int err = hook_ftrace_reset(&check_ops);

	if (!err)
		err = find_filters(hooks, nr);
	if (!err && (off || !all_untraced(hooks, nr)))
		err = ask_owner();
	if (err == -EBUSY)
		err = name_owned(hooks, nr, off);
	hook_ftrace_reset(&check_ops);
	return err;
}

/**
 * hook_ftrace_check - may the module divert these functions?
 * @hooks: the table
 * @nr: number of rows; armed rows are skipped
 * @off: ftrace may be off (kernel.ftrace_enabled)
 *
 * While ftrace is on, an owned function is patched.  So functions that are not patched have
 * no owner.  While ftrace is off no function is patched.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY, with the names in the log, if a function has another owner;
 * -ENOENT if ftrace cannot trace a function; or another error of ftrace, such as -ENOMEM.
 */
int hook_ftrace_check(struct hook *hooks, unsigned int nr, bool off)
{
	/* An ops without a filter would trace every function. */
	if (!any_to_check(hooks, nr))
		return 0;
	if (!off && all_untraced(hooks, nr))
		return 0;
	return ask(hooks, nr, off);
}

#endif /* COMPAT_HAS_FTRACE */
