// SPDX-License-Identifier: GPL-2.0
/*
 * What policy means to a VM: it turns it on when it is made, and gives way where
 * the VM turns out to need what MTE forbids.
 */
#include <linux/delay.h>
#include <linux/module.h>

#include "vm/backend.h"
#include "vm/state.h"

/*
 * Longest wait, in milliseconds, for a vCPU or VM that is in an ioctl.  Short:
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
	if (vm->policy != POLICY_ON || READ_ONCE(vm->origin) != ORIGIN_NONE)
		return;
	/* A thread that guessed the descriptor may hold the locks that this waits for. */
	if (!try_module_get(THIS_MODULE))
		return;
	vm_set(vm, true, ORIGIN_POLICY);
	module_put(THIS_MODULE);
}

/* On by policy alone, and never run? */
static bool may_leave(struct mte_vm *vm)
{
	lockdep_assert_held(&vm->lock);
	return vm->state == VM_ON && vm->origin == ORIGIN_POLICY &&
	       !vcpus_have_run(vm->kvm);
}

static bool others_are_so(struct kvm *kvm, const struct kvm_vcpu *self)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (vcpu != self && compat_vcpu_is_initialised(vcpu) &&
		    !vcpu_no_mte_features(vcpu))
			return false;
	return true;
}

/**
 * vm_leave_policy_vcpu - turn a VM off again that only policy turned on, and
 * that turns out to be a 32-bit one, or one for nested virtualization
 * @vm: the VM
 * @self: the vCPU that is initialised so; its mutex is held
 *
 * Policy never breaks a VM.  No vCPU need be held still: a VM with another vCPU
 * can have no such one, KVM itself refuses that, and these run only when this has
 * turned the VM off.
 *
 * Context: may sleep.
 * Return: true if the VM is off now; false if the caller must refuse.
 */
bool vm_leave_policy_vcpu(struct mte_vm *vm, struct kvm_vcpu *self)
{
	bool is_off, leave;

	mutex_lock(&vm->leave);
	raw_spin_lock(&vm->lock);
	/* Two vCPUs may be here at once: the second finds it done. */
	is_off = vm->state == VM_OFF;
	leave = !is_off && others_are_so(vm->kvm, self) && may_leave(vm);
	raw_spin_unlock(&vm->lock);
	if (leave)
		vm_set_off(vm, ORIGIN_NONE, atomic_read(&vm->kvm->online_vcpus));
	mutex_unlock(&vm->leave);
	if (leave)
		sysfs_vm_changed(vm);
	return is_off || leave;
}

static int try_leave(struct mte_vm *vm)
{
	struct kvm *kvm = vm->kvm;
	bool leave;
	int nr;

	if (READ_ONCE(vm->origin) != ORIGIN_POLICY || vcpus_have_run(kvm))
		return -EPERM;
	nr = vcpus_hold(kvm);
	if (nr < 0)
		return nr;
	raw_spin_lock(&vm->lock);
	leave = may_leave(vm);
	raw_spin_unlock(&vm->lock);
	if (leave)
		vm_set_off(vm, ORIGIN_NONE, nr);
	vcpus_release(kvm, nr);
	return leave ? 0 : -EPERM;
}

/* kvm->lock is taken outside slots_lock, which is held: only a try. */
static int try_leave_locked(struct mte_vm *vm)
{
	int err;

	if (!mutex_trylock(&vm->kvm->lock))
		return -EAGAIN;
	err = try_leave(vm);
	mutex_unlock(&vm->kvm->lock);
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
		err = try_leave_locked(vm);
	}
	if (!err)
		sysfs_vm_changed(vm);
	return !err;
}
