/* SPDX-License-Identifier: GPL-2.0-only */
/* What ftrace.c offers to the other files about ftrace. */
#ifndef _KVM_MTE_HOOK_FTRACE_H
#define _KVM_MTE_HOOK_FTRACE_H

#include "hook/engine.h"

extern struct ftrace_ops hook_ops;
void hook_ftrace_entry(unsigned long ip, unsigned long parent_ip,
		       struct ftrace_ops *ops, compat_ftrace_regs_t *regs);
int hook_ftrace_reset(struct ftrace_ops *ops);
void hook_ftrace_unregister(struct ftrace_ops *ops);

#endif /* _KVM_MTE_HOOK_FTRACE_H */
