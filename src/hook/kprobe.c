// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks by kprobes: a breakpoint at each function's first instruction.  They are slower
 * than ftrace, but are always there: the module does not build without CONFIG_KPROBES.
 */
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/string.h>

#include "hook/engine.h"

static int kprobe_entry(struct kprobe *kp, struct pt_regs *regs)
{
	unsigned long to;

	to = hook_dispatch(container_of(kp, struct hook, kp), regs->regs,
			   regs->sp);
	if (!to)
		return 0;
	instruction_pointer_set(regs, to);
	return 1;
}

NOKPROBE_SYMBOL(kprobe_entry);

static int add_kprobe(struct hook *hook, u32 flags)
{
	int err;

	/* Registering changes the fields of a kprobe: start from zero. */
	memset(&hook->kp, 0, sizeof(hook->kp));
	hook->kp.addr = (kprobe_opcode_t *)hook->addr;
	hook->kp.pre_handler = kprobe_entry;
	hook->kp.flags = flags;
	err = register_kprobe(&hook->kp);
	if (err == -ENOMEM)
		hook_refused(hook, "kprobes", err);
	else if (err)
		hook_cannot(hook, "no kprobe can be set (%d)", err);
	return err;
}

/**
 * hook_kprobe_check - can kprobes be set on these functions?
 * @hooks: the table
 * @nr: number of rows; armed rows are skipped
 * @all: check all rows, not only those that ftrace cannot trace
 *
 * Context: may sleep.
 * Return: 0 or the error of register_kprobe(), with the name in the log.  An optional
 * hook is left out instead, but not after -ENOMEM.
 */
int hook_kprobe_check(struct hook *hooks, unsigned int nr, bool all)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		if (!hooks[i].addr || hooks[i].armed || !(all || hooks[i].untraceable))
			continue;
		err = add_kprobe(&hooks[i], KPROBE_FLAG_DISABLED);
		if (!err)
			unregister_kprobe(&hooks[i].kp);
		else if (err != -ENOMEM && hook_may_be_missing(&hooks[i]))
			hooks[i].addr = 0;
		else
			return err;
	}
	return 0;
}

/**
 * hook_kprobe_set - set one hook
 * @hook: the row
 *
 * Context: may sleep.
 * Return: 0 or the error of register_kprobe(), with the name in the log.
 */
int hook_kprobe_set(struct hook *hook)
{
	return add_kprobe(hook, 0);
}

/**
 * hook_kprobe_clear - remove one hook
 * @hook: the row
 *
 * Context: may sleep; when it returns its handler does not run.
 * Return: how many calls were missed.
 */
unsigned long hook_kprobe_clear(struct hook *hook)
{
	unregister_kprobe(&hook->kp);
	return hook->kp.nmissed;
}

/* Some of the kprobes may have been set. */
static void unset(struct hook *hooks, unsigned int nr)
{
	while (nr--) {
		if (hooks[nr].armed)
			hook_kprobe_clear(&hooks[nr]);
		hooks[nr].armed = false;
	}
}

/**
 * hook_kprobe_arm - set kprobes for all hooks that are not on-demand, or for none
 * @hooks: the table
 * @nr: number of rows
 *
 * Context: may sleep.
 * Return: 0 or the error of register_kprobe(), with the name in the log.
 */
int hook_kprobe_arm(struct hook *hooks, unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		if (hook_is_on_demand(&hooks[i]) || !hooks[i].addr)
			continue;
		err = hook_kprobe_set(&hooks[i]);
		if (err) {
			unset(hooks, nr);
			return err;
		}
		hooks[i].armed = true;
	}
	return 0;
}
