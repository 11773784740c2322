/* SPDX-License-Identifier: GPL-2.0-only */
/* Policy: may a VMM enable MTE, and do VMs get MTE without a request? */
#ifndef _KVM_MTE_POLICY_H
#define _KVM_MTE_POLICY_H

struct attribute_group;

/**
 * enum vm_policy - which VMs get MTE if no admin decides
 * @POLICY_REQUEST: KVM_CHECK_EXTENSION offers MTE, and the VMM may enable it
 * @POLICY_ON: the VM gets MTE when it is created, even if its VMM never asks
 * @POLICY_OFF: KVM_CHECK_EXTENSION does not offer MTE, and the VMM may not enable it
 */
enum vm_policy { POLICY_REQUEST, POLICY_ON, POLICY_OFF };

/* policy/ in sysfs */
extern const struct attribute_group policy_group;

int policy_set_default(const char *word);
const char *policy_word(void);
enum vm_policy policy_of_current(void);
enum vm_policy policy_of_existing_vm(void);
void policy_exit(void);

#endif /* _KVM_MTE_POLICY_H */
