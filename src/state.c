// SPDX-License-Identifier: GPL-2.0
/*
 * The state machine of a VM: off, on, and the two changes that wait for a
 * reboot of the guest.
 *
 * A VM of which no vCPU has ever run has no stage-2 mapping of memory yet, and
 * its vCPUs are held still by their mutexes: it changes at once.
 *
 * One that has run changes at the guest's next reboot: see reboot.c.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/ratelimit.h>

#include "state.h"
#include "trace.h"

atomic_t vms_active = ATOMIC_INIT(0);
atomic_t vms_pending = ATOMIC_INIT(0);

/* Longest wait, in milliseconds, for a vCPU that is in an ioctl just now. */
#define STILL_TRIES	2000

/**
 * vm_enter_state - change a VM's state
 * @vm: the VM
 * @to: the new state
 *
 * A VM that is not off pins the module: its guest relies on the hooks.
 *
 * Context: mte_vm.lock held.
 * Return: 0; -ENODEV if the module is on its way out, which cannot be when the
 * VM is not off now.
 */
int vm_enter_state(struct mte_vm *vm, enum vm_state to)
{
	enum vm_state from = vm->state;

	lockdep_assert_held(&vm->lock);
	if (from == VM_OFF && to != VM_OFF && !try_module_get(THIS_MODULE))
		return -ENODEV;

	if (vm_has_mte(vm))
		vm->had_mte = true;
	atomic_add((to != VM_OFF) - (from != VM_OFF), &vms_active);
	atomic_add(state_is_pending(to) - state_is_pending(from), &vms_pending);
	WRITE_ONCE(vm->state, to);
	trace_kvm_mte_state(vm, from, to);

	if (from != VM_OFF && to == VM_OFF)
		module_put(THIS_MODULE);
	return 0;
}

/**
 * vm_set_vcpus - give MTE to all initialised vCPUs of a VM, or take it from all
 * @vm: the VM
 * @on: give or take
 *
 * Context: mte_vm.lock held; none of the vCPUs is loaded (see vcpu_has_mte()).
 */
void vm_set_vcpus(struct mte_vm *vm, bool on)
{
	struct kvm_vcpu *vcpu;
	int i;

	lockdep_assert_held(&vm->lock);
	kvm_for_each_vcpu(i, vcpu, vm->kvm) {
		/* Atomic: interrupt lines are set from other threads. */
		if (!on)
			clear_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
		else if (vcpu->arch.target >= 0)
			set_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	}
}

static int prepare_vcpus(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	int i, err;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		err = vcpu_prepare(vcpu);
		if (err)
			return err;
	}
	return 0;
}

/* The VM has run: ask for the change, or take back one that was asked for. */
static int set_at_reboot(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	enum vm_state from = vm->state, to;
	int err;

	lockdep_assert_held(&vm->lock);
	if (state_is_pending(from)) {
		vm->origin = vm->origin_before;
		return vm_enter_state(vm, on ? VM_ON : VM_OFF);
	}
	to = on ? VM_TURNING_ON : VM_TURNING_OFF;
	bitmap_zero(vm->fresh, KVM_MAX_VCPUS);
	err = vm_enter_state(vm, to);
	if (err)
		return err;
	vm->origin_before = vm->origin;
	vm->origin = origin;
	return 0;
}

/**
 * vm_set_at_once - turn a VM on or off of which no vCPU has run
 * @vm: the VM
 * @on: on or off
 * @origin: who asks
 *
 * Context: mte_vm.lock held, all vCPUs held by vcpus_hold().
 * Return: 0 or the error of vm_enter_state().
 */
int vm_set_at_once(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	int err;

	lockdep_assert_held(&vm->lock);
	err = vm_enter_state(vm, on ? VM_ON : VM_OFF);
	if (err)
		return err;
	vm->origin = origin;
	vm_set_vcpus(vm, on);
	return 0;
}

static bool is_asked_for(const struct mte_vm *vm, bool on)
{
	return on ? vm->state == VM_ON || vm->state == VM_TURNING_ON
		  : vm->state == VM_OFF || vm->state == VM_TURNING_OFF;
}

/* One try, with slots_lock held: no slot comes or goes. */
static int try_set(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	struct kvm *kvm = vm->kvm;
	bool ran = vcpus_have_run(kvm);
	int nr = 0, err;

	if (is_asked_for(vm, on))
		return 0;
	if (on) {
		err = slots_check(vm) ?: prepare_vcpus(kvm);
		if (err)
			return err;
	}
	if (!ran) {
		nr = vcpus_hold(kvm, NULL);
		if (nr < 0)
			return nr;
		if (vcpus_have_run(kvm)) {
			vcpus_release(kvm, nr, NULL);
			return -EAGAIN;
		}
	}
	if (on && vcpus_have_32bit(kvm)) {
		pr_notice_ratelimited("%d-%d: not turned on: a vCPU is 32-bit, and MTE is for 64-bit guests only\n",
				      vm->creator, vm->fd);
		err = -EINVAL;
		goto out;
	}
	raw_spin_lock(&vm->lock);
	if (is_asked_for(vm, on))
		err = 0;
	else if (ran)
		err = set_at_reboot(vm, on, origin);
	else if (nr != atomic_read(&kvm->online_vcpus))
		err = -EAGAIN;	/* one came that is not held */
	else
		err = vm_set_at_once(vm, on, origin);
	raw_spin_unlock(&vm->lock);
out:
	vcpus_release(kvm, nr, NULL);
	return err;
}

/**
 * vm_set - turn MTE of a VM on or off, at once or at the guest's next reboot
 * @vm: the VM, held alive by the caller (mte_vm.life or an ioctl)
 * @on: what is wanted
 * @origin: who asks
 *
 * Context: may sleep; takes slots_lock, mmap_lock and vCPU mutexes.
 * Return: 0 also if it is so already; -EINVAL if a vCPU is 32-bit or a slot
 * cannot hold tags, -ENODEV if the VM or the module is going, -ENOMEM, or
 * -EBUSY if a vCPU did not come out of an ioctl for two seconds.  After an error
 * nothing has changed, and the log has the reason.
 */
int vm_set(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	enum vm_state before = READ_ONCE(vm->state);
	int tries, err;

	for (tries = 0; tries < STILL_TRIES; tries++) {
		mutex_lock(&vm->kvm->slots_lock);
		err = try_set(vm, on, origin);
		mutex_unlock(&vm->kvm->slots_lock);
		if (err != -EAGAIN)
			break;
		usleep_range(500, 1000);
	}
	if (err == -EAGAIN) {
		pr_notice_ratelimited("%d-%d: not changed: a vCPU is busy in an ioctl\n",
				      vm->creator, vm->fd);
		err = -EBUSY;
	}
	if (!err && READ_ONCE(vm->state) != before)
		sysfs_vm_changed(vm);
	return err;
}

/**
 * vm_end - the VM is being destroyed
 * @vm: the VM
 *
 * Context: may sleep; mte_vm.life held.
 */
void vm_end(struct mte_vm *vm)
{
	raw_spin_lock(&vm->lock);
	vm_enter_state(vm, VM_OFF);
	raw_spin_unlock(&vm->lock);
}
