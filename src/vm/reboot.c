// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes that wait for the guest's reboot.
 *
 * A VM that has run changes when every vCPU has been initialised again
 * (KVM_ARM_VCPU_INIT) and has not run since.  mte_vm.reinit_vcpus is the set of vCPUs
 * that have been initialised again, and mte_vm.reinit_exits has the number of exits of
 * each at that time.  KVM counts an exit each time that a vCPU leaves the guest, so a
 * vCPU with the same number has not run.
 *
 * The KVM_ARM_VCPU_INIT that completes the set holds all other vCPUs (vcpus_hold()).
 * Then it looks again, and switches the VM.  It holds its own vCPU while it waits for
 * the others.  If two such ioctls waited for each other, neither would end.  So only the
 * last one in flight waits, and the others leave the work to it (mte_vm.inits).
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "vm/backend.h"
#include "vm/state.h"

/* How long KVM_ARM_VCPU_INIT waits for a vCPU that is in another ioctl, in jiffies. */
#define COMPLETE_TIMEOUT	HZ

/**
 * vm_set_at_reboot - request a change at the guest's reboot, or take a request back
 * @vm: the VM, which has run
 * @on: turn MTE on or off
 * @origin: the source of the request
 *
 * Context: kvm->lock and slots_lock held; may sleep.
 * Return: 0, -ENOMEM, or the error of vm_change_state().
 */
int vm_set_at_reboot(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	enum vm_event event = on ? VM_ASK_ON : VM_ASK_OFF;
	int err = 0;

	/* Kept until the VM is destroyed.  Nothing else sets it: kvm->lock is held. */
	if (!vm->reinit_exits) {
		vm->reinit_exits = kvcalloc(KVM_MAX_VCPUS, sizeof(*vm->reinit_exits),
					    GFP_KERNEL_ACCOUNT);
		if (!vm->reinit_exits)
			return -ENOMEM;
	}
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

/*
 * Drops the request of a VM that waits for MTE, because a slot, a vCPU or a migration now
 * excludes MTE.  Returns false if the VM did not wait any more.
 */
static bool drop_request(struct mte_vm *vm)
{
	bool dropped = false;

	raw_spin_lock(&vm->lock);
	if (vm->state == VM_TURNING_ON) {
		vm->origin = vm->origin_before;
		vm_change_state(vm, VM_ASK_OFF);
		dropped = true;
	}
	raw_spin_unlock(&vm->lock);
	if (dropped)
		vm_uevent_changed(vm);
	return dropped;
}

/**
 * vm_slot_excludes_mte - a VM that is turning on gets a slot that cannot hold tags
 * @vm: the VM
 *
 * The VM has no MTE yet, so it may have the slot.  The pending change is dropped.
 *
 * Context: slots_lock held; may sleep.
 */
void vm_slot_excludes_mte(struct mte_vm *vm)
{
	if (drop_request(vm))
		vm_notice(vm, "no longer turning on: a new memory slot cannot hold tags\n");
}

/* Root can reset the number (KVM's debugfs).  A change may then wait for another reboot. */
static u64 exits(const struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->stat.exits);
}

/* Exact if the vCPU's mutex is held. */
static bool has_not_run_since(const struct mte_vm *vm, const struct kvm_vcpu *vcpu)
{
	return test_bit(vcpu->vcpu_idx, vm->reinit_vcpus) &&
	       exits(vcpu) == vm->reinit_exits[vcpu->vcpu_idx] &&
	       READ_ONCE(vcpu->mode) == OUTSIDE_GUEST_MODE;
}

/*
 * A vCPU that was never initialised does not count: it cannot have run.  Exact if all
 * vCPUs and kvm->lock are held.  A vCPU that is being created has no file then, so it
 * cannot be used yet.
 */
static bool all_reinitialised(struct mte_vm *vm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	lockdep_assert_held(&vm->lock);
	kvm_for_each_vcpu(i, vcpu, vm->kvm)
		if (compat_vcpu_is_initialised(vcpu) && !has_not_run_since(vm, vcpu))
			return false;
	return true;
}

static void note_reinitialised(struct mte_vm *vm, const struct kvm_vcpu *vcpu)
{
	raw_spin_lock(&vm->lock);
	if (state_is_pending(vm->state)) {
		vm->reinit_exits[vcpu->vcpu_idx] = exits(vcpu);
		set_bit(vcpu->vcpu_idx, vm->reinit_vcpus);
	}
	raw_spin_unlock(&vm->lock);
}

/*
 * Does this KVM_ARM_VCPU_INIT end without another try?  It does if another one is in flight
 * and finishes the change, if there is nothing to finish, if the time is over, or if the
 * caller is killed.  Then it no longer counts in mte_vm.inits.
 */
static bool leave(struct mte_vm *vm, unsigned long end)
{
	bool last, complete;

	raw_spin_lock(&vm->lock);
	last = vm->inits == 1;
	complete = state_is_pending(vm->state) && all_reinitialised(vm);
	if (last && complete && time_before(jiffies, end) && !fatal_signal_pending(current)) {
		raw_spin_unlock(&vm->lock);
		return false;
	}
	vm->inits--;
	raw_spin_unlock(&vm->lock);
	if (last && complete && !fatal_signal_pending(current))
		vm_notice(vm, "not changed at this reboot: a vCPU, or the VM itself, is busy in an ioctl\n");
	return true;
}

/*
 * All vCPUs, kvm->lock and slots_lock are held, so no admin takes the request back, and no
 * slot makes the VM drop it.
 */
static bool switch_held(struct mte_vm *vm, int nr)
{
	enum vm_origin origin;
	bool on, go;

	raw_spin_lock(&vm->lock);
	origin = vm->origin;
	go = state_is_pending(vm->state) && all_reinitialised(vm);
	on = vm->state == VM_TURNING_ON;
	raw_spin_unlock(&vm->lock);
	if (!go)
		return false;
	if (on && vcpus_no_mte_features(vm->kvm)) {
		if (drop_request(vm))
			vm_notice(vm, "no longer turning on: a new vCPU is 32-bit or for nested virtualization\n");
		return false;
	}
	if (on && migration_on_refused(vm, origin)) {
		if (drop_request(vm))
			vm_notice(vm, "no longer turning on: its memory is logged, and migration is refused\n");
		return false;
	}
	if (on)
		return !vm_switch_on(vm, VM_REINITIALISED, origin, nr);
	vm_switch_off(vm, VM_REINITIALISED, origin, nr);
	return true;
}

static bool try_with_slots(struct mte_vm *vm, struct kvm_vcpu *self)
{
	bool done = false;
	int nr;

	if (!mutex_trylock(&vm->kvm->slots_lock))
		return false;
	nr = vcpus_hold(vm->kvm, self);
	if (nr >= 0) {
		done = switch_held(vm, nr);
		vcpus_release(vm->kvm, nr, self);
	}
	mutex_unlock(&vm->kvm->slots_lock);
	return done;
}

/*
 * kvm->lock is taken outside vcpu->mutex, and this vCPU's is held.  So this only tries
 * the lock.
 */
static bool try_complete(struct mte_vm *vm, struct kvm_vcpu *self)
{
	bool done;

	if (!mutex_trylock(&vm->kvm->lock))
		return false;
	done = try_with_slots(vm, self);
	mutex_unlock(&vm->kvm->lock);
	return done;
}

/**
 * vm_init_begin - KVM_ARM_VCPU_INIT of a vCPU begins
 * @vm: its VM, which is not VM_OFF
 *
 * Context: the ioctl, with vcpu->mutex held; the same ioctl calls vm_init_end() later.
 */
void vm_init_begin(struct mte_vm *vm)
{
	raw_spin_lock(&vm->lock);
	vm->inits++;
	raw_spin_unlock(&vm->lock);
}

/**
 * vm_init_end - KVM_ARM_VCPU_INIT of a vCPU ends
 * @vm: its VM
 * @vcpu: the vCPU
 * @err: the result of KVM's own function
 *
 * Completes a pending change if this was the last vCPU.  If a vCPU stays in another
 * ioctl for a second, the change waits for the next reboot.
 *
 * Context: the ioctl, with vcpu->mutex held; may sleep.
 */
void vm_init_end(struct mte_vm *vm, struct kvm_vcpu *vcpu, long err)
{
	unsigned long end = jiffies + COMPLETE_TIMEOUT;
	bool done = false;

	if (!err)
		note_reinitialised(vm, vcpu);
	while (!leave(vm, end)) {
		if (try_complete(vm, vcpu))
			done = true;
		else
			usleep_range(500, 1000);
	}
	if (!done)
		return;
	vm_uevent_changed(vm);
	migration_vm_on(vm);
}
