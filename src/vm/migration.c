// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs with MTE whose VMM does not know about tags, because it has not enabled MTE
 * itself.  When such a VMM migrates or saves the VM, it does not copy the tags.  At the
 * destination all of the guest's tags are zero.  When the VMM starts to log the guest's
 * writes, the module warns, or returns an error (mte_vm.migration).
 *
 * A migration is not refused while a file of /dev/kvm_mte waits for the VM's end, because
 * the program that has the file carries the tags.
 */
#include <linux/lockdep.h>
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

/* The VM keeps its slots while kvm->srcu is held. */
static bool vm_is_logged_now(struct kvm *kvm)
{
	bool logged;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	logged = vm_is_logged(kvm, largest_slot(kvm));
	srcu_read_unlock(&kvm->srcu, idx);
	return logged;
}

/*
 * A VMM may start to log as often as it likes.  So not each start has a uevent: each uevent has
 * the number so far, and stats/untracked_migrations has it always.
 */
static void count(struct mte_vm *vm)
{
	int nr = atomic_inc_return(&vm->untracked_migrations);

	if (__ratelimit(&vm->untracked_limit))
		vm_uevent_untracked(vm, nr);
}

static void note(struct mte_vm *vm)
{
	vm_warn(vm, "untracked migration: its VMM logs the guest's memory but did not ask for MTE, so it will not carry the tags (kvm-mte tags can)\n");
	count(vm);
}

/* KVM_ENABLE_CAP sets the origin first, and vmm_asked when it is about to return. */
static bool vmm_knows_of_tags(const struct mte_vm *vm)
{
	return READ_ONCE(vm->vmm_asked) || READ_ONCE(vm->origin) == ORIGIN_VMM;
}

static bool is_untracked(const struct mte_vm *vm)
{
	return vm_has_mte(vm) && !vmm_knows_of_tags(vm);
}

/* Does the VMM start to log the main memory?  The VM still has the old slots. */
static bool starts_to_log(struct mte_vm *vm, const struct kvm_memory_slot *slot)
{
	unsigned long largest;

	lockdep_assert_held(&vm->kvm->slots_lock);
	if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES) || !is_untracked(vm))
		return false;
	largest = max(largest_slot(vm->kvm), slot->npages);
	return is_logged(slot, largest) && !vm_is_logged(vm->kvm, largest);
}

static bool is_refused(const struct mte_vm *vm)
{
	return READ_ONCE(vm->migration) == MIGRATION_REFUSE &&
	       !READ_ONCE(vm->hold.save_waits);
}

/**
 * migration_slot_refused - is a memory slot refused, because with it the VMM would start
 * to log the guest's memory?
 * @vm: the VM
 * @slot: the slot as it will be; the VM still has the old slots
 *
 * Context: slots_lock held; may sleep.
 * Return: true if the caller must refuse.
 */
bool migration_slot_refused(struct mte_vm *vm, const struct kvm_memory_slot *slot)
{
	return is_refused(vm) && starts_to_log(vm, slot);
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
	if (starts_to_log(vm, slot))
		note(vm);
}

/**
 * migration_on_refused - must a VM stay off, because its memory is logged?
 * @vm: the VM
 * @origin: who turns it on
 *
 * Context: slots_lock held; may sleep.
 * Return: true if the caller must refuse; false also if the VM has MTE already.
 */
bool migration_on_refused(struct mte_vm *vm, enum vm_origin origin)
{
	lockdep_assert_held(&vm->kvm->slots_lock);
	return is_refused(vm) && origin != ORIGIN_VMM && !READ_ONCE(vm->vmm_asked) &&
	       !vm_has_mte(vm) && vm_is_logged(vm->kvm, largest_slot(vm->kvm));
}

/**
 * migration_vm_on - a VM has got MTE: warn if it is being migrated
 * @vm: the VM, kept alive by the caller
 *
 * Context: may sleep.
 */
void migration_vm_on(struct mte_vm *vm)
{
	if (is_untracked(vm) && vm_is_logged_now(vm->kvm))
		note(vm);
}

/**
 * migration_save_gone - no file of /dev/kvm_mte waits for the VM's end any more, and the
 * tags have not been read: warn if the VM is being migrated
 * @vm: the VM
 *
 * The VMM was allowed to log the memory, and nothing can take that back.  A slot that is
 * set at this moment may be missed, but migration_slot_set() logs a line for that slot.
 *
 * Context: may sleep; vm_hold.lock held, vm_hold.ended is false.
 */
void migration_save_gone(struct mte_vm *vm)
{
	lockdep_assert_held(&vm->hold.lock);
	if (!is_untracked(vm) || !vm_is_logged_now(vm->kvm))
		return;
	vm_warn(vm, "untracked migration: its VMM logs the guest's memory, and kvm-mte tags save --at-end has ended too early: cancel the migration, or start that command again before the VM ends\n");
	count(vm);
}
