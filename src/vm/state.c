// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine of a VM.  set.c and reboot.c carry out requests, and yield.c
 * carries out policy.  Every change of state goes through vm_change_state().
 */
#include <linux/bug.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "hook/ondemand.h"
#include "trace.h"
#include "vm/backend.h"
#include "vm/state.h"

atomic_t vms_active = ATOMIC_INIT(0);

const struct vm_backend *vm_backend __read_mostly;

/* All transitions.  Any other is a bug. */
static const struct {
	enum vm_event event;
	enum vm_state from;
	enum vm_state to;
} vm_transitions[] = {
	{ VM_SET_ON,		VM_OFF,		VM_ON },
	{ VM_SET_OFF,		VM_ON,		VM_OFF },
	{ VM_ASK_ON,		VM_OFF,		VM_TURNING_ON },
	{ VM_ASK_ON,		VM_TURNING_OFF,	VM_ON },
	{ VM_ASK_OFF,		VM_ON,		VM_TURNING_OFF },
	{ VM_ASK_OFF,		VM_TURNING_ON,	VM_OFF },
	{ VM_REINITIALISED,	VM_TURNING_ON,	VM_ON },
	{ VM_REINITIALISED,	VM_TURNING_OFF,	VM_OFF },
	{ VM_KVM_GAVE,		VM_OFF,		VM_ON },
	{ VM_DESTROY,		VM_ON,		VM_OFF },
	{ VM_DESTROY,		VM_TURNING_ON,	VM_OFF },
	{ VM_DESTROY,		VM_TURNING_OFF,	VM_OFF },
};

/* False while the module is being loaded, and again when it is being unloaded. */
static bool ready;

/**
 * vm_allow_set - the module is loaded, so VMs may be turned on
 *
 * Context: module init.
 */
void vm_allow_set(void)
{
	/* Pairs with the acquire in vm_may_set(). */
	smp_store_release(&ready, true);
}

/**
 * vm_forbid_set - the module is being unloaded, so no VM is turned on any more
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
 * vm_get_hooks - keep the on-demand hooks armed for a VM until it is destroyed
 * @vm: the VM
 *
 * Context: mte_vm.lock held; the caller holds a reference on the hooks.
 */
void vm_get_hooks(struct mte_vm *vm)
{
	if (vm->holds_hooks)
		return;
	vm->holds_hooks = true;
	ondemand_get_more(HOOK_ON_DEMAND);
}

static bool find_transition(enum vm_event event, enum vm_state from, enum vm_state *to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vm_transitions); i++) {
		if (vm_transitions[i].event == event && vm_transitions[i].from == from) {
			*to = vm_transitions[i].to;
			return true;
		}
	}
	return false;
}

/* Also updates the counter of VMs that are not off. */
static void write_state(struct mte_vm *vm, enum vm_state to)
{
	enum vm_state from = vm->state;

	if (from == VM_OFF)
		atomic_inc(&vms_active);
	/*
	 * A reader that sees the state sees the raised counter, and (for "off") KVM's flag
	 * cleared.  Pairs with native.c:vcpu_precreate().
	 */
	smp_wmb();
	WRITE_ONCE(vm->state, to);
	if (to == VM_OFF)
		atomic_dec(&vms_active);
	trace_kvm_mte_state(vm, from, to);
}

/**
 * vm_change_state - change a VM's state
 * @vm: the VM
 * @event: what has happened
 *
 * A VM that is not off pins the module, because its guest relies on the hooks.  Once a VM
 * has left VM_OFF, it keeps the on-demand hooks armed until it is destroyed: its VMM may
 * still use the MTE registers that it was shown, and the module still has state of its
 * vCPUs and its memory.
 *
 * Context: mte_vm.lock held.  If the VM is VM_OFF, the caller holds a reference on the
 * on-demand hooks.
 * Return: 0; -ENODEV if the VM is VM_OFF and the module is being unloaded; -EINVAL if
 * there is no such transition, which is a bug.
 */
int vm_change_state(struct mte_vm *vm, enum vm_event event)
{
	enum vm_state from = vm->state, to;

	lockdep_assert_held(&vm->lock);
	if (WARN_ON_ONCE(!find_transition(event, from, &to)))
		return -EINVAL;
	if (from == VM_OFF && !try_module_get(THIS_MODULE))
		return -ENODEV;

	if (to != VM_OFF)
		vm_get_hooks(vm);
	if (vm_has_mte(vm))
		vm->had_mte = true;
	write_state(vm, to);

	if (to == VM_OFF)
		module_put(THIS_MODULE);
	return 0;
}

/**
 * vm_sync_from_kvm - KVM itself has given a VM MTE: follow its state
 * @vm: the VM, kept alive by the caller
 *
 * The VM stays VM_OFF only if the module is being unloaded.
 *
 * Context: may sleep.
 */
void vm_sync_from_kvm(struct mte_vm *vm)
{
	bool changed = false;

	/* The caller needs no reference on the hooks: native has no HOOK_ON_DEMAND hooks. */
	raw_spin_lock(&vm->lock);
	if (vm->state == VM_OFF)
		changed = !vm_change_state(vm, VM_KVM_GAVE);
	vm->origin = ORIGIN_VMM;
	vm->vmm_asked = true;
	/* The VMM may have read the list of registers before the module was loaded. */
	if (READ_ONCE(vm->kvm->created_vcpus))
		WRITE_ONCE(vm->tag_regs_listed, true);
	raw_spin_unlock(&vm->lock);
	if (!changed)
		return;
	/* If the VM existed before the module, the caller is another process. */
	if (current->mm == vm->mm)
		trace_kvm_mte_set(vm, true, ORIGIN_VMM);
	vm_uevent_changed(vm);
}

/**
 * vm_mark_destroyed - the VM is being destroyed
 * @vm: the VM
 *
 * Context: may sleep; mte_vm.destroy_lock held.
 */
void vm_mark_destroyed(struct mte_vm *vm)
{
	raw_spin_lock(&vm->lock);
	vm->destroyed = true;
	if (vm->state != VM_OFF)
		vm_change_state(vm, VM_DESTROY);
	raw_spin_unlock(&vm->lock);
}
