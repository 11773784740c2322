/* SPDX-License-Identifier: GPL-2.0 */
/* Inside the inject backend. */
#ifndef _KVM_MTE_INJECT_H
#define _KVM_MTE_INJECT_H

#include "vm/backend.h"
#include "vm/state.h"

/* reboot.c: changes that wait for the guest's reboot */
void vm_vcpu_initialised(struct mte_vm *vm, struct kvm_vcpu *vcpu);
void vm_vcpu_ran(struct kvm_vcpu *vcpu);

/* vcpu.c: HCR_EL2.ATA and the four registers */
int vcpu_prepare(struct kvm_vcpu *vcpu);
void vcpu_forget_all(void);

#endif /* _KVM_MTE_INJECT_H */
