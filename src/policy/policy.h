/* SPDX-License-Identifier: GPL-2.0-only */
/* Policy: what becomes of a VM, by the process that creates it. */
#ifndef _KVM_MTE_POLICY_H
#define _KVM_MTE_POLICY_H

struct attribute_group;

/**
 * enum vm_policy - what becomes of a VM if no admin decides
 * @POLICY_REQUEST: the VMM is offered MTE and may enable it
 * @POLICY_ON: the VM gets MTE when it is created, even if its VMM never asks
 * @POLICY_OFF: the VMM is not offered MTE
 */
enum vm_policy { POLICY_REQUEST, POLICY_ON, POLICY_OFF };

/* policy/ in sysfs */
extern const struct attribute_group policy_group;

int policy_parse(const char *word);
const char *policy_word(void);
enum vm_policy policy_of_current(void);
enum vm_policy policy_of_old(void);
void policy_exit(void);

#endif /* _KVM_MTE_POLICY_H */
