/* SPDX-License-Identifier: GPL-2.0-only */
/* The interface between policy.c and cgroups.c. */
#ifndef _KVM_MTE_POLICY_CGROUPS_H
#define _KVM_MTE_POLICY_CGROUPS_H

#include <linux/sysfs.h>

#include "policy/policy.h"

extern struct bin_attribute on_cgroups_attr, off_cgroups_attr, request_cgroups_attr;
enum vm_policy policy_of_cgroups(enum vm_policy otherwise);
void policy_forget_cgroups(void);

#endif /* _KVM_MTE_POLICY_CGROUPS_H */
