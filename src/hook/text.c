// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel text that is rewritten without ftrace and kprobes.
 *
 * Some vendors' livepatches do not use ftrace (LIVEPATCH_WO_FTRACE): they overwrite
 * a function's first instructions with a jump to the new function.  ftrace and kprobes
 * do not notice that.  If a hook is set later, it overwrites a part of the jump.  If a
 * hook was set before, calls do not reach it any more.
 *
 * So the engine reads a function's text before it sets a hook, and again while the hook
 * is set.  Tracers and other probes patch the same instructions, so only a jump away
 * counts: a branch out of the kernel's image, or a branch to a register that was loaded
 * with a constant just before.
 */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "hook/engine.h"

/* One for a landing pad, two for a trace site, five for the longest jump (4 loads, a branch). */
#define NR_INSNS	8

struct insn {
	u32 mask;
	u32 value;
};

/* Instructions that the compiler, ftrace and kprobes put at a function's start. */
static const struct insn prologue[] = {
	{ 0xfffff01f, 0xd503201f },	/* hints: NOP, BTI, PACIASP */
	{ 0xffffffff, 0xaa1e03e9 },	/* MOV X9, X30 */
	{ 0xfc000000, 0x94000000 },	/* BL */
	{ 0xffe0001f, 0xd4200000 },	/* BRK */
};

/* Instructions that load a register with a constant. */
static const struct insn load[] = {
	{ 0xff800000, 0x92800000 },	/* MOVN */
	{ 0xff800000, 0xd2800000 },	/* MOVZ */
	{ 0xff800000, 0xf2800000 },	/* MOVK */
	{ 0xff000000, 0x58000000 },	/* LDR literal */
};

#define IS_B(insn)	(((insn) & 0xfc000000) == 0x14000000)
#define IS_BR(insn)	(((insn) & 0xfffffc1f) == 0xd61f0000)

static bool is_any(u32 insn, const struct insn *list, unsigned int nr)
{
	while (nr--)
		if ((insn & list[nr].mask) == list[nr].value)
			return true;
	return false;
}

/* Outside the kernel's image: in a module, or in no function.  Tail calls stay in the image. */
static bool is_outside(unsigned long addr)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, addr);
	return strchr(name, '[') || !strncmp(name, "0x", 2);
}

/*
 * The functions are in the kernel's image, or (selftest.c) in this module.  So their text stays
 * and can be read.
 */
static bool jumps_away(const struct hook *hook)
{
	unsigned long addr = hook->addr;
	unsigned int i, loaded = 0;
	u32 insn;

	for (i = 0; i < NR_INSNS; i++, addr += AARCH64_INSN_SIZE) {
		insn = le32_to_cpu(READ_ONCE(*(__le32 *)addr));
		if (is_any(insn, load, ARRAY_SIZE(load)))
			loaded |= BIT(insn & 31);
		else if (IS_BR(insn))
			return loaded & BIT(insn >> 5 & 31);
		else if (IS_B(insn))
			return is_outside(addr + sign_extend64((insn & GENMASK(25, 0)) << 2, 27));
		else if (!is_any(insn, prologue, ARRAY_SIZE(prologue)))
			return false;
	}
	return false;
}

/**
 * hook_text_check - is the text of these functions the kernel's own?
 * @hooks: the table
 * @nr: number of rows; armed rows are skipped
 *
 * Call this before a mechanism patches any of them.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY, with the names in the log, if a function has been rewritten.  An
 * optional function is left out instead.
 */
int hook_text_check(struct hook *hooks, unsigned int nr)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr; i++) {
		if (!hooks[i].addr || hooks[i].armed || !jumps_away(&hooks[i]))
			continue;
		hook_cannot(&hooks[i], "its text has been rewritten, by a livepatch perhaps");
		if (hook_may_be_missing(&hooks[i]))
			hooks[i].addr = 0;
		else
			err = -EBUSY;
	}
	return err;
}

/**
 * hook_text_rewritten - has the text of this hook's function been rewritten?
 * @hook: the row, armed
 *
 * If so, the hook must not be removed: that would patch an instruction that is not the
 * mechanism's any more.
 *
 * Context: any.
 * Return: true if its function's text jumps away.
 */
bool hook_text_rewritten(const struct hook *hook)
{
	return jumps_away(hook);
}

#define WATCH_PERIOD	(10 * HZ)

static DEFINE_MUTEX(watch_lock);
static struct hook *watched;
static unsigned int nr_watched;
static bool by_ftrace;

/*
 * How long the result of the last look is valid.  Each VM that is to get MTE, and
 * each VMM that asks whether it can, needs it.  Both variables are guarded by watch_lock.
 */
#define LOOK_VALID	HZ
static unsigned long looked;
static int look_err;

/* A hook that cannot be removed pins the module. */
static void notice(struct hook *hook, bool rewritten)
{
	hook->rewritten = rewritten;
	if (rewritten) {
		pr_err("%s: its text has been rewritten while it was hooked: %s does not happen any more\n",
		       hook->name, hook->purpose);
		hook->pins = try_module_get(THIS_MODULE);
		return;
	}
	pr_notice("%s: its text is no longer rewritten\n", hook->name);
	if (hook->pins)
		module_put(THIS_MODULE);
	hook->pins = false;
}

/* If ftrace is dead the hooks cannot be removed any more, so the module must stay. */
static bool pin_if_dead(void)
{
	static bool pinned;

	if (!by_ftrace || !hook_ftrace_is_dead())
		return false;
	if (!pinned) {
		pr_err("ftrace has stopped permanently: the hooks stay, and the module cannot be unloaded\n");
		pinned = try_module_get(THIS_MODULE);
	}
	return true;
}

static void look(void)
{
	unsigned int i;
	bool away;

	lockdep_assert_held(&watch_lock);
	looked = jiffies;
	look_err = pin_if_dead() ? -EBUSY : 0;
	for (i = 0; i < nr_watched; i++) {
		/* A hook that has been removed does not count. */
		away = watched[i].armed && jumps_away(&watched[i]);
		if (away != watched[i].rewritten)
			notice(&watched[i], away);
		if (away)
			look_err = -EBUSY;
	}
}

/**
 * hook_text_watch - check the armed functions, at most once a second
 *
 * While a function is rewritten, no more VMs may rely on the hooks, and rmmod is
 * refused.  Each change is one line in the log.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if the last look found a rewritten function, or found that ftrace has
 * stopped permanently.
 */
int hook_text_watch(void)
{
	int err;

	mutex_lock(&watch_lock);
	if (time_after(jiffies, looked + LOOK_VALID))
		look();
	err = look_err;
	mutex_unlock(&watch_lock);
	return err;
}

static void watch(struct work_struct *work);
static DECLARE_DEFERRABLE_WORK(watch_work, watch);

static void watch(struct work_struct *work)
{
	mutex_lock(&watch_lock);
	look();
	mutex_unlock(&watch_lock);
	queue_delayed_work(system_power_efficient_wq, &watch_work, WATCH_PERIOD);
}

/**
 * hook_text_begin - watch a table that has been armed
 * @hooks: the table
 * @nr: number of rows
 * @ftrace: ftrace has armed it
 *
 * Context: may sleep.
 */
void hook_text_begin(struct hook *hooks, unsigned int nr, bool ftrace)
{
	mutex_lock(&watch_lock);
	watched = hooks;
	nr_watched = nr;
	by_ftrace = ftrace;
	looked = jiffies;
	look_err = 0;
	mutex_unlock(&watch_lock);
	queue_delayed_work(system_power_efficient_wq, &watch_work, WATCH_PERIOD);
}

/**
 * hook_text_end - stop watching, before the table is disarmed
 *
 * If a function was rewritten after the last look, the module is not pinned.  This waits
 * until the function's text is as it was: to remove the hook earlier would break the host.
 *
 * Context: may sleep.
 */
void hook_text_end(void)
{
	cancel_delayed_work_sync(&watch_work);
	mutex_lock(&watch_lock);
	for (look(); look_err && !hook_ftrace_is_dead(); look())
		msleep(100);
	nr_watched = 0;
	mutex_unlock(&watch_lock);
}
