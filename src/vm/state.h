/* SPDX-License-Identifier: GPL-2.0-only */
/* The interface inside this room; transfer/ uses vcpus_have_entered() too.  The rest: vm.h. */
#ifndef _KVM_MTE_STATE_H
#define _KVM_MTE_STATE_H

#include "vm/vm.h"

/**
 * enum vm_event - what changes a VM's state
 * @VM_SET_ON: request to turn on a VM that has never run (set.c)
 * @VM_SET_OFF: request to turn off such a VM; or policy falls back (yield.c)
 * @VM_ASK_ON: request to turn on a VM that has run (reboot.c)
 * @VM_ASK_OFF: request to turn off such a VM; or a VM that is turning on must stay off: it
 *	got a slot or a vCPU that excludes MTE, or its migration is refused (reboot.c)
 * @VM_REINITIALISED: the guest has rebooted: all vCPUs were reinitialised (reboot.c)
 * @VM_KVM_GAVE: KVM itself has given the VM MTE (state.c)
 * @VM_DESTROY: the VM is being destroyed (state.c)
 */
enum vm_event {
	VM_SET_ON, VM_SET_OFF, VM_ASK_ON, VM_ASK_OFF, VM_REINITIALISED, VM_KVM_GAVE,
	VM_DESTROY
};

/* state.c */
int vm_change_state(struct mte_vm *vm, enum vm_event event);
void vm_get_hooks(struct mte_vm *vm);

/* switch.c */
int vm_switch_on(struct mte_vm *vm, enum vm_event event, enum vm_origin origin, int nr);
void vm_switch_off(struct mte_vm *vm, enum vm_event event, enum vm_origin origin, int nr);

/* vcpus.c */
bool vcpus_have_run(struct kvm *kvm);
bool vcpus_have_entered(struct kvm *kvm);
unsigned long vcpu_no_mte_features(struct kvm_vcpu *vcpu);
unsigned long vcpus_no_mte_features(struct kvm *kvm);
int vcpus_hold(struct kvm *kvm, const struct kvm_vcpu *self);
void vcpus_release(struct kvm *kvm, int nr, const struct kvm_vcpu *self);

/* reboot.c */
int vm_set_at_reboot(struct mte_vm *vm, bool on, enum vm_origin origin);

#endif /* _KVM_MTE_STATE_H */
