// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks by ftrace.  One ftrace_ops holds all the functions, so arming is one
 * atomic step.  IPMODIFY makes us their only owner: a livepatch of one of them
 * is refused while we are there, and we are refused while it is.  PERMANENT
 * keeps kernel.ftrace_enabled=0 from switching the hooks off behind our back.
 */
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "hook_engine.h"

#if COMPAT_HAS_FTRACE

/* Open-addressed: address of the patched site -> hook, for ftrace's callback. */
#define SITE_BITS	7
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
	to = hook_dispatch(hook, compat_ftrace_args(regs), parent_ip);
	if (to)
		compat_ftrace_set_pc(regs, to);
}

static struct ftrace_ops hook_ops = {
	.func = ftrace_entry,
	.flags = COMPAT_FTRACE_FLAGS | FTRACE_OPS_FL_PERMANENT,
};

static int add_filter(struct ftrace_ops *ops, struct hook *hook)
{
	unsigned int off;

	/*
	 * Where the patched instruction lies differs: see compat.h.  Newer ftrace
	 * takes the function's start for it as well, so that comes last.
	 */
	for (off = COMPAT_FTRACE_MAX_OFFSET + AARCH64_INSN_SIZE; off;) {
		off -= AARCH64_INSN_SIZE;
		if (!ftrace_set_filter_ip(ops, hook->addr + off, 0, 0)) {
			hook->site = hook->addr + off;
			return 0;
		}
	}
	pr_err("%s: ftrace cannot trace it on this kernel; needed for %s\n",
	       hook->name, hook->lost);
	return -ENOENT;
}

static void drop_filters(struct ftrace_ops *ops, struct hook *hooks,
			 unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ftrace_set_filter_ip(ops, hooks[i].site, 1, 0);
}

static int add_filters(struct ftrace_ops *ops, struct hook *hooks,
		       unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		err = add_filter(ops, &hooks[i]);
		if (err) {
			drop_filters(ops, hooks, i);
			return err;
		}
	}
	return 0;
}

static void notrace owner_entry(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops,
				compat_ftrace_regs_t *regs)
{
}

/* Used to ask who owns a function; never stays registered. */
static struct ftrace_ops owner_ops = {
	.func = owner_entry,
	.flags = COMPAT_FTRACE_FLAGS,
};

/* -EBUSY if one of these functions may be diverted by somebody else. */
static int check_owner(struct hook *hooks, unsigned int nr)
{
	int err;

	err = add_filters(&owner_ops, hooks, nr);
	if (err)
		return err;
	err = register_ftrace_function(&owner_ops);
	if (!err)
		unregister_ftrace_function(&owner_ops);
	drop_filters(&owner_ops, hooks, nr);
	return err;
}

/**
 * hook_ftrace_check_owners - may these functions be diverted by us?
 * @hooks: the table; each row's @addr is set
 * @nr: number of rows
 *
 * Context: may sleep.
 * Return: 0; -EBUSY, with the names in the log, if somebody else owns one;
 * -ENOENT if ftrace cannot trace one.
 */
int hook_ftrace_check_owners(struct hook *hooks, unsigned int nr)
{
	int err = check_owner(hooks, nr);
	unsigned int i;

	if (err != -EBUSY)
		return err;
	/* Somewhere among them: find the name for the admin. */
	for (i = 0; i < nr; i++)
		if (check_owner(&hooks[i], 1) == -EBUSY)
			pr_err("%s: owned by another user of ftrace, a livepatch perhaps\n",
			       hooks[i].name);
	return err;
}

static void hash_sites(struct hook *hooks, unsigned int nr)
{
	unsigned int i, n;

	memset(sites, 0, sizeof(sites));
	for (n = 0; n < nr; n++) {
		i = hash_long(hooks[n].site, SITE_BITS);
		while (sites[i])
			i = (i + 1) & SITE_MASK;
		sites[i] = &hooks[n];
	}
}

/**
 * hook_ftrace_arm - set all hooks by ftrace, or none
 * @hooks: the table; each row's @addr is set
 * @nr: number of rows
 *
 * Context: may sleep.
 * Return: 0, or the error of ftrace.
 */
int hook_ftrace_arm(struct hook *hooks, unsigned int nr)
{
	int err;

	/* find_site() needs a free place to stop at. */
	if (nr > SITE_MASK / 2)
		return -E2BIG;
	err = add_filters(&hook_ops, hooks, nr);
	if (err)
		return err;
	hash_sites(hooks, nr);
	err = register_ftrace_function(&hook_ops);
	if (!err)
		return 0;
	if (err == -EBUSY)
		pr_err("ftrace refuses: is kernel.ftrace_enabled off?\n");
	drop_filters(&hook_ops, hooks, nr);
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
	/* This order: an ops without a filter would trace every function. */
	unregister_ftrace_function(&hook_ops);
	drop_filters(&hook_ops, hooks, nr);
}

#else /* !COMPAT_HAS_FTRACE */

int hook_ftrace_check_owners(struct hook *hooks, unsigned int nr)
{
	return 0;
}

int hook_ftrace_arm(struct hook *hooks, unsigned int nr)
{
	return -EOPNOTSUPP;
}

void hook_ftrace_disarm(struct hook *hooks, unsigned int nr)
{
}

#endif /* COMPAT_HAS_FTRACE */
