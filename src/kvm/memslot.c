// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_USER_MEMORY_REGION: memory slots of a VM that has MTE or is to get it. */
#include <linux/kvm_host.h>

#include "compat.h"
#include "hook/hook.h"
#include "trace.h"
#include "vm/backend.h"

/*
 * A slot that cannot hold tags is being set, and the VM has MTE or is to get it.  @parts says
 * why.  Returns 0 if the VM gives up MTE: then it may have the slot.
 */
static int refuse_slot(struct mte_vm *vm, const struct kvm_memory_slot *slot,
		       unsigned int parts)
{
	if (!vm_has_mte(vm)) {
		vm_slot_excludes_mte(vm);
		return 0;
	}
	if (vm_policy_fallback_slot(vm, slot, "cannot hold tags"))
		return 0;
	trace_kvm_mte_refuse(vm, REFUSED_SLOT, gfn_to_gpa(slot->base_gfn), -EINVAL);
	vm_notice(vm, "memory slot %d refused: it cannot hold tags: %s\n",
		  slot->id, slot_why_not(parts));
	return -EINVAL;
}

/*
 * The VMM starts to log the guest's memory, and a migration without the tags is refused.
 * Returns 0 if the VM gives up MTE: then it may be migrated.
 */
static int refuse_log(struct mte_vm *vm, const struct kvm_memory_slot *slot)
{
	if (vm_policy_fallback_slot(vm, slot, "is logged, and migration is refused"))
		return 0;
	trace_kvm_mte_refuse(vm, REFUSED_MIGRATION, gfn_to_gpa(slot->base_gfn), -EPERM);
	vm_notice(vm, "migration refused: its VMM did not ask for MTE, so it will not carry the tags (kvm-mte tags save --at-end can; or write warn to the file migration)\n");
	return -EPERM;
}

/* While slots_lock is held, a VM leaves VM_OFF only if KVM itself gives it MTE. */
static notrace bool has_or_gets_mte(const u64 *x)
{
	struct mte_vm *vm = registry_find((const struct kvm *)x[0]);

	return vm && READ_ONCE(vm->state) != VM_OFF;
}

/*
 * KVM_SET_USER_MEMORY_REGION.  slots_lock is held, and current is the VMM.  This waits
 * for the VMM's mmap_lock.
 */
HOOK_WRAP_WAITS(kvm_arch_prepare_memory_region, has_or_gets_mte, int,
		COMPAT_PREPARE_SLOT_PROTO, COMPAT_PREPARE_SLOT_ARGS)
{
	struct mte_vm *vm = registry_find(kvm);
	unsigned int parts = 0;
	bool refused;
	int err = 0;

	if (!vm || change == KVM_MR_DELETE)
		return original(kvm_arch_prepare_memory_region)COMPAT_PREPARE_SLOT_ARGS;
	if (READ_ONCE(vm->state) != VM_OFF)
		err = slot_check(current->mm, slot, &parts) ?: vm_open_hugetlb(vm, &parts);
	refused = err == -EINVAL;
	if (refused)
		err = refuse_slot(vm, slot, parts);
	if (!err && migration_slot_refused(vm, slot))
		err = refuse_log(vm, slot);
	if (err)
		return err;
	/* After a fall-back, KVM may have given the VM MTE again.  Then KVM itself must refuse. */
	if (parts && !refused && vm_has_mte(vm) && vm_backend->check_slot)
		err = vm_backend->check_slot(kvm, slot, parts);
	else
		err = original(kvm_arch_prepare_memory_region)COMPAT_PREPARE_SLOT_ARGS;
	/* If this is 0, KVM cannot fail to set the slot any more. */
	if (!err)
		migration_slot_set(vm, slot);
	return err;
}
