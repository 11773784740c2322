// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives MTE to a VM, or takes it away: changes the state, calls the backend, and (only when it
 * gives MTE) drops stage-2 mappings.  This is done before the vCPUs run, or at the guest's reboot.
 */
#include "vm/backend.h"
#include "vm/state.h"

/**
 * vm_switch_on - give MTE to a VM
 * @vm: the VM; no vCPU has run since its KVM_ARM_VCPU_INIT
 * @event: VM_SET_ON or VM_REINITIALISED
 * @origin: its new origin
 * @nr: number of its vCPUs
 *
 * Context: may sleep.  The caller holds kvm->lock, slots_lock and all vCPUs, and keeps
 * the VMM's address space alive.
 * Return: 0, or the error of vm_change_state().
 */
int vm_switch_on(struct mte_vm *vm, enum vm_event event, enum vm_origin origin, int nr)
{
	int err;

	raw_spin_lock(&vm->lock);
	err = vm_change_state(vm, event);
	if (!err)
		vm->origin = origin;
	raw_spin_unlock(&vm->lock);
	if (err)
		return err;
	/* The VMM may write back registers that it saved earlier, or on another host. */
	WRITE_ONCE(vm->switched, true);
	vm_backend->switch_mte(vm->kvm, true, nr);
	/*
	 * Pages of a VM that has run were mapped without a check of their tags.  In a VM
	 * that has not run, an MMU notifier may have mapped pages.  vm_drop_mappings()
	 * takes mmu_lock, under which faults and notifiers map pages, so later mappings
	 * are those of an MTE VM.
	 */
	vm_drop_mappings(vm->kvm);
	return 0;
}

/**
 * vm_switch_off - take MTE from a VM
 * @vm: the VM, which is VM_ON or VM_TURNING_OFF; no vCPU has run since its
 *	KVM_ARM_VCPU_INIT
 * @event: VM_SET_OFF or VM_REINITIALISED
 * @origin: its new origin
 * @nr: number of its vCPUs
 *
 * The state changes last: a reader that sees "off" finds KVM's own flag cleared.
 *
 * Context: may sleep.  Nothing else may change the state: the caller holds kvm->lock
 * and all vCPUs, or is vm_policy_fallback_vcpu().
 */
void vm_switch_off(struct mte_vm *vm, enum vm_event event, enum vm_origin origin, int nr)
{
	WRITE_ONCE(vm->switched, true);
	vm_backend->switch_mte(vm->kvm, false, nr);
	raw_spin_lock(&vm->lock);
	vm_change_state(vm, event);
	vm->origin = origin;
	raw_spin_unlock(&vm->lock);
}
