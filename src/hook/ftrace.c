// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks by ftrace.  One ftrace_ops holds all the functions whose hooks are not on-demand,
 * so these hooks are armed in one atomic step.  IPMODIFY makes the module their only owner:
 * ftrace refuses a livepatch of a hooked function, and a hook on a livepatched one.
 * PERMANENT makes the kernel refuse kernel.ftrace_enabled=0, which would switch the
 * hooks off silently.  On-demand hooks: ftrace_group.c.  The check for other owners:
 * ftrace_owner.c.
 */
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "hook/engine.h"
#include "hook/ftrace.h"

#if COMPAT_HAS_FTRACE

/*
 * A hash table with open addressing: finds a hook by the address of its patched site.
 * Functions begin at multiples of 16 in most kernels, so the lowest bits say nothing.
 */
#define SITE_BITS	9
#define SITE_MASK	(BIT(SITE_BITS) - 1)
static struct hook *sites[BIT(SITE_BITS)] __read_mostly;

static __always_inline unsigned int site_hash(unsigned long ip)
{
	return (ip >> 4) & SITE_MASK;
}

static __always_inline struct hook *find_site(unsigned long ip)
{
	unsigned int i = site_hash(ip);

	while (sites[i] && sites[i]->site != ip)
		i = (i + 1) & SITE_MASK;
	return sites[i];
}

/**
 * hook_ftrace_entry - ftrace's callback: a hooked function is called
 * @ip: its patched site
 * @parent_ip: its caller
 * @ops: the ops whose filter has the function
 * @regs: registers at the call
 *
 * A stub is not called, except by kernels that call an ops directly from the function.
 *
 * Context: that of the function's caller.
 */
void notrace hook_ftrace_entry(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, compat_ftrace_regs_t *regs)
{
	struct hook *hook = find_site(ip);
	unsigned long to;

	if (!hook || ops->flags & FTRACE_OPS_FL_STUB)
		return;
	to = hook_dispatch(hook, compat_ftrace_args(regs),
			   compat_ftrace_sp(regs));
	if (to)
		compat_ftrace_set_pc(regs, to);
}

/* The hooks that are not on-demand, and the on-demand hooks that are set one by one. */
struct ftrace_ops hook_ops = {
	.func = hook_ftrace_entry,
	.flags = COMPAT_FTRACE_FLAGS | FTRACE_OPS_FL_PERMANENT,
};

#define RESET_TRIES	50
#define RESET_PAUSE_MS	20

/**
 * hook_ftrace_reset - empty the filter of an ops that is not registered
 * @ops: the ops
 *
 * This frees the memory that ftrace keeps for the filter.  ftrace allocates memory to do
 * so.  While there is no memory, this tries again, for one second.  If it fails, the
 * memory of the filter is lost.  Every use of an ops begins with this, so that no entry of
 * an earlier use is left.
 *
 * Context: may sleep.
 * Return: 0 or the error of ftrace.
 */
int hook_ftrace_reset(struct ftrace_ops *ops)
{
	unsigned int i;
	int err;

	for (i = 0; i < RESET_TRIES; i++) {
		err = ftrace_set_filter(ops, NULL, 0, 1);
		if (err != -ENOMEM)
			break;
		msleep(RESET_PAUSE_MS);
	}
	if (err)
		pr_warn_ratelimited("ftrace does not empty a filter (%d)\n", err);
	return err;
}

#define UNREGISTER_PAUSE_MS	1000

/**
 * hook_ftrace_unregister - unregister an ops
 * @ops: the ops
 *
 * After an internal error ftrace stops permanently (ftrace_kill()).  It cannot remove a
 * hook any more, and patched functions still call the ops.  So the module must stay.
 * text.c pins it when hook_ftrace_is_dead() is true.  If ftrace stops later than that
 * check, this waits for ever.
 *
 * Context: may sleep.
 */
void hook_ftrace_unregister(struct ftrace_ops *ops)
{
	int err;

	for (;;) {
		err = unregister_ftrace_function(ops);
		if (!err)
			return;
		pr_err_ratelimited("ftrace does not remove hooks (%d): restart the host\n", err);
		msleep(UNREGISTER_PAUSE_MS);
	}
}

static void hash_sites(struct hook *hooks, unsigned int nr)
{
	unsigned int i, n;

	memset(sites, 0, sizeof(sites));
	for (n = 0; n < nr; n++) {
		if (!hooks[n].addr || hooks[n].untraceable)
			continue;
		i = site_hash(hooks[n].site);
		while (sites[i])
			i = (i + 1) & SITE_MASK;
		sites[i] = &hooks[n];
	}
}

/**
 * hook_ftrace_set - set one more hook
 * @hook: the row, checked by hook_ftrace_check()
 *
 * Context: may sleep.
 * Return: 0, or the error of ftrace with the name in the log.
 */
int hook_ftrace_set(struct hook *hook)
{
	int err = ftrace_set_filter_ip(&hook_ops, hook->site, 0, 0);

	if (err == -EBUSY)
		hook_cannot(hook, "owned by another user of ftrace now");
	else if (err)
		hook_refused(hook, "ftrace", err);
	return err;
}

/**
 * hook_ftrace_clear - remove one hook of several
 * @hook: the row
 *
 * After it returns, no call of the function starts a callback.  Callbacks that started
 * before may still run, and may still divert their calls: ftrace waits for them only
 * when the whole ops is unregistered, in hook_ftrace_disarm().
 *
 * Context: may sleep.
 * Return: 0; or the error of ftrace (-ENOMEM), and the hook is still set.
 */
int hook_ftrace_clear(struct hook *hook)
{
	return ftrace_set_filter_ip(&hook_ops, hook->site, 1, 0);
}

/* hook_ops is not registered, so no hook is set, whatever the filter contains. */
static void forget_armed(struct hook *hooks, unsigned int nr)
{
	hook_ftrace_reset(&hook_ops);
	while (nr--)
		hooks[nr].armed = false;
}

/**
 * hook_ftrace_arm - arm all hooks that are not on-demand by ftrace, or none
 * @hooks: the table, checked by hook_ftrace_check()
 * @nr: number of rows
 *
 * Context: may sleep.
 * Return: 0, or the error of ftrace.
 */
int hook_ftrace_arm(struct hook *hooks, unsigned int nr)
{
	unsigned int i;
	int err;

	/* find_site() stops at a free place, so there must be one. */
	if (nr > SITE_MASK / 2)
		return -E2BIG;
	hash_sites(hooks, nr);
	err = hook_ftrace_reset(&hook_ops);
	for (i = 0; i < nr && !err; i++) {
		if (hook_is_on_demand(&hooks[i]) || !hooks[i].addr)
			continue;
		err = hook_ftrace_set(&hooks[i]);
		hooks[i].armed = !err;
	}
	if (!err)
		err = register_ftrace_function(&hook_ops);
	if (!err)
		return 0;
	if (err == -EBUSY)
		pr_err("ftrace refuses: is kernel.ftrace_enabled off?\n");
	forget_armed(hooks, nr);
	return err;
}

/**
 * hook_ftrace_disarm - remove the hooks
 * @hooks: the table, after hook_ftrace_end_group()
 * @nr: number of rows
 *
 * Context: may sleep; when it returns no callback runs.
 */
void hook_ftrace_disarm(struct hook *hooks, unsigned int nr)
{
	/* Unregister first: an ops without a filter would trace every function. */
	hook_ftrace_unregister(&hook_ops);
	forget_armed(hooks, nr);
}

#endif /* COMPAT_HAS_FTRACE */
