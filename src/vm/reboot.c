// SPDX-License-Identifier: GPL-2.0
/*
 * Changes that wait for the guest's reboot.
 *
 * A VM that has run changes when every vCPU has been initialised anew
 * (KVM_ARM_VCPU_INIT) with none having run in between; mte_vm.fresh says which
 * have.  KVM_RUN empties the set, under mte_vm.lock.  The vCPU that
 * completes it drops all stage-2 mappings - pages behind them were mapped
 * without a look at their tags - and then looks again under the lock whether
 * the set is still complete: if a vCPU ran meanwhile the set is empty,
 * and the change goes on waiting.  From the moment a change to on is asked for,
 * stage2.c clears tags as for an MTE VM, so mappings made by an MMU notifier
 * behind the unmapping are good; the two meet in kvm->mmu_lock.
 */
#include "inject/inject.h"

/**
 * backend_set_after_run - ask for a change, or take back one that was asked for
 * @vm: the VM, which has run
 * @on: what is wanted
 * @origin: who asks
 *
 * Context: slots_lock held.
 * Return: 0 or the error of vm_enter_state().
 */
int backend_set_after_run(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	int err = 0;

	raw_spin_lock(&vm->lock);
	if (vm_is_asked_for(vm, on))
		goto out;
	if (state_is_pending(vm->state)) {
		vm->origin = vm->origin_before;
		err = vm_enter_state(vm, on ? VM_ON : VM_OFF);
		goto out;
	}
	bitmap_zero(vm->fresh, KVM_MAX_VCPUS);
	err = vm_enter_state(vm, on ? VM_TURNING_ON : VM_TURNING_OFF);
	if (err)
		goto out;
	vm->origin_before = vm->origin;
	vm->origin = origin;
out:
	raw_spin_unlock(&vm->lock);
	return err;
}

/* A vCPU that was never initialised cannot have run. */
static bool all_fresh(struct mte_vm *vm)
{
	struct kvm_vcpu *vcpu;
	int i;

	lockdep_assert_held(&vm->lock);
	kvm_for_each_vcpu(i, vcpu, vm->kvm)
		if (vcpu->arch.target >= 0 &&
		    !test_bit(vcpu->vcpu_idx, vm->fresh))
			return false;
	return vcpus_all_online(vm->kvm, i);
}

static bool finish_pending(struct mte_vm *vm)
{
	bool done = false;

	raw_spin_lock(&vm->lock);
	if (state_is_pending(vm->state) && all_fresh(vm)) {
		/* Cannot fail: the module is pinned already. */
		vm_enter_state(vm, vm->state == VM_TURNING_ON ? VM_ON : VM_OFF);
		done = true;
	}
	raw_spin_unlock(&vm->lock);
	return done;
}

/**
 * vm_vcpu_initialised - KVM_ARM_VCPU_INIT of a vCPU has succeeded
 * @vm: its VM
 * @vcpu: the vCPU
 *
 * Completes a pending change if this was the last vCPU.
 *
 * Context: the ioctl, with vcpu->mutex held; may sleep.
 */
void vm_vcpu_initialised(struct mte_vm *vm, struct kvm_vcpu *vcpu)
{
	bool complete = false;

	raw_spin_lock(&vm->lock);
	if (state_is_pending(vm->state)) {
		set_bit(vcpu->vcpu_idx, vm->fresh);
		complete = all_fresh(vm);
	}
	raw_spin_unlock(&vm->lock);
	if (!complete)
		return;

	vm_drop_mappings(vm->kvm);
	if (!finish_pending(vm))
		return;
	sysfs_vm_changed(vm);
	migration_vm_on(vm);
}

/**
 * vm_vcpu_ran - a vCPU is about to run while some VM has a change pending
 * @vcpu: the vCPU
 *
 * Context: where its KVM_RUN begins; preemption off, perhaps interrupts too.
 */
void vm_vcpu_ran(struct kvm_vcpu *vcpu)
{
	struct mte_vm *vm = registry_find(vcpu->kvm);

	if (!vm || !state_is_pending(READ_ONCE(vm->state)))
		return;
	raw_spin_lock(&vm->lock);
	bitmap_zero(vm->fresh, KVM_MAX_VCPUS);
	raw_spin_unlock(&vm->lock);
}
