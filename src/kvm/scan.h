/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds VMs by their open files. */
#ifndef _KVM_MTE_SCAN_H
#define _KVM_MTE_SCAN_H

struct kvm;

int scan_vms(void);
int scan_own_fd(const struct kvm *kvm);

#endif /* _KVM_MTE_SCAN_H */
