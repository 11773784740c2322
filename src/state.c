// SPDX-License-Identifier: GPL-2.0
/*
 * The state machine of a VM: off, on, and the two changes that wait for a
 * reboot of the guest.
 *
 * A VM of which no vCPU has ever run has no stage-2 mapping of memory yet, and
 * its vCPUs are held still by their mutexes: it changes at once.
 *
 * One that has run changes when every vCPU has been initialised anew
 * (KVM_ARM_VCPU_INIT) with none having run in between; mte_vm.fresh says which
 * have.  A vCPU's load empties the set, under mte_vm.lock.  The vCPU that
 * completes it drops all stage-2 mappings - pages behind them were mapped
 * without a look at their tags - and then looks again under the lock whether
 * the set is still complete: if a vCPU was loaded meanwhile the set is empty,
 * and the change goes on waiting.  From the moment a change to on is asked for,
 * stage2.c clears tags as for an MTE VM, so mappings made by an MMU notifier
 * behind the unmapping are good; the two meet in kvm->mmu_lock.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/ratelimit.h>

#include "kvm_mte.h"
#include "trace.h"

atomic_t vms_active = ATOMIC_INIT(0);
atomic_t vms_pending = ATOMIC_INIT(0);

/* Longest wait, in milliseconds, for a vCPU that is in an ioctl just now. */
#define STILL_TRIES	2000
/* The same where slots_lock is held, which that ioctl may be waiting for. */
#define LEAVE_TRIES	100

static bool is_pending(enum vm_state state)
{
	return state == VM_TURNING_ON || state == VM_TURNING_OFF;
}

/*
 * A VM that is not off pins the module: its guest relies on the hooks.  Fails
 * only when the module is on its way out.
 */
static int enter_state(struct mte_vm *vm, enum vm_state to)
{
	enum vm_state from = vm->state;

	lockdep_assert_held(&vm->lock);
	if (from == VM_OFF && to != VM_OFF && !try_module_get(THIS_MODULE))
		return -ENODEV;

	if (vm_has_mte(vm))
		vm->had_mte = true;
	atomic_add((to != VM_OFF) - (from != VM_OFF), &vms_active);
	atomic_add(is_pending(to) - is_pending(from), &vms_pending);
	WRITE_ONCE(vm->state, to);
	trace_kvm_mte_state(vm, from, to);

	if (from != VM_OFF && to == VM_OFF)
		module_put(THIS_MODULE);
	return 0;
}

/* Only while no vCPU is loaded: see vcpu_has_mte(). */
static void set_vcpus(struct mte_vm *vm, bool on)
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

static bool has_run(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	int i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (READ_ONCE(vcpu->arch.has_run_once))
			return true;
	return false;
}

static bool has_32bit_vcpu(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	int i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (test_bit(KVM_ARM_VCPU_EL1_32BIT, vcpu->arch.features))
			return true;
	return false;
}

static void release_vcpus(struct kvm *kvm, int nr, const struct kvm_vcpu *self)
{
	struct kvm_vcpu *vcpu;

	while (nr--) {
		vcpu = kvm_get_vcpu(kvm, nr);
		if (vcpu != self)
			mutex_unlock(&vcpu->mutex);
	}
}

/*
 * Hold all vCPUs still, but for @self, whose mutex the caller has.  Returns
 * their number, or -EAGAIN if one is in an ioctl just now: waiting for it here
 * would invert KVM's lock order.
 */
static int hold_vcpus(struct kvm *kvm, const struct kvm_vcpu *self)
{
	int nr = atomic_read(&kvm->online_vcpus), i;
	struct kvm_vcpu *vcpu;

	for (i = 0; i < nr; i++) {
		vcpu = kvm_get_vcpu(kvm, i);
		if (vcpu != self && !mutex_trylock(&vcpu->mutex)) {
			release_vcpus(kvm, i, self);
			return -EAGAIN;
		}
	}
	return nr;
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
	if (is_pending(from)) {
		vm->origin = vm->origin_before;
		return enter_state(vm, on ? VM_ON : VM_OFF);
	}
	to = on ? VM_TURNING_ON : VM_TURNING_OFF;
	bitmap_zero(vm->fresh, KVM_MAX_VCPUS);
	err = enter_state(vm, to);
	if (err)
		return err;
	vm->origin_before = vm->origin;
	vm->origin = origin;
	return 0;
}

/* No vCPU has run and all are held. */
static int set_at_once(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	int err;

	lockdep_assert_held(&vm->lock);
	err = enter_state(vm, on ? VM_ON : VM_OFF);
	if (err)
		return err;
	vm->origin = origin;
	set_vcpus(vm, on);
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
	bool ran = has_run(kvm);
	int nr = 0, err;

	if (is_asked_for(vm, on))
		return 0;
	if (on) {
		err = slots_check(vm) ?: prepare_vcpus(kvm);
		if (err)
			return err;
	}
	if (!ran) {
		nr = hold_vcpus(kvm, NULL);
		if (nr < 0)
			return nr;
		if (has_run(kvm)) {
			release_vcpus(kvm, nr, NULL);
			return -EAGAIN;
		}
	}
	if (on && has_32bit_vcpu(kvm)) {
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
		err = set_at_once(vm, on, origin);
	raw_spin_unlock(&vm->lock);
out:
	release_vcpus(kvm, nr, NULL);
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
	return true;
}

static bool finish_pending(struct mte_vm *vm)
{
	bool on, done = false;

	raw_spin_lock(&vm->lock);
	if (is_pending(vm->state) && all_fresh(vm)) {
		on = vm->state == VM_TURNING_ON;
		set_vcpus(vm, on);
		/* Cannot fail: the module is pinned already. */
		enter_state(vm, on ? VM_ON : VM_OFF);
		done = true;
	}
	raw_spin_unlock(&vm->lock);
	return done;
}

/**
 * vm_vcpu_initialised - KVM_ARM_VCPU_INIT of a vCPU has succeeded
 * @vm: its VM
 * @vcpu: the vCPU; KVM has just written its hcr_el2 anew, without ATA
 *
 * Completes a pending change if this was the last vCPU.
 *
 * Context: the ioctl, with vcpu->mutex held and the vCPU not loaded; may sleep.
 */
void vm_vcpu_initialised(struct mte_vm *vm, struct kvm_vcpu *vcpu)
{
	bool complete = false;

	raw_spin_lock(&vm->lock);
	if (vm_has_mte(vm))
		set_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	if (is_pending(vm->state)) {
		set_bit(vcpu->vcpu_idx, vm->fresh);
		complete = all_fresh(vm);
	}
	raw_spin_unlock(&vm->lock);
	if (!complete)
		return;

	kernel.stage2_unmap_vm(vm->kvm);
	if (finish_pending(vm))
		sysfs_vm_changed(vm);
}

/**
 * vm_vcpu_ran - a vCPU is about to run while some VM has a change pending
 * @vcpu: the vCPU
 *
 * Context: the vCPU's load; preemption off, perhaps interrupts too.
 */
void vm_vcpu_ran(struct kvm_vcpu *vcpu)
{
	struct mte_vm *vm = registry_find(vcpu->kvm);

	if (!vm || !is_pending(READ_ONCE(vm->state)))
		return;
	raw_spin_lock(&vm->lock);
	bitmap_zero(vm->fresh, KVM_MAX_VCPUS);
	raw_spin_unlock(&vm->lock);
}

/**
 * vm_slot_refused - a running VM that waits for MTE got a slot that cannot hold tags
 * @vm: the VM
 *
 * It has no MTE yet, so the slot is its right; the admin's wish is dropped.
 *
 * Context: with slots_lock held; may sleep.
 */
void vm_slot_refused(struct mte_vm *vm)
{
	bool dropped = false;

	raw_spin_lock(&vm->lock);
	if (vm->state == VM_TURNING_ON) {
		vm->origin = vm->origin_before;
		enter_state(vm, VM_OFF);
		dropped = true;
	}
	raw_spin_unlock(&vm->lock);
	if (!dropped)
		return;
	pr_notice_ratelimited("%d-%d: no longer turning on: a new memory slot cannot hold tags\n",
			      vm->creator, vm->fd);
	sysfs_vm_changed(vm);
}

static int try_leave_policy(struct mte_vm *vm, const struct kvm_vcpu *self)
{
	struct kvm *kvm = vm->kvm;
	int nr, err = -EPERM;

	if (READ_ONCE(vm->origin) != ORIGIN_POLICY || has_run(kvm))
		return -EPERM;
	nr = hold_vcpus(kvm, self);
	if (nr < 0)
		return nr;
	raw_spin_lock(&vm->lock);
	if (nr != atomic_read(&kvm->online_vcpus))
		err = -EAGAIN;
	else if (vm->state == VM_ON && vm->origin == ORIGIN_POLICY && !has_run(kvm))
		err = set_at_once(vm, false, ORIGIN_POLICY);
	raw_spin_unlock(&vm->lock);
	release_vcpus(kvm, nr, self);
	return err;
}

/**
 * vm_leave_policy - turn a VM off again that only policy turned on
 * @vm: the VM, which turns out to need what MTE forbids
 * @self: the vCPU whose mutex the caller holds, NULL if none
 *
 * Policy never breaks a VM: before its first run it goes back to off.
 *
 * Context: may sleep.
 * Return: true if the VM is off now; false if it is not policy's, has run, or
 * another vCPU is busy, and the caller must refuse.
 */
bool vm_leave_policy(struct mte_vm *vm, struct kvm_vcpu *self)
{
	int tries, err = -EAGAIN;

	for (tries = 0; tries < LEAVE_TRIES; tries++) {
		err = try_leave_policy(vm, self);
		if (err != -EAGAIN)
			break;
		usleep_range(500, 1000);
	}
	if (!err)
		sysfs_vm_changed(vm);
	return !err;
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
	enter_state(vm, VM_OFF);
	raw_spin_unlock(&vm->lock);
}
