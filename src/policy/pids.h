/* SPDX-License-Identifier: GPL-2.0-only */
/* The interface between policy.c and pids.c. */
#ifndef _KVM_MTE_POLICY_PIDS_H
#define _KVM_MTE_POLICY_PIDS_H

#include <linux/sysfs.h>

#include "policy/policy.h"

extern struct bin_attribute on_pids_attr, off_pids_attr, request_pids_attr;
enum vm_policy policy_of_ancestors(enum vm_policy otherwise);
void policy_forget_pids(void);

#endif /* _KVM_MTE_POLICY_PIDS_H */
