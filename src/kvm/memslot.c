// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's memory slots.  Which an MTE VM may have: only memory whose tags the kernel
 * keeps wherever the page goes.  That is anonymous memory, shmem and memfd, and
 * hugetlbfs; and device memory, which is mapped as device and has no tags, where KVM
 * takes it.  A file's pages go to a disk that has no place for tags; DAX and other
 * ZONE_DEVICE memory may have no tag storage at all.
 *
 * The check when a slot is set (Documentation/virt/kvm/api.rst 4.35, 7.28) is
 * for the VMM's convenience: what counts is the check of the page itself when
 * it is mapped (stage2.c), since a mapping may change under its slot.
 */
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>

#include "vm/backend.h"
#include "vm/state.h"
#include "trace.h"

/* A range may hold several mappings and holes between them. */
static bool range_can_hold_tags(struct mm_struct *mm, unsigned long start,
				unsigned long end)
{
	COMPAT_VMA_ITERATOR(it, mm, start);
	struct vm_area_struct *vma;

	/* Not mmap_assert_locked(): with CONFIG_DEBUG_VM it needs what is not exported. */
	lockdep_assert_held(&mm->mmap_lock);
	compat_for_each_vma_range(it, vma, end) {
		if (!backend_vma_can_hold_tags(vma, max(start, vma->vm_start),
					       min(end, vma->vm_end)))
			return false;
		cond_resched();
	}
	return true;
}

/* 0, -EINVAL if it cannot hold tags, or -EINTR if the caller is killed. */
static int check_slot(struct mm_struct *mm, const struct kvm_memory_slot *slot)
{
	bool good;

	if (compat_slot_has_gmem(slot))
		return -EINVAL;
	/* Killable: the VMM decides how long its mmap_lock is held. */
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	good = range_can_hold_tags(mm, slot->userspace_addr,
				   slot->userspace_addr + slot->npages * PAGE_SIZE);
	mmap_read_unlock(mm);
	return good ? 0 : -EINVAL;
}

/**
 * slots_check - can all memory slots of a VM hold tags?
 * @vm: the VM
 *
 * Context: slots_lock held, and the VMM's address space (mm_users); takes its
 * mmap_lock.
 * Return: 0, -EINVAL with the slot in the log, or -EINTR if the caller is killed.
 */
int slots_check(struct mte_vm *vm)
{
	struct kvm_memory_slot *slot;
	int bkt, err;

	lockdep_assert_held(&vm->kvm->slots_lock);
	compat_for_each_memslot(slot, bkt, kvm_memslots(vm->kvm)) {
		err = check_slot(vm->kvm->mm, slot);
		if (!err)
			continue;
		if (err == -EINTR)
			return err;
		trace_kvm_mte_refuse(vm, REFUSED_SLOT, gfn_to_gpa(slot->base_gfn), -EINVAL);
		pr_notice_ratelimited("%d-%d: not turned on: memory slot %d (IPA %llx, %lu pages) cannot hold tags: a file or DAX is mapped there\n",
				      vm->creator, vm->fd, slot->id,
				      gfn_to_gpa(slot->base_gfn), slot->npages);
		return -EINVAL;
	}
	return 0;
}

/* What a slot being set means for a VM that has, or is to get, MTE. */
static int refuse_slot(struct mte_vm *vm, const struct kvm_memory_slot *slot)
{
	if (!vm_has_mte(vm)) {
		vm_slot_refused(vm);
		return 0;
	}
	if (vm_leave_policy_slot(vm)) {
		pr_notice_ratelimited("%d-%d: policy asked for MTE, but memory slot %d cannot hold tags: off\n",
				      vm->creator, vm->fd, slot->id);
		return 0;
	}
	trace_kvm_mte_refuse(vm, REFUSED_SLOT, gfn_to_gpa(slot->base_gfn), -EINVAL);
	pr_notice_ratelimited("%d-%d: memory slot %d refused: it cannot hold tags: a file or DAX is mapped there\n",
			      vm->creator, vm->fd, slot->id);
	return -EINVAL;
}

/* Under slots_lock a VM does not leave off but by its own KVM. */
static notrace bool has_or_gets_mte(const u64 *x)
{
	struct mte_vm *vm = registry_find((const struct kvm *)x[0]);

	return vm && READ_ONCE(vm->state) != VM_OFF;
}

/*
 * KVM_SET_USER_MEMORY_REGION; slots_lock is held, current is the VMM.  Waits for its
 * mmap_lock.
 */
HOOK_WRAP_WAITS(kvm_arch_prepare_memory_region, has_or_gets_mte, int,
		COMPAT_PREPARE_SLOT_PROTO, COMPAT_PREPARE_SLOT_ARGS)
{
	struct mte_vm *vm = registry_find(kvm);
	int err = 0;

	if (!vm || change == KVM_MR_DELETE)
		goto out;
	if (READ_ONCE(vm->state) != VM_OFF)
		err = check_slot(current->mm, slot);
	if (err == -EINVAL)
		err = refuse_slot(vm, slot);
	if (err)
		return err;
out:
	err = original(kvm_arch_prepare_memory_region)COMPAT_PREPARE_SLOT_ARGS;
	/* Behind this the slot cannot fail to be set. */
	if (!err && vm && change != KVM_MR_DELETE)
		migration_slot_set(vm, slot);
	return err;
}

/**
 * vm_drop_mappings - drop what stage 2 maps in the memory slots of a VM
 * @kvm: the VM, held alive by the caller as its address space is (mm_users)
 *
 * It comes back by faults, through stage2.c.  All kinds of memory: RAM may stand
 * in a mapping that looks like a device's.
 *
 * Context: may sleep.
 */
void vm_drop_mappings(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int idx, bkt;

	idx = srcu_read_lock(&kvm->srcu);
	compat_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		kernel.flush_memslot(kvm, slot);
	srcu_read_unlock(&kvm->srcu, idx);
}
