// SPDX-License-Identifier: GPL-2.0-only
/*
 * What policy means to a VM: policy turns the VM on when it is created, and turns it
 * off again (falls back) where the VM turns out to need what MTE forbids.
 */
#include <linux/delay.h>
#include <linux/module.h>

#include "compat.h"
#include "vm/backend.h"
#include "vm/state.h"

/*
 * Longest wait, in milliseconds, for a vCPU or VM that is in an ioctl.  Short:
 * our caller may hold slots_lock, which that ioctl may be waiting for.
 */
#define FALLBACK_TRIES	100

/**
 * vm_apply_policy - a VM has been created: does policy turn it on?
 * @vm: the VM
 *
 * Context: the ioctl that created it; may sleep.
 */
void vm_apply_policy(struct mte_vm *vm)
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
static bool may_fall_back(struct mte_vm *vm)
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
 * vm_policy_fallback_vcpu - turn a VM off again that only policy turned on, and
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
bool vm_policy_fallback_vcpu(struct mte_vm *vm, struct kvm_vcpu *self)
{
	bool is_off, may;

	mutex_lock(&vm->fallback_lock);
	raw_spin_lock(&vm->lock);
	/* Two vCPUs may be here at once: the second finds it done. */
	is_off = vm->state == VM_OFF;
	may = !is_off && others_are_so(vm->kvm, self) && may_fall_back(vm);
	raw_spin_unlock(&vm->lock);
	if (may)
		vm_set_off(vm, ORIGIN_NONE, atomic_read(&vm->kvm->online_vcpus));
	mutex_unlock(&vm->fallback_lock);
	if (may)
		vm_uevent_changed(vm);
	return is_off || may;
}

static int try_fallback(struct mte_vm *vm)
{
	struct kvm *kvm = vm->kvm;
	bool may;
	int nr;

	if (READ_ONCE(vm->origin) != ORIGIN_POLICY || vcpus_have_run(kvm))
		return -EPERM;
	nr = vcpus_hold(kvm);
	if (nr < 0)
		return nr;
	raw_spin_lock(&vm->lock);
	may = may_fall_back(vm);
	raw_spin_unlock(&vm->lock);
	if (may)
		vm_set_off(vm, ORIGIN_NONE, nr);
	vcpus_release(kvm, nr);
	return may ? 0 : -EPERM;
}

/* kvm->lock is taken outside slots_lock, which is held: only a try. */
static int try_fallback_locked(struct mte_vm *vm)
{
	int err;

	if (!mutex_trylock(&vm->kvm->lock))
		return -EAGAIN;
	err = try_fallback(vm);
	mutex_unlock(&vm->kvm->lock);
	return err;
}

/**
 * vm_policy_fallback_slot - turn a VM off again that only policy turned on, and that
 * turns out to need a memory slot that cannot hold tags
 * @vm: the VM
 * @slot: the slot
 *
 * Context: slots_lock held; may sleep.
 * Return: true if the VM is off now; false if it is not policy's or has run, and
 * the caller must refuse.
 */
bool vm_policy_fallback_slot(struct mte_vm *vm, const struct kvm_memory_slot *slot)
{
	int tries, err = -EAGAIN;

	for (tries = 0; tries < FALLBACK_TRIES && err == -EAGAIN; tries++) {
		if (tries)
			usleep_range(500, 1000);
		err = try_fallback_locked(vm);
	}
	/* It may have been a vCPU that made policy fall back meanwhile. */
	if (err)
		return READ_ONCE(vm->state) == VM_OFF;
	vm_notice(vm, "policy asked for MTE, but memory slot %d cannot hold tags: off\n", slot->id);
	vm_uevent_changed(vm);
	return true;
}
