// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks by kprobes: a breakpoint at each function's first instruction.  Slower
 * than ftrace, but every kernel with KVM can do it.
 */
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/string.h>

#include "hook_engine.h"

static int kprobe_entry(struct kprobe *kp, struct pt_regs *regs)
{
	unsigned long to;

	to = hook_dispatch(container_of(kp, struct hook, kp), regs->regs,
			   regs->regs[30]);
	if (!to)
		return 0;
	instruction_pointer_set(regs, to);
	return 1;
}

NOKPROBE_SYMBOL(kprobe_entry);

/**
 * hook_kprobe_arm - set kprobes on all hooks, or on none
 * @hooks: the table; each row's @addr is set
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
		/* Registering changes a kprobe's insides: start from zero. */
		memset(&hooks[i].kp, 0, sizeof(hooks[i].kp));
		hooks[i].kp.addr = (kprobe_opcode_t *)hooks[i].addr;
		hooks[i].kp.pre_handler = kprobe_entry;
		err = register_kprobe(&hooks[i].kp);
		if (err) {
			pr_err("%s: no kprobe can be set (%d); needed for %s\n",
			       hooks[i].name, err, hooks[i].lost);
			goto undo;
		}
	}
	return 0;
undo:
	while (i--)
		unregister_kprobe(&hooks[i].kp);
	return err;
}

/**
 * hook_kprobe_disarm - remove the kprobes
 * @hooks: the table
 * @nr: number of rows
 *
 * Context: may sleep; when it returns no handler runs.
 * Return: how many calls were missed.
 */
unsigned long hook_kprobe_disarm(struct hook *hooks, unsigned int nr)
{
	unsigned long missed = 0;

	while (nr--) {
		unregister_kprobe(&hooks[nr].kp);
		missed += hooks[nr].kp.nmissed;
	}
	return missed;
}
