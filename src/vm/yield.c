// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy turns a VM on when the VM is created.  Policy turns it off again (falls back)
 * if the VM needs a vCPU or a memory slot that excludes MTE.
 */
#include <linux/delay.h>
#include <linux/module.h>

#include "compat.h"
#include "vm/backend.h"
#include "vm/state.h"

/*
 * How many times to try while a vCPU or the VM is in an ioctl, with at most 1 ms between
 * two tries.  The wait is short because the caller holds slots_lock, and that ioctl may
 * wait for slots_lock.
 */
#define FALLBACK_TRIES	100

/**
 * vm_apply_policy - turn a new VM on, if policy says so
 * @vm: the VM
 *
 * Context: the ioctl that created it; may sleep.
 */
void vm_apply_policy(struct mte_vm *vm)
{
	if (vm->policy != POLICY_ON || READ_ONCE(vm->origin) != ORIGIN_NONE)
		return;
	/*
	 * Pin the module: another thread that guessed the descriptor may hold the locks
	 * that vm_set() waits for.
	 */
	if (!try_module_get(THIS_MODULE))
		return;
	/* If this fails, the VM stays off and works; the log has the reason. */
	vm_set(vm, true, ORIGIN_POLICY);
	module_put(THIS_MODULE);
}

/* Is the VM on by policy alone, and has it neither run nor been given a guest's tags? */
static bool may_fall_back(struct mte_vm *vm)
{
	lockdep_assert_held(&vm->lock);
	return vm->state == VM_ON && vm->origin == ORIGIN_POLICY &&
	       !vcpus_have_run(vm->kvm) && !READ_ONCE(vm->tags_loaded);
}

/* Do all other vCPUs that are initialised have a feature that excludes MTE? */
static bool others_exclude_mte(struct kvm *kvm, const struct kvm_vcpu *self)
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
 * vm_policy_fallback_vcpu - a vCPU is 32-bit or for nested virtualization: turn the VM
 * off if only policy turned it on
 * @vm: the VM
 * @self: the vCPU that is being initialised with such a feature; its mutex is held
 *
 * Policy never breaks a VM.  The vCPUs need not be held: a vCPU that is initialised
 * without such a feature makes this fail, no other vCPU is being initialised, and vCPUs
 * with such a feature run only after this has turned the VM off.
 *
 * Context: KVM_ARM_VCPU_INIT, with mte_vm.init_lock held; may sleep.
 * Return: true if the VM is off now; false if it is not.
 */
bool vm_policy_fallback_vcpu(struct mte_vm *vm, struct kvm_vcpu *self)
{
	bool is_off, may;

	lockdep_assert_held(&vm->init_lock);
	mutex_lock(&vm->fallback_lock);
	raw_spin_lock(&vm->lock);
	/* The KVM_ARM_VCPU_INIT before this one may have turned the VM off. */
	is_off = vm->state == VM_OFF;
	may = !is_off && others_exclude_mte(vm->kvm, self) && may_fall_back(vm);
	raw_spin_unlock(&vm->lock);
	if (may)
		vm_switch_off(vm, VM_SET_OFF, ORIGIN_NONE, atomic_read(&vm->kvm->online_vcpus));
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
	nr = vcpus_hold(kvm, NULL);
	if (nr < 0)
		return nr;
	raw_spin_lock(&vm->lock);
	may = may_fall_back(vm);
	raw_spin_unlock(&vm->lock);
	if (may)
		vm_switch_off(vm, VM_SET_OFF, ORIGIN_NONE, nr);
	vcpus_release(kvm, nr, NULL);
	return may ? 0 : -EPERM;
}

/* Only tries kvm->lock: it is taken outside slots_lock, which is held. */
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
 * vm_policy_fallback_slot - a memory slot excludes MTE: turn the VM off if only policy
 * turned it on
 * @vm: the VM
 * @slot: the slot
 * @why: what is wrong with the slot, for the log
 *
 * Context: slots_lock held; may sleep.
 * Return: true if the VM is off now; false if the caller must refuse: policy alone did
 * not turn the VM on, the VM has run, its tags were loaded, or a vCPU or the VM stays in an
 * ioctl.
 */
bool vm_policy_fallback_slot(struct mte_vm *vm, const struct kvm_memory_slot *slot,
			     const char *why)
{
	int tries, err = -EAGAIN;

	for (tries = 0; tries < FALLBACK_TRIES && err == -EAGAIN; tries++) {
		if (tries)
			usleep_range(500, 1000);
		err = try_fallback_locked(vm);
	}
	/* A vCPU may have made policy fall back meanwhile. */
	if (err)
		return READ_ONCE(vm->state) == VM_OFF;
	vm_notice(vm, "policy asked for MTE, but memory slot %d %s: off\n", slot->id, why);
	vm_uevent_changed(vm);
	return true;
}
