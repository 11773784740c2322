// SPDX-License-Identifier: GPL-2.0
/*
 * The state machine of a VM: off, on, and the two changes that wait for a
 * reboot of the guest.  set.c carries out what somebody wants, and reboot.c what
 * waits for a reboot.
 */
#include <linux/module.h>
#include <linux/ratelimit.h>

#include "vm/backend.h"
#include "vm/state.h"
#include "trace.h"

atomic_t vms_active = ATOMIC_INIT(0);
atomic_t vms_pending = ATOMIC_INIT(0);

/* Set when the hooks are armed that always are: until then no VM may rely on them. */
static bool ready;

/**
 * vm_allow_set - hooks are armed, and can be: from now on VMs may be turned on
 *
 * Context: module init.
 */
void vm_allow_set(void)
{
	/* Pairs with the acquire in vm_may_set(). */
	smp_store_release(&ready, true);
}

/**
 * vm_forbid_set - the module is on its way out: no VM is turned on any more
 *
 * Context: module exit.
 */
void vm_forbid_set(void)
{
	WRITE_ONCE(ready, false);
}

/**
 * vm_may_set - may VMs be turned on?
 *
 * Context: any.
 * Return: true from vm_allow_set() to vm_forbid_set().
 */
bool vm_may_set(void)
{
	/* Pairs with the release in vm_allow_set(). */
	return smp_load_acquire(&ready);
}

/**
 * vm_keep_hooks - keep the lazy hooks armed for a VM until it is destroyed
 * @vm: the VM
 *
 * Context: mte_vm.lock held; the caller holds the hooks meanwhile.
 */
void vm_keep_hooks(struct mte_vm *vm)
{
	if (vm->hooked)
		return;
	vm->hooked = true;
	hooks_hold_more();
}

/**
 * vm_enter_state - change a VM's state
 * @vm: the VM
 * @to: the new state
 *
 * A VM that is not off pins the module: its guest relies on the hooks.  Once it
 * is not off it holds the lazy ones until it ends: its VMM may go on to use what
 * it was shown of MTE, and its vCPUs and its memory have state of ours.
 *
 * Context: mte_vm.lock held; hooks_hold() if the VM is to leave off.
 * Return: 0; -ENODEV if the module is on its way out, which cannot be when the
 * VM is not off now.
 */
int vm_enter_state(struct mte_vm *vm, enum vm_state to)
{
	enum vm_state from = vm->state;

	lockdep_assert_held(&vm->lock);
	if (from == VM_OFF && to != VM_OFF && !try_module_get(THIS_MODULE))
		return -ENODEV;

	if (to != VM_OFF)
		vm_keep_hooks(vm);
	if (vm_has_mte(vm))
		vm->had_mte = true;
	if (from == VM_OFF && to != VM_OFF)
		atomic_inc(&vms_active);
	if (!state_is_pending(from) && state_is_pending(to))
		atomic_inc(&vms_pending);
	smp_wmb();	/* Who sees the state finds the counters raised. */
	WRITE_ONCE(vm->state, to);
	smp_wmb();	/* Who finds them lowered sees the state: vcpu.c. */
	if (state_is_pending(from) && !state_is_pending(to))
		atomic_dec(&vms_pending);
	if (from != VM_OFF && to == VM_OFF)
		atomic_dec(&vms_active);
	trace_kvm_mte_state(vm, from, to);

	if (from != VM_OFF && to == VM_OFF)
		module_put(THIS_MODULE);
	return 0;
}

/**
 * vm_set_off - turn off a VM that has never run
 * @vm: the VM
 * @origin: its new origin
 * @nr: its vCPUs, by index
 *
 * The state changes last: who sees "off" finds that KVM's own flag is cleared.
 *
 * Context: may sleep.  The caller keeps everybody else from changing the state:
 * kvm->lock and all vCPUs held, or vm_leave_policy_vcpu().
 */
void vm_set_off(struct mte_vm *vm, enum vm_origin origin, int nr)
{
	backend_switch(vm->kvm, false, nr);
	raw_spin_lock(&vm->lock);
	vm_enter_state(vm, VM_OFF);
	vm->origin = origin;
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
		vm_enter_state(vm, VM_OFF);
		dropped = true;
	}
	raw_spin_unlock(&vm->lock);
	if (!dropped)
		return;
	pr_notice_ratelimited("%d-%d: no longer turning on: a new memory slot cannot hold tags\n",
			      vm->creator, vm->fd);
	sysfs_vm_changed(vm);
}

/**
 * vm_adopt - KVM has given a VM MTE without us
 * @vm: the VM
 *
 * Context: may sleep; the VM is held alive by the caller.
 */
void vm_adopt(struct mte_vm *vm)
{
	bool changed = false;

	/* A KVM that gives MTE by itself has no lazy hooks: only on the way out this fails. */
	if (hooks_hold(false))
		return;
	raw_spin_lock(&vm->lock);
	if (vm->state == VM_OFF)
		changed = !vm_enter_state(vm, VM_ON);
	vm->origin = ORIGIN_VMM;
	vm->vmm_asked = true;
	raw_spin_unlock(&vm->lock);
	hooks_release();
	if (changed)
		sysfs_vm_changed(vm);
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
	vm->dead = true;
	vm_enter_state(vm, VM_OFF);
	raw_spin_unlock(&vm->lock);
}
