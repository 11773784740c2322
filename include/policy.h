/* SPDX-License-Identifier: GPL-2.0 */
/* Inside policy: what policy.c and policy_pids.c share. */
#ifndef _KVM_MTE_POLICY_H
#define _KVM_MTE_POLICY_H

#include <linux/sysfs.h>

#include "vm/vm.h"

/* policy_pids.c */
extern COMPAT_BIN_ATTRIBUTES policy_pids_attrs[];
enum vm_policy policy_of_ancestors(enum vm_policy otherwise);

#endif /* _KVM_MTE_POLICY_H */
