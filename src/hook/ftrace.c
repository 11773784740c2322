// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks by ftrace.  One ftrace_ops holds all the functions, so all hooks that are not
 * on-demand are armed in one atomic step.  IPMODIFY makes the module their only owner:
 * ftrace refuses a livepatch of a hooked function, and a hook on a livepatched one.
 * PERMANENT makes the kernel refuse kernel.ftrace_enabled=0, which would switch the
 * hooks off silently.
 */
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "hook/engine.h"

#if COMPAT_HAS_FTRACE

/* A hash table with open addressing: finds a hook by the address of its patched site. */
#define SITE_BITS	9
#define SITE_MASK	(BIT(SITE_BITS) - 1)
static struct hook *sites[BIT(SITE_BITS)] __read_mostly;

static __always_inline struct hook *find_site(unsigned long ip)
{
	unsigned int i = hash_long(ip, SITE_BITS);

	while (sites[i] && sites[i]->site != ip)
		i = (i + 1) & SITE_MASK;
	return sites[i];
}

static void notrace ftrace_entry(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops,
				 compat_ftrace_regs_t *regs)
{
	struct hook *hook = find_site(ip);
	unsigned long to;

	if (!hook)
		return;
	to = hook_dispatch(hook, compat_ftrace_args(regs),
			   compat_ftrace_sp(regs));
	if (to)
		compat_ftrace_set_pc(regs, to);
}

static struct ftrace_ops hook_ops = {
	.func = ftrace_entry,
	.flags = COMPAT_FTRACE_FLAGS | FTRACE_OPS_FL_PERMANENT,
};

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
	hook_cannot(hook, "ftrace cannot trace it on this kernel");
	return -ENOENT;
}

#define RESET_TRIES	50
#define RESET_PAUSE_MS	20

/*
 * Empties the filter of an ops that is not registered, in one step, and so frees the
 * memory that ftrace keeps for it.  ftrace allocates memory to do so.  While there is no
 * memory, this tries again, for one second.  If it fails, the memory of the filter is
 * lost.  Every use of an ops begins with this, so that no entry of an earlier use is left.
 */
static int reset_filter(struct ftrace_ops *ops)
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

static void notrace owner_entry(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops,
				compat_ftrace_regs_t *regs)
{
}

/* Finds out whether a function has another owner; never stays registered. */
static struct ftrace_ops owner_ops = {
	.func = owner_entry,
	.flags = COMPAT_FTRACE_FLAGS,
};

#define UNREGISTER_PAUSE_MS	1000

/*
 * After an internal error ftrace stops permanently (ftrace_kill()).  It cannot remove a
 * hook any more, and patched functions still call the ops.  So the module must stay.
 * text.c pins it when hook_ftrace_is_dead() is true.  If ftrace stops later than that
 * check, this waits for ever.
 */
static void unregister(struct ftrace_ops *ops)
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

/* Returns -EBUSY if one of the functions in owner_ops has another owner (IPMODIFY). */
static int ask_owner(void)
{
	int err = register_ftrace_function(&owner_ops);

	if (!err)
		unregister(&owner_ops);
	else if (err != -EBUSY)
		pr_err_ratelimited("ftrace refuses (%d)\n", err);
	return err;
}

/*
 * Finds the sites, and adds all of them to owner_ops.  Only an optional function that
 * ftrace cannot trace is left out: other errors do not depend on the function.
 */
static int find_filters(struct hook *hooks, unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		if (!hooks[i].addr || hooks[i].armed)
			continue;
		err = find_filter(&owner_ops, &hooks[i]);
		if (err == -ENOENT && hooks[i].when == HOOK_OPTIONAL)
			hooks[i].addr = 0;
		else if (err)
			return err;
	}
	return 0;
}

static bool any_to_check(const struct hook *hooks, unsigned int nr)
{
	while (nr--)
		if (hooks[nr].addr && !hooks[nr].armed)
			return true;
	return false;
}

/* One of these functions has another owner: log which, and drop optional hooks. */
static int name_owned(struct hook *hooks, unsigned int nr)
{
	unsigned int i;
	int err, ret = 0;

	for (i = 0; i < nr; i++) {
		if (!hooks[i].addr || hooks[i].armed)
			continue;
		/* In the filter, this function replaces the one of the last round. */
		err = ftrace_set_filter_ip(&owner_ops, hooks[i].site, 0, 1);
		if (!err)
			err = ask_owner();
		if (err && err != -EBUSY)
			return err;
		if (!err)
			continue;
		hook_cannot(&hooks[i],
			    "owned by another user of ftrace, a livepatch perhaps");
		if (hooks[i].when == HOOK_OPTIONAL)
			hooks[i].addr = 0;
		else
			ret = err;
	}
	return ret;
}

/**
 * hook_ftrace_check - may the module divert these functions?
 * @hooks: the table
 * @nr: number of rows; armed rows are skipped
 *
 * Context: may sleep.
 * Return: 0; -EBUSY, with the names in the log, if a function has another owner;
 * -ENOENT if ftrace cannot trace a function; or another error of ftrace, such as -ENOMEM.
 */
int hook_ftrace_check(struct hook *hooks, unsigned int nr)
{
	int err;

	/* An ops without a filter would trace every function. */
	if (!any_to_check(hooks, nr))
		return 0;
	err = reset_filter(&owner_ops);
	if (err)
		return err;
	err = find_filters(hooks, nr);
	if (!err)
		err = ask_owner();
	if (err == -EBUSY)
		err = name_owned(hooks, nr);
	reset_filter(&owner_ops);
	return err;
}

static void hash_sites(struct hook *hooks, unsigned int nr)
{
	unsigned int i, n;

	memset(sites, 0, sizeof(sites));
	for (n = 0; n < nr; n++) {
		if (!hooks[n].addr)
			continue;
		i = hash_long(hooks[n].site, SITE_BITS);
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
	reset_filter(&hook_ops);
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
	err = reset_filter(&hook_ops);
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
 * @hooks: the table
 * @nr: number of rows
 *
 * Context: may sleep; when it returns no callback runs.
 */
void hook_ftrace_disarm(struct hook *hooks, unsigned int nr)
{
	/* Unregister first: an ops without a filter would trace every function. */
	unregister(&hook_ops);
	forget_armed(hooks, nr);
}

#endif /* COMPAT_HAS_FTRACE */
