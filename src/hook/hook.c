// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hook engine catches calls of kernel functions, by ftrace or by kprobes.  It arms
 * all hooks of a table that are not on-demand, or none.  It knows nothing of KVM.
 */
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "hook/engine.h"

/* The arguments of the last hook_arm(). */
static struct hook *table;
static unsigned int nr_hooks;
static enum hook_mechanism armed_by;

/* Number of calls that were missed by kprobes that have been removed since hook_arm(). */
static unsigned long missed_before;
/*
 * A kprobe is marked as not armed, and its misses are added to missed_before, in one step.
 * So hook_missed() counts each miss once.
 */
static DEFINE_SPINLOCK(missed_lock);

static bool is_by_kprobe(const struct hook *hook)
{
	return armed_by == HOOK_BY_KPROBE || hook->untraceable;
}

/*
 * Where a wrapper calls the original.
 *
 * With ftrace: after the two instructions of the trace site, if they are the function's
 * first, so that ftrace does not catch this call again.  Otherwise (a landing pad (BTI)
 * comes before them, for example) at the function's start: ftrace catches the call, and
 * the engine recognises its mark.
 *
 * With a kprobe: at the function's start, because tracers and other probes have not seen
 * this call yet.
 */
static void enter_original(struct hook *hook)
{
	unsigned long addr = hook->addr;

	hook->sees_original = is_by_kprobe(hook) || hook->site != addr + AARCH64_INSN_SIZE;
	if (!hook->sees_original)
		addr = hook->site + AARCH64_INSN_SIZE;
	*hook->handler->original = (void *)addr;
}

static int check(struct hook *hooks, unsigned int nr, enum hook_mechanism how)
{
	bool by_kprobe = how == HOOK_BY_KPROBE;

	/*
	 * A kprobe would silently bypass a livepatch, so ask ftrace for the owners with
	 * kprobes, too.  Only with kprobes may ftrace be off.
	 */
	return hook_ftrace_check(hooks, nr, by_kprobe) ?: hook_kprobe_check(hooks, nr, by_kprobe);
}

/**
 * hook_arm - arm all hooks of a table that are not on-demand, or none
 * @hooks: the table; each row's @addr is set, except in optional rows that are missing
 * @nr: number of rows
 * @how: the mechanism
 *
 * It also fails if an on-demand hook is impossible, except a HOOK_ON_SLOT hook.  If that or an
 * optional hook is impossible, its @addr becomes 0, with a line in the log.  Handlers may run
 * before this returns.
 *
 * Context: module init; may sleep; one table at a time.
 * Return: 0; -EBUSY if another user owns one of the functions or has rewritten its text
 * (named in the log), or ftrace is switched off; -ENOENT if a function cannot be traced;
 * -ENOMEM; or another error of the mechanism.
 */
int hook_arm(struct hook *hooks, unsigned int nr, enum hook_mechanism how)
{
	unsigned int i;
	int err;

	if (!hook_secret)
		hook_secret = get_random_long();
	table = hooks;
	/* sysfs may call hook_group_*() already.  Pairs with the acquire there. */
	smp_store_release(&nr_hooks, nr);
	err = hook_text_check(hooks, nr) ?: check(hooks, nr, how);
	if (err)
		return err;

	armed_by = how;
	for (i = 0; i < nr; i++)
		if (hooks[i].handler->original)
			enter_original(&hooks[i]);

	missed_before = 0;
	err = how == HOOK_BY_FTRACE ? hook_ftrace_arm(hooks, nr)
				    : hook_kprobe_arm(hooks, nr);
	if (err) {
		/*
		 * Some hooks may have been armed for a short time.  ftrace does not wait
		 * for callbacks when registering fails, and a callback may still divert
		 * its call.
		 */
		synchronize_rcu_tasks();
		hook_drain();
		return err;
	}
	hook_text_begin(hooks, nr, how == HOOK_BY_FTRACE);
	return 0;
}

static int set(struct hook *hook)
{
	int err = is_by_kprobe(hook) ? hook_kprobe_set(hook) : hook_ftrace_set(hook);

	hook->armed = !err;
	return err;
}

/* A hook that cannot be removed is still armed. */
static int clear(struct hook *hook)
{
	unsigned long missed = 0;
	int err = 0;

	if (is_by_kprobe(hook))
		missed = hook_kprobe_clear(hook);
	else
		err = hook_ftrace_clear(hook);
	if (err)
		return err;
	spin_lock(&missed_lock);
	missed_before += missed;
	hook->armed = false;
	spin_unlock(&missed_lock);
	return 0;
}

/* Are these hooks set and removed together? */
static bool is_group(enum hook_when when)
{
	return armed_by == HOOK_BY_FTRACE && when == HOOK_ON_DEMAND;
}

/**
 * hook_any_on_demand - does the table have on-demand hooks?
 * @when: of this kind
 *
 * Context: any, after hook_arm().
 * Return: false if it has none.
 */
bool hook_any_on_demand(enum hook_when when)
{
	unsigned int i;

	for (i = 0; i < nr_hooks; i++)
		if (table[i].when == when)
			return true;
	return false;
}

/**
 * hook_arm_on_demand - arm the on-demand hooks of the table, or none of them
 * @when: of this kind
 *
 * Hooks that hook_disarm_on_demand() could not remove are armed already.  After an
 * error some hooks may stay armed for the same reason: call hook_disarm_on_demand()
 * again later.
 *
 * A call that entered one of these functions before it was hooked may still run when
 * this returns.  This waits only for those calls that run with preemption off.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if one of the functions has another owner or rewritten text now (named in
 * the log); -ENOENT if a HOOK_ON_SLOT hook is impossible; or the mechanism's error.
 */
int hook_arm_on_demand(enum hook_when when)
{
	unsigned int i;
	int err;

	err = hook_text_check(table, nr_hooks);
	/* This is slow.  With ftrace it is not needed: setting a hook checks the owner. */
	if (!err && armed_by == HOOK_BY_KPROBE)
		err = hook_ftrace_check(table, nr_hooks, true);
	if (!err && is_group(when))
		err = hook_ftrace_set_group(table, nr_hooks);
	for (i = 0; i < nr_hooks && !err; i++)
		if (table[i].when == when && !table[i].armed)
			err = table[i].addr ? set(&table[i]) : -ENOENT;
	if (err)
		hook_disarm_on_demand(when);
	else
		synchronize_rcu();
	return err;
}

/**
 * hook_check_on_demand - would hook_arm_on_demand() succeed now?
 *
 * Context: may sleep; none of the on-demand hooks is armed.
 * Return: as hook_arm_on_demand().
 */
int hook_check_on_demand(void)
{
	return hook_text_check(table, nr_hooks) ?:
	       hook_ftrace_check(table, nr_hooks, armed_by == HOOK_BY_KPROBE);
}

/**
 * hook_disarm_on_demand - remove the on-demand hooks again
 * @when: of this kind
 *
 * Calls in a wrapper go on; hook_disarm() waits for them.
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM, or -EBUSY if the text has been rewritten: some hooks could not
 * be removed and are still armed.  A later call removes them, and hook_disarm()
 * removes all in any case.
 */
int hook_disarm_on_demand(enum hook_when when)
{
	unsigned int nr = nr_hooks;
	int err, ret = 0;

	while (nr--) {
		if (table[nr].when != when || !table[nr].armed)
			continue;
		err = hook_text_rewritten(&table[nr]) ? -EBUSY : 0;
		if (!err && !is_group(when))
			err = clear(&table[nr]);
		if (err)
			ret = err;
	}
	if (!ret && is_group(when))
		ret = hook_ftrace_clear_group(table, nr_hooks);
	return ret;
}

/**
 * hook_group_exists - does a group have any hook?
 * @group: one bit of struct hook's @groups
 *
 * Context: any.
 * Return: false if no row of the table belongs to the group.
 */
bool hook_group_exists(unsigned long group)
{
	/* Read the table after this.  Pairs with hook_arm(). */
	unsigned int i, nr = smp_load_acquire(&nr_hooks);

	for (i = 0; i < nr; i++)
		if (table[i].groups & group)
			return true;
	return false;
}

/**
 * hook_group_works - do all hooks of a group take effect?
 * @group: one bit of struct hook's @groups
 *
 * On-demand hooks count as armed.
 *
 * Context: any.
 * Return: false if a hook is not armed, or the text of its function was rewritten.
 */
bool hook_group_works(unsigned long group)
{
	/* Read the table after this.  Pairs with hook_arm(). */
	unsigned int i, nr = smp_load_acquire(&nr_hooks);

	for (i = 0; i < nr; i++)
		if (table[i].groups & group &&
		    ((!table[i].armed && !hook_is_on_demand(&table[i])) ||
		     !table[i].addr || table[i].rewritten))
			return false;
	return true;
}

/**
 * hook_armed - how many hooks are armed
 *
 * Context: any.
 * Return: their number, on-demand hooks included, but no function whose text was
 * rewritten.
 */
unsigned int hook_armed(void)
{
	/* Read the table after this.  Pairs with hook_arm(). */
	unsigned int i, n = 0, nr = smp_load_acquire(&nr_hooks);

	for (i = 0; i < nr; i++)
		n += READ_ONCE(table[i].armed) && !READ_ONCE(table[i].rewritten);
	return n;
}

/**
 * hook_missed - how many calls has the mechanism missed so far?
 *
 * Context: process context.
 * Return: their number, which only rises; only kprobes can miss calls.
 */
unsigned long hook_missed(void)
{
	/* As in hook_armed(). */
	unsigned int i, nr = smp_load_acquire(&nr_hooks);
	unsigned long n;

	spin_lock(&missed_lock);
	n = missed_before;
	for (i = 0; i < nr; i++)
		if (READ_ONCE(table[i].armed) && is_by_kprobe(&table[i]))
			n += READ_ONCE(table[i].kp.nmissed);
	spin_unlock(&missed_lock);
	return n;
}

/**
 * hook_disarm - remove all hooks of a table, and wait for the calls in them
 * @hooks: the table given to hook_arm()
 * @nr: number of rows
 *
 * When it returns, no handler runs and no handler can start.
 *
 * Context: may sleep, for as long as the longest wrapped call takes.
 * Return: how many calls the mechanism missed while the hooks were set; only
 * kprobes can miss calls.
 */
unsigned long hook_disarm(struct hook *hooks, unsigned int nr)
{
	unsigned int i = nr;

	hook_text_end();
	while (i--)
		if (hooks[i].armed && is_by_kprobe(&hooks[i]))
			clear(&hooks[i]);
	if (armed_by == HOOK_BY_FTRACE) {
		hook_ftrace_end_group(hooks, nr);
		hook_ftrace_disarm(hooks, nr);
	}
	hook_drain();
	return missed_before;
}
