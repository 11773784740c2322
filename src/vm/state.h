/* SPDX-License-Identifier: GPL-2.0 */
/* Inside the state machine: what state.c, set.c, yield.c and the backends share. */
#ifndef _KVM_MTE_STATE_H
#define _KVM_MTE_STATE_H

#include "vm/vm.h"

static inline bool state_is_pending(enum vm_state state)
{
	return state == VM_TURNING_ON || state == VM_TURNING_OFF;
}

static inline bool vm_is_asked_for(const struct mte_vm *vm, bool on)
{
	return on ? vm->state == VM_ON || vm->state == VM_TURNING_ON
		  : vm->state == VM_OFF || vm->state == VM_TURNING_OFF;
}

/* state.c */
int vm_enter_state(struct mte_vm *vm, enum vm_state to);
void vm_keep_hooks(struct mte_vm *vm);
void vm_set_off(struct mte_vm *vm, enum vm_origin origin, int nr);

/* kvm/memslot.c */
void vm_drop_mappings(struct kvm *kvm);

/* vcpus.c */
bool vcpus_have_run(struct kvm *kvm);
unsigned long vcpu_no_mte_features(struct kvm_vcpu *vcpu);
unsigned long vcpus_no_mte_features(struct kvm *kvm);
bool vcpus_all_online(struct kvm *kvm, int nr);
int vcpus_hold(struct kvm *kvm);
void vcpus_release(struct kvm *kvm, int nr);

#endif /* _KVM_MTE_STATE_H */
