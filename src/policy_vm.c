// SPDX-License-Identifier: GPL-2.0
/*
 * What policy means to a VM: it turns it on when it is made, and gives way where
 * the VM turns out to need what MTE forbids.
 */
#include <linux/delay.h>

#include "backend.h"
#include "state.h"

/*
 * Longest wait, in milliseconds, for a vCPU that is in an ioctl just now.  Short:
 * our caller may hold slots_lock, which that ioctl may be waiting for.
 */
#define LEAVE_TRIES	100

/**
 * policy_apply - a VM has just been made: does policy turn it on?
 * @vm: the VM
 *
 * Context: the ioctl that made it; may sleep.
 */
void policy_apply(struct mte_vm *vm)
{
	/* Failing leaves it off and running, with the reason in the log. */
	if (vm->policy == POLICY_ON && READ_ONCE(vm->origin) == ORIGIN_NONE)
		vm_set(vm, true, ORIGIN_POLICY);
}

static bool left_policy(struct mte_vm *vm)
{
	lockdep_assert_held(&vm->lock);
	if (vm->state != VM_ON || vm->origin != ORIGIN_POLICY ||
	    vcpus_have_run(vm->kvm) || vm_enter_state(vm, VM_OFF))
		return false;
	vm->origin = ORIGIN_NONE;
	return true;
}

static bool others_are_32bit(struct kvm *kvm, const struct kvm_vcpu *self)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (vcpu != self && compat_vcpu_is_initialised(vcpu) &&
		    !vcpu_has_feature(vcpu, KVM_ARM_VCPU_EL1_32BIT))
			return false;
	return true;
}

/**
 * vm_leave_policy_32bit - turn a VM off again that only policy turned on, and
 * that turns out to be a 32-bit one
 * @vm: the VM
 * @self: the vCPU that is initialised as a 32-bit one; its mutex is held
 *
 * Policy never breaks a VM.  No vCPU need be held still: a VM with a 64-bit vCPU
 * can have no 32-bit one, KVM itself refuses that, and 32-bit ones run only when
 * this has turned the VM off.
 *
 * Context: may sleep.
 * Return: true if the VM is off now; false if the caller must refuse.
 */
bool vm_leave_policy_32bit(struct mte_vm *vm, struct kvm_vcpu *self)
{
	bool left;

	raw_spin_lock(&vm->lock);
	/* Two vCPUs may be here at once: the second finds it done. */
	left = vm->state == VM_OFF ||
	       (others_are_32bit(vm->kvm, self) && left_policy(vm));
	raw_spin_unlock(&vm->lock);
	if (!left)
		return false;
	backend_switch(vm->kvm, false, atomic_read(&vm->kvm->online_vcpus));
	sysfs_vm_changed(vm);
	return true;
}

static int try_leave(struct mte_vm *vm)
{
	struct kvm *kvm = vm->kvm;
	int nr, err;

	if (READ_ONCE(vm->origin) != ORIGIN_POLICY || vcpus_have_run(kvm))
		return -EPERM;
	nr = vcpus_hold(kvm);
	if (nr < 0)
		return nr;
	raw_spin_lock(&vm->lock);
	if (vcpus_all_online(kvm, nr))
		err = left_policy(vm) ? 0 : -EPERM;
	else
		err = -EAGAIN;
	raw_spin_unlock(&vm->lock);
	if (!err)
		backend_switch(kvm, false, nr);
	vcpus_release(kvm, nr);
	return err;
}

/**
 * vm_leave_policy_slot - turn a VM off again that only policy turned on, and that
 * turns out to need a memory slot that cannot hold tags
 * @vm: the VM
 *
 * Context: slots_lock held; may sleep.
 * Return: true if the VM is off now; false if it is not policy's or has run, and
 * the caller must refuse.
 */
bool vm_leave_policy_slot(struct mte_vm *vm)
{
	int tries, err = -EAGAIN;

	for (tries = 0; tries < LEAVE_TRIES && err == -EAGAIN; tries++) {
		if (tries)
			usleep_range(500, 1000);
		err = try_leave(vm);
	}
	if (!err)
		sysfs_vm_changed(vm);
	return !err;
}
