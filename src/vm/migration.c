// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs with MTE whose VMM does not know about tags, because it has not enabled MTE
 * itself.  When such a VMM migrates or saves the VM, it does not copy the tags.  At the
 * destination all of the guest's tags are zero.  The module can only warn, when the VMM
 * starts to log the guest's writes.
 */
#include <linux/srcu.h>

#include "compat.h"
#include "vm/vm.h"

/*
 * VMMs log the frame buffer of a display all the time.  That is not a migration.  So a
 * slot smaller than a quarter of the largest slot does not count.
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

	vm_warn(vm, "untracked migration: its VMM logs the guest's memory but did not ask for MTE, so it will not carry the tags (kvm-mte tags can)\n");
	vm_uevent_untracked(vm, nr);
}

static bool is_untracked(const struct mte_vm *vm)
{
	return vm_has_mte(vm) && !READ_ONCE(vm->vmm_asked);
}

/**
 * migration_slot_set - a memory slot is about to be set
 * @vm: the VM
 * @slot: the slot as it will be; the VM still has the old slots
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
 * @vm: the VM, kept alive by the caller
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
