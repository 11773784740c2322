/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM that is held: hold.c. */
#ifndef _KVM_MTE_HOLD_H
#define _KVM_MTE_HOLD_H

#include "vm/vm.h"

/* Who holds a VM: bits of vm_hold.by. */
#define VM_HOLD_ADMIN	BIT(0)
#define VM_HOLD_FILE	BIT(1)

/**
 * struct hold_waiter - a vCPU that waits in KVM_RUN
 * @node: in vm_hold.waiters
 * @vcpu: the vCPU
 */
struct hold_waiter {
	struct list_head node;
	const struct kvm_vcpu *vcpu;
};

/* Number of VMs that are held.  For fast exits. */
extern atomic_t vms_held;

/* Has any VM ever been held?  Never becomes false again.  For fast exits. */
extern bool vm_hold_used;

/*
 * Is this VM held, so that none of its vCPUs enters the guest?  The caller keeps the VM
 * alive by KVM's own rules.  Context: any.
 */
static __always_inline bool vm_is_held(const struct kvm *kvm)
{
	const struct mte_vm *vm;

	if (likely(!atomic_read(&vms_held)))
		return false;
	/* A caller that sees a held VM also sees vm_hold_used.  Pairs with vm_hold_get(). */
	smp_rmb();
	vm = registry_find(kvm);
	return vm && READ_ONCE(vm->hold.by);
}

/* hold.c */
int vm_hold_get(struct mte_vm *vm, unsigned int who);
void vm_hold_put(struct mte_vm *vm, unsigned int who);
void vm_hold_log(struct mte_vm *vm, bool on);
void vm_hold_release(struct mte_vm *vm);
void vm_hold_end(struct mte_vm *vm);
bool vm_is_stopped(struct mte_vm *vm);
bool vm_stays_stopped(struct mte_vm *vm);
int vm_hold_request(struct mte_vm *vm, bool on);

/* hold_run.c */
bool vm_hold_wants_run(const struct kvm *kvm);
int vm_hold_run(struct kvm_vcpu *vcpu, int (*run)(struct kvm_vcpu *vcpu));

#endif /* _KVM_MTE_HOLD_H */
