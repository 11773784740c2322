// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes that wait for the guest's reboot.
 *
 * A VM that has run changes when every vCPU has been initialised again
 * (KVM_ARM_VCPU_INIT) and no vCPU has run in between.  mte_vm.reinit_vcpus is the set
 * of vCPUs that have been initialised again.  KVM_RUN clears the set, under
 * mte_vm.lock.
 *
 * The vCPU that completes the set drops all stage-2 mappings, because pages were mapped
 * without a check of their tags.  Then it checks again, under the lock, that the set is
 * complete.  If a vCPU ran in between, the set is empty, and the change still waits.
 *
 * As soon as "on" is requested, stage2.c clears tags as for an MTE VM.  So it is safe if
 * an MMU notifier creates mappings after all mappings were dropped.  The notifier and
 * the dropping both take kvm->mmu_lock.
 */
#include "compat.h"
#include "vm/backend.h"
#include "vm/state.h"

/**
 * vm_set_at_reboot - request a change at the guest's reboot, or take a request back
 * @vm: the VM, which has run
 * @on: turn MTE on or off
 * @origin: the source of the request
 *
 * Context: kvm->lock and slots_lock held.
 * Return: 0 or the error of vm_change_state().
 */
int vm_set_at_reboot(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	enum vm_event event = on ? VM_ASK_ON : VM_ASK_OFF;
	int err = 0;

	raw_spin_lock(&vm->lock);
	if (vm_requested(vm, on))
		goto out;
	if (state_is_pending(vm->state)) {
		vm->origin = vm->origin_before;
		err = vm_change_state(vm, event);
		goto out;
	}
	bitmap_zero(vm->reinit_vcpus, KVM_MAX_VCPUS);
	err = vm_change_state(vm, event);
	if (err)
		goto out;
	vm->origin_before = vm->origin;
	vm->origin = origin;
out:
	raw_spin_unlock(&vm->lock);
	return err;
}

/* A vCPU that was never initialised does not count: it cannot have run. */
static bool all_reinitialised(struct mte_vm *vm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	lockdep_assert_held(&vm->lock);
	kvm_for_each_vcpu(i, vcpu, vm->kvm)
		if (compat_vcpu_is_initialised(vcpu) &&
		    !test_bit(vcpu->vcpu_idx, vm->reinit_vcpus))
			return false;
	return vcpus_all_online(vm->kvm, i);
}

static bool finish_pending(struct mte_vm *vm)
{
	bool done = false;

	raw_spin_lock(&vm->lock);
	if (state_is_pending(vm->state) && all_reinitialised(vm)) {
		/* Cannot fail: a VM with a pending change has pinned the module. */
		vm_change_state(vm, VM_REINITIALISED);
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
		set_bit(vcpu->vcpu_idx, vm->reinit_vcpus);
		complete = all_reinitialised(vm);
	}
	raw_spin_unlock(&vm->lock);
	if (!complete)
		return;

	vm_drop_mappings(vm->kvm);
	if (!finish_pending(vm))
		return;
	vm_uevent_changed(vm);
	migration_vm_on(vm);
}

/**
 * vm_vcpu_will_run_slow - a vCPU is about to run, so a pending change must wait
 * @vcpu: the vCPU
 *
 * Context: KVM_RUN, before the guest is entered; any.
 */
void vm_vcpu_will_run_slow(struct kvm_vcpu *vcpu)
{
	struct mte_vm *vm = registry_find(vcpu->kvm);

	if (!vm || !state_is_pending(READ_ONCE(vm->state)))
		return;
	raw_spin_lock(&vm->lock);
	bitmap_zero(vm->reinit_vcpus, KVM_MAX_VCPUS);
	raw_spin_unlock(&vm->lock);
}
