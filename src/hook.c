// SPDX-License-Identifier: GPL-2.0
/*
 * The hook engine: catches calls of kernel functions, by ftrace or by kprobes.
 *
 * All of a table is armed or none of it.  With ftrace one ftrace_ops holds all
 * the functions, so arming is one atomic step; it asks for IPMODIFY, so that no
 * livepatch can own one of them before or after us, and for PERMANENT, so that
 * nobody can switch the hooks off behind our back.
 *
 * Why it is safe to unload: a wrapper may sleep, and unregistering waits only
 * for callbacks.  Each diverted call is therefore counted, in the callback,
 * before it leaves for the wrapper, and hook_disarm() waits until as many have
 * left.  The few instructions between a wrapper's decrement and its return are
 * covered by a last wait for every task to have left the kernel code that it
 * was preempted in.
 */
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "compat.h"
#include "hook.h"
#include "symbol.h"

DEFINE_PER_CPU(long, hook_in_flight);

/* Open-addressed: address of the patched site -> hook, for ftrace's callback. */
#define SITE_BITS	7
#define SITE_MASK	(BIT(SITE_BITS) - 1)
static struct hook *sites[BIT(SITE_BITS)] __read_mostly;

static const char * const mechanism_names[] = {
	[HOOK_BY_FTRACE] = "ftrace",
	[HOOK_BY_KPROBE] = "kprobe",
};

/**
 * hook_mechanism_name - the word for a mechanism
 * @how: the mechanism
 *
 * Return: "ftrace" or "kprobe".
 */
const char *hook_mechanism_name(enum hook_mechanism how)
{
	return mechanism_names[how];
}

/**
 * hook_parse_mechanism - understand the module parameter hook=
 * @word: auto, ftrace or kprobe
 * @how: set to the mechanism to use
 *
 * Return: 0; -EINVAL for another word, -EOPNOTSUPP if this kernel was built
 * without what the word asks for.
 */
int hook_parse_mechanism(const char *word, enum hook_mechanism *how)
{
	if (sysfs_streq(word, "auto")) {
		*how = COMPAT_HAS_FTRACE ? HOOK_BY_FTRACE : HOOK_BY_KPROBE;
		return 0;
	}
	if (sysfs_streq(word, "kprobe")) {
		*how = HOOK_BY_KPROBE;
		return 0;
	}
	if (!sysfs_streq(word, "ftrace")) {
		pr_err("hook=%s: not one of auto, ftrace, kprobe\n", word);
		return -EINVAL;
	}
	if (!COMPAT_HAS_FTRACE) {
		pr_err("hook=ftrace: this kernel's ftrace cannot divert calls; use hook=kprobe\n");
		return -EOPNOTSUPP;
	}
	*how = HOOK_BY_FTRACE;
	return 0;
}

/* A call that comes from this module is a wrapper's call of the original. */
static __always_inline bool called_by_wrapper(unsigned long lr)
{
	return within_module(lr, THIS_MODULE);
}

/*
 * Runs in the tracer's callback.  Returns where the call goes, or 0: to the
 * function itself.  The count is raised here, where unregistering still waits
 * for us, and dropped by hook_leave().
 */
static __always_inline unsigned long dispatch(const struct hook *hook,
					      const u64 *args, unsigned long lr)
{
	const struct hook_handler *handler = hook->handler;

	if (handler->kind == HOOK_WATCH) {
		handler->watch(args);
		return 0;
	}
	if (called_by_wrapper(lr))
		return 0;
	this_cpu_inc(hook_in_flight);
	return (unsigned long)handler->wrapper;
}

static int kprobe_entry(struct kprobe *kp, struct pt_regs *regs)
{
	struct hook *hook = container_of(kp, struct hook, kp);
	unsigned long to = dispatch(hook, regs->regs, regs->regs[30]);

	if (!to)
		return 0;
	instruction_pointer_set(regs, to);
	return 1;
}
NOKPROBE_SYMBOL(kprobe_entry);

static bool no_calls_in_flight(void)
{
	unsigned int cpu;
	long sum = 0;

	/*
	 * Nobody raises the count any more.  A call may have been counted on
	 * one CPU and left on another, so only the sum has a meaning; it falls
	 * to 0 once and stays there.
	 */
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(hook_in_flight, cpu));
	return sum == 0;
}

static int arm_kprobes(struct hook *hooks, unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		/* Registering changes a kprobe's insides: start from zero. */
		memset(&hooks[i].kp, 0, sizeof(hooks[i].kp));
		hooks[i].kp.addr = (kprobe_opcode_t *)hooks[i].addr;
		hooks[i].kp.pre_handler = kprobe_entry;
		err = register_kprobe(&hooks[i].kp);
		if (err) {
			pr_err("%s: no kprobe can be set (%d)\n",
			       hooks[i].name, err);
			goto undo;
		}
	}
	return 0;
undo:
	while (i--)
		unregister_kprobe(&hooks[i].kp);
	return err;
}

static unsigned long disarm_kprobes(struct hook *hooks, unsigned int nr)
{
	unsigned long missed = 0;

	while (nr--) {
		unregister_kprobe(&hooks[nr].kp);
		missed += hooks[nr].kp.nmissed;
	}
	return missed;
}

#if COMPAT_HAS_FTRACE

static __always_inline struct hook *find_site(unsigned long ip)
{
	unsigned int i = hash_long(ip, SITE_BITS);

	while (sites[i] && sites[i]->site != ip)
		i = (i + 1) & SITE_MASK;
	return sites[i];
}

static void notrace ftrace_entry(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops,
				 compat_ftrace_regs *regs)
{
	struct hook *hook = find_site(ip);
	unsigned long to;

	if (!hook)
		return;
	to = dispatch(hook, compat_ftrace_args(regs), parent_ip);
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

	/* Where the patched instruction lies differs: see compat.h. */
	for (off = 0; off <= COMPAT_FTRACE_MAX_OFFSET; off += AARCH64_INSN_SIZE) {
		if (!ftrace_set_filter_ip(ops, hook->addr + off, 0, 0)) {
			hook->site = hook->addr + off;
			return 0;
		}
	}
	pr_err("%s: ftrace cannot trace it on this kernel\n", hook->name);
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
				compat_ftrace_regs *regs)
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

static int check_owners(struct hook *hooks, unsigned int nr)
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

static int arm_ftrace(struct hook *hooks, unsigned int nr)
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

static void disarm_ftrace(struct hook *hooks, unsigned int nr)
{
	/* This order: an ops without a filter would trace every function. */
	unregister_ftrace_function(&hook_ops);
	drop_filters(&hook_ops, hooks, nr);
}

#else /* !COMPAT_HAS_FTRACE */

static int check_owners(struct hook *hooks, unsigned int nr)
{
	return 0;
}

static int arm_ftrace(struct hook *hooks, unsigned int nr)
{
	return -EOPNOTSUPP;
}

static void disarm_ftrace(struct hook *hooks, unsigned int nr)
{
}

#endif /* COMPAT_HAS_FTRACE */

static enum hook_mechanism armed_by;

/**
 * hook_arm - set all hooks of a table, or none
 * @hooks: the table; each row's @addr is set
 * @nr: number of rows
 * @how: the mechanism
 *
 * Handlers may run before this returns.
 *
 * Context: may sleep; only from module init, one table at a time.
 * Return: 0; -EBUSY if another user owns one of the functions (named in the
 * log) or ftrace is switched off, -ENOENT if one cannot be traced, or what the
 * mechanism says.
 */
int hook_arm(struct hook *hooks, unsigned int nr, enum hook_mechanism how)
{
	unsigned int i;
	int err;

	/* A kprobe would silently win over a livepatch: ask ftrace either way. */
	err = check_owners(hooks, nr);
	if (err)
		return err;

	for (i = 0; i < nr; i++)
		if (hooks[i].handler->original)
			*hooks[i].handler->original = (void *)hooks[i].addr;

	err = how == HOOK_BY_FTRACE ? arm_ftrace(hooks, nr)
				    : arm_kprobes(hooks, nr);
	if (!err)
		armed_by = how;
	return err;
}

/**
 * hook_disarm - remove all hooks of a table, and wait until nobody uses them
 * @hooks: the table given to hook_arm()
 * @nr: number of rows
 *
 * When it returns, no handler runs and none can begin to.
 *
 * Context: may sleep, for as long as the longest wrapped call takes.
 * Return: how many calls the mechanism missed while the hooks were set; only
 * kprobes can miss one.
 */
unsigned long hook_disarm(struct hook *hooks, unsigned int nr)
{
	unsigned long missed = 0;

	if (armed_by == HOOK_BY_FTRACE)
		disarm_ftrace(hooks, nr);
	else
		missed = disarm_kprobes(hooks, nr);

	while (!no_calls_in_flight())
		msleep(1);
	/* Behind hook_leave() a wrapper has only its return left. */
	synchronize_rcu_tasks();
	return missed;
}
