// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs with MTE whose VMM knows nothing of tags, as it has not enabled MTE itself.  When
 * it migrates or saves the VM it does not copy the tags, and the guest finds all of them
 * zero at the destination.  The module can only say so, when the VMM begins to log what
 * the guest writes.
 */
#include <linux/srcu.h>

#include "compat.h"
#include "vm/vm.h"

/*
 * The frame buffer of a display is logged all the time; that is no migration.  So a slot
 * smaller than a quarter of the largest one does not count.
 */
#define MAIN_MEMORY_FRACTION	4

static unsigned long largest_slot(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int bkt;
	unsigned long npages = 0;

	compat_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		npages = max(npages, slot->npages);
	return npages;
}

static bool is_logged(const struct kvm_memory_slot *slot, unsigned long largest)
{
	return slot->flags & KVM_MEM_LOG_DIRTY_PAGES &&
	       slot->npages >= largest / MAIN_MEMORY_FRACTION;
}

static bool vm_is_logged(struct kvm *kvm, unsigned long largest)
{
	struct kvm_memory_slot *slot;
	int bkt;

	compat_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		if (is_logged(slot, largest))
			return true;
	return false;
}

static void note(struct mte_vm *vm)
{
	int nr = atomic_inc_return(&vm->untracked_migrations);

	vm_warn(vm, "untracked migration: its VMM logs the guest's memory but did not ask for MTE, so it will not carry the tags\n");
	vm_uevent_untracked(vm, nr);
}

static bool is_untracked(const struct mte_vm *vm)
{
	return vm_has_mte(vm) && !READ_ONCE(vm->vmm_asked);
}

/**
 * migration_slot_set - a memory slot is about to be set
 * @vm: the VM
 * @slot: the slot as it will be; the slots that it has are those from before
 *
 * Context: slots_lock held; may sleep.
 */
void migration_slot_set(struct mte_vm *vm, const struct kvm_memory_slot *slot)
{
	unsigned long largest;

	lockdep_assert_held(&vm->kvm->slots_lock);
	if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES) || !is_untracked(vm))
		return;
	largest = max(largest_slot(vm->kvm), slot->npages);
	if (is_logged(slot, largest) && !vm_is_logged(vm->kvm, largest))
		note(vm);
}

/**
 * migration_vm_on - a VM has got MTE: warn if it is being migrated
 * @vm: the VM, held alive by the caller
 *
 * Context: may sleep.
 */
void migration_vm_on(struct mte_vm *vm)
{
	struct kvm *kvm = vm->kvm;
	bool logged;
	int idx;

	if (!is_untracked(vm))
		return;
	idx = srcu_read_lock(&kvm->srcu);
	logged = vm_is_logged(kvm, largest_slot(kvm));
	srcu_read_unlock(&kvm->srcu, idx);
	if (logged)
		note(vm);
}
