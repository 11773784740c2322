/* SPDX-License-Identifier: GPL-2.0-only */
/* What main.c calls in files outside of the rooms. */
#ifndef _KVM_MTE_H
#define _KVM_MTE_H

#include "hook/hook.h"

/* cpu.c: what the machine must have */
int cpu_check_host(void);
int cpu_watch_gmid(void);
void cpu_unwatch_gmid(void);

/* hook_table.c */
int hook_table_resolve(void);
int hook_table_arm(enum hook_mechanism how);
unsigned long hook_table_disarm(void);

#endif /* _KVM_MTE_H */
