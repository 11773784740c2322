// SPDX-License-Identifier: GPL-2.0
/*
 * The hook engine: catches calls of kernel functions, by ftrace or by kprobes.
 * All of a table that is not lazy is armed or none of it.  Knows nothing of KVM.
 *
 * Why it is safe to unload: a wrapper may sleep, and unregistering waits only
 * for callbacks.  Each diverted call is therefore counted, in the callback,
 * before it leaves for the wrapper, and hook_disarm() waits until as many have
 * left.  The few instructions between a wrapper's decrement and its return are
 * covered by a last wait for every task to have left the kernel code that it
 * was preempted in.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "hook/engine.h"

DEFINE_PER_CPU(long, hook_in_flight);

/* What marks a wrapper's call of the original: see HOOK_CALL_ORIGINAL(). */
unsigned long hook_secret __ro_after_init;

DEFINE_RATELIMIT_STATE(hook_ratelimit, 5 * HZ, 40);

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

/* How often to say what unloading waits for. */
#define DRAIN_NOTICE	(10 * HZ)

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

/*
 * No new call can come; wait until those that are in a wrapper have left it.  None of
 * them waits for user space: those pin the module.
 */
static void drain(void)
{
	unsigned long tell = jiffies + DRAIN_NOTICE;

	while (!no_calls_in_flight()) {
		usleep_range(500, 1000);
		if (time_before(jiffies, tell))
			continue;
		pr_notice_ratelimited("still waiting for calls of hooked functions to return\n");
		tell = jiffies + DRAIN_NOTICE;
	}
	/* Behind hook_leave() a wrapper has only its return left. */
	synchronize_rcu_tasks();
	hook_wait_exit();
}

static enum hook_mechanism armed_by;

/* Calls of lazy hooks that kprobes have missed before they were disarmed. */
static unsigned long missed_before;

/*
 * Where a wrapper calls the original.  By ftrace: behind the two instructions that
 * the kernel keeps for tracing at its start, of which we use one, so that this call
 * is not caught and looked at once more.  If they come behind a landing pad (BTI)
 * the call has to go there.  By a kprobe: at its start, as tracers and other probes
 * have not seen this call yet.
 */
static void *original_entry(const struct hook *hook, enum hook_mechanism how)
{
	unsigned long addr = hook->addr;

	if (how == HOOK_BY_FTRACE && hook->site == addr + AARCH64_INSN_SIZE)
		addr = hook->site + AARCH64_INSN_SIZE;
	return (void *)addr;
}

static int check(struct hook *hooks, unsigned int nr, enum hook_mechanism how)
{
	/* A kprobe would silently win over a livepatch: ask ftrace either way. */
	int err = hook_ftrace_check(hooks, nr);

	if (!err && how == HOOK_BY_KPROBE)
		err = hook_kprobe_check(hooks, nr);
	return err;
}

/**
 * hook_arm - set all hooks of a table that are not lazy, or none
 * @hooks: the table; each row's @addr is set, but of optional ones that are missing
 * @nr: number of rows
 * @how: the mechanism
 *
 * The lazy ones are seen to be possible, too.  An optional one that is not loses
 * its @addr, with a line in the log.  Handlers may run before this returns.
 *
 * Context: may sleep; only from module init, one table at a time.
 * Return: 0; -EBUSY if another user owns one of the functions (named in the
 * log) or ftrace is switched off, -ENOENT if one cannot be traced, -ENOMEM, or what
 * the mechanism says.
 */
int hook_arm(struct hook *hooks, unsigned int nr, enum hook_mechanism how)
{
	unsigned int i;
	int err;

	if (!hook_secret)
		hook_secret = get_random_long();
	err = hook_text_check(hooks, nr) ?: check(hooks, nr, how);
	if (err)
		return err;

	for (i = 0; i < nr; i++)
		if (hooks[i].handler->original)
			*hooks[i].handler->original = original_entry(&hooks[i], how);

	armed_by = how;
	missed_before = 0;
	err = how == HOOK_BY_FTRACE ? hook_ftrace_arm(hooks, nr)
				    : hook_kprobe_arm(hooks, nr);
	if (err)
		drain();	/* some may have been armed for a while */
	else
		hook_text_begin(hooks, nr);
	return err;
}

static int set(struct hook *hook)
{
	int err;

	err = armed_by == HOOK_BY_FTRACE ? hook_ftrace_set(hook)
					 : hook_kprobe_set(hook);
	hook->armed = !err;
	return err;
}

/* One that cannot be removed is still armed. */
static int clear(struct hook *hook)
{
	int err = 0;

	if (armed_by == HOOK_BY_FTRACE)
		err = hook_ftrace_clear(hook);
	else
		missed_before += hook_kprobe_clear(hook);
	if (!err)
		hook->armed = false;
	return err;
}

/**
 * hook_arm_lazy - set the lazy hooks of a table, or none of them
 * @hooks: the table, armed by hook_arm()
 * @nr: number of rows
 *
 * Hooks that hook_disarm_lazy() could not remove are set already.  After an error
 * some may stay for the same reason: call hook_disarm_lazy() again later.
 *
 * When it returns no call of these functions that came before runs with
 * preemption off any more; others may still be under way.
 *
 * Context: may sleep; one at a time with the following.
 * Return: 0; -EBUSY if somebody else has become the owner of one of the functions
 * (named in the log), or what the mechanism says.
 */
int hook_arm_lazy(struct hook *hooks, unsigned int nr)
{
	unsigned int i;
	int err;

	/* Asking each one's owner is slow, and only needed where ftrace does not. */
	err = hook_text_check(hooks, nr);
	if (!err && armed_by == HOOK_BY_KPROBE)
		err = hook_ftrace_check(hooks, nr);
	for (i = 0; i < nr && !err; i++)
		if (hooks[i].lazy && hooks[i].addr && !hooks[i].armed)
			err = set(&hooks[i]);
	if (err)
		hook_disarm_lazy(hooks, nr);
	else
		synchronize_rcu();
	return err;
}

/**
 * hook_check_lazy - could hook_arm_lazy() set them just now?
 * @lazy: the lazy rows of the table, none of them armed
 * @nr: number of rows
 *
 * With ftrace it takes one pass over all functions that can be traced, where setting
 * them takes one for each.
 *
 * Context: as hook_arm_lazy().
 * Return: as hook_arm_lazy().
 */
int hook_check_lazy(struct hook *lazy, unsigned int nr)
{
	return hook_text_check(lazy, nr) ?: hook_ftrace_check(lazy, nr);
}

/**
 * hook_disarm_lazy - remove the lazy hooks again
 * @hooks: the table
 * @nr: number of rows
 *
 * Calls that are in a wrapper stay there as long as they need; hook_disarm()
 * waits for them.
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM, or -EBUSY where the text is somebody else's, if some could not
 * be removed and are still set.  A later call removes the rest, and hook_disarm()
 * removes all in any case.
 */
int hook_disarm_lazy(struct hook *hooks, unsigned int nr)
{
	int err, ret = 0;

	while (nr--) {
		if (!hooks[nr].lazy || !hooks[nr].armed)
			continue;
		err = hook_text_rewritten(&hooks[nr]) ? -EBUSY : clear(&hooks[nr]);
		if (err)
			ret = err;
	}
	return ret;
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
	unsigned long missed;

	hook_text_end();
	missed = missed_before;
	if (armed_by == HOOK_BY_FTRACE)
		hook_ftrace_disarm(hooks, nr);
	else
		missed += hook_kprobe_disarm(hooks, nr);

	drain();
	return missed;
}
