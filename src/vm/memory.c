// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a VM.  An MTE VM may have memory whose tags the kernel keeps with the
 * page: anonymous memory, shmem and memfd, and hugetlbfs.  It may have device memory,
 * which KVM maps without tags.  It may not have files: their pages are written to a disk,
 * which has no place for tags.  It may not have DAX or other ZONE_DEVICE memory, which may
 * have no tag storage.  On native before 6.2, KVM's own rule, "no shared mapping"
 * (compat_kvm_takes_vma()), stands in place of all this, except for device memory.
 *
 * The check when a slot is set (Documentation/virt/kvm/api.rst 4.35, 7.28) only tells the
 * VMM early: a mapping may change under its slot.  For safety, each page is checked again
 * when it is mapped to the guest: by stage2.c on inject, by KVM and remap_race.c on
 * native.
 */
#include <linux/bitfield.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include <asm/memory.h>
#include <asm/pgtable.h>

#include "compat.h"
#include "calls.h"
#include "trace.h"
#include "vm/backend.h"

static bool is_cached(const struct vm_area_struct *vma)
{
	switch (FIELD_GET(PTE_ATTRINDX_MASK, pgprot_val(vma->vm_page_prot))) {
	case MT_NORMAL_NC:
	case MT_DEVICE_nGnRnE:
	case MT_DEVICE_nGnRE:
		return false;
	default:
		return true;
	}
}

/**
 * range_is_device - is this part of a mapping device memory, which KVM maps without tags?
 * @vma: the mapping
 * @start: first byte of the part
 * @end: the byte after it
 *
 * A driver may also map RAM, or memory that is to be cached.  The answer for both is no.
 * This looks at one page in each PMD_SIZE, if it is mapped already.  For safety, each
 * page is checked again when it is mapped to the guest.
 *
 * Context: mmap_lock held; may sleep.
 * Return: true if it is.
 */
bool range_is_device(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	unsigned long pfn;

	if (!(vma->vm_flags & VM_PFNMAP) || is_cached(vma))
		return false;
	for (; start < end; start = ALIGN(start + 1, PMD_SIZE)) {
		if (!compat_follow_pfn(vma, start, &pfn) && compat_pfn_is_memory(pfn))
			return false;
		cond_resched();
	}
	return true;
}

static unsigned int vma_why_not(struct vm_area_struct *vma)
{
	if (COMPAT_REFUSES_SHARED && (vma->vm_flags & (VM_SHARED | VM_PFNMAP)) == VM_SHARED)
		return SLOT_BAD_SHARED;
	return is_vm_hugetlb_page(vma) ? SLOT_BAD_HUGETLB : 0;
}

/*
 * A slot may span several mappings, and holes between them.  The VMM decides how many, so
 * this ends when the caller is killed.
 */
static int check_range(struct mm_struct *mm, unsigned long start, unsigned long end,
		       unsigned int *parts)
{
	COMPAT_VMA_ITERATOR(it, mm, start);
	struct vm_area_struct *vma;

	/* Not mmap_assert_locked(): with CONFIG_DEBUG_VM it needs a symbol that is not exported. */
	lockdep_assert_held(&mm->mmap_lock);
	compat_for_each_vma_range(it, vma, end) {
		if (!vm_backend->vma_can_hold_tags(vma, max(start, vma->vm_start),
						   min(end, vma->vm_end))) {
			*parts |= vma_why_not(vma);
			return -EINVAL;
		}
		if (vma->vm_flags & VM_PFNMAP)
			*parts |= SLOT_HAS_DEVICE;
		if (COMPAT_REFUSES_HUGETLB && is_vm_hugetlb_page(vma))
			*parts |= SLOT_HAS_HUGETLB;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int check_locked(struct mm_struct *mm, const struct kvm_memory_slot *slot,
			unsigned int *parts)
{
	unsigned long start = slot->userspace_addr, end = start + slot->npages * PAGE_SIZE;

	if (compat_slot_has_gmem(slot)) {
		*parts |= SLOT_BAD_GMEM;
		return -EINVAL;
	}
	return check_range(mm, start, end, parts);
}

/**
 * slot_check - may an MTE VM have a slot?
 * @mm: the VMM's address space
 * @slot: the slot
 * @parts: the bits SLOT_HAS_* of its parts are added to it, and SLOT_BAD_* if the reason for
 *	-EINVAL has such a bit
 *
 * Context: slots_lock held, and a reference on the address space (mm_users); takes its
 * mmap_lock.
 * Return: 0; -EINVAL if a part of it is neither memory that can hold tags nor device
 * memory; -EINTR if the caller is killed.
 */
int slot_check(struct mm_struct *mm, const struct kvm_memory_slot *slot,
	       unsigned int *parts)
{
	int err;

	/* Killable: the VMM decides how long its mmap_lock is held. */
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	err = check_locked(mm, slot, parts);
	mmap_read_unlock(mm);
	return err;
}

/**
 * slot_why_not - why may an MTE VM not have a slot?
 * @parts: the bits that slot_check() or vm_open_hugetlb() has set before it failed
 *
 * Context: any.
 * Return: the reason, for a message.
 */
const char *slot_why_not(unsigned int parts)
{
	if (parts & SLOT_BAD_HUGETLB)
		return "hugetlb memory is mapped there, and this host does not keep its tags";
	if (parts & SLOT_BAD_GMEM)
		return "it has a guest_memfd";
	if (parts & SLOT_BAD_SHARED)
		return "shared memory is mapped there, and this kernel's KVM takes none with MTE";
	return "a file, DAX or memory of a driver is mapped there";
}

static int check_slots_locked(struct mte_vm *vm, unsigned int *parts)
{
	struct kvm_memory_slot *slot;
	int bkt, err;

	lockdep_assert_held(&vm->kvm->slots_lock);
	compat_for_each_memslot(slot, bkt, kvm_memslots(vm->kvm)) {
		err = check_locked(vm->kvm->mm, slot, parts);
		if (!err)
			continue;
		if (err != -EINVAL)
			return err;
		trace_kvm_mte_refuse(vm, REFUSED_SLOT, gfn_to_gpa(slot->base_gfn), err);
		vm_notice(vm, "not turned on: memory slot %d (IPA %llx, %lu pages) cannot hold tags: %s\n",
			  slot->id, gfn_to_gpa(slot->base_gfn), slot->npages,
			  slot_why_not(*parts));
		return err;
	}
	return 0;
}

/**
 * vm_check_slots - may an MTE VM have all memory slots of this VM?
 * @vm: the VM
 *
 * Context: slots_lock held, and a reference on the VMM's address space (mm_users);
 * tries its mmap_lock.
 * Return: 0; -EINVAL with the slot in the log; -EAGAIN if the VMM holds its mmap_lock;
 * -EINTR if the caller is killed; or the error of vm_open_hugetlb().
 */
int vm_check_slots(struct mte_vm *vm)
{
	struct mm_struct *mm = vm->kvm->mm;
	unsigned int parts = 0;
	int err;

	if (!mmap_read_trylock(mm))
		return -EAGAIN;
	err = check_slots_locked(vm, &parts);
	mmap_read_unlock(mm);
	return err ?: vm_open_hugetlb(vm, &parts);
}

/**
 * vm_open_slots - let KVM take the hugetlb memory that an MTE VM has already
 * @vm: the VM, whose VMM has enabled MTE after it had set slots
 *
 * KVM does not check the slots at that time.  It refuses memory without VM_MTE_ALLOWED later,
 * in the guest's faults.
 *
 * Context: may sleep; takes slots_lock, mmap_lock and ondemand_lock.
 */
void vm_open_slots(struct mte_vm *vm)
{
	struct kvm_memory_slot *slot;
	unsigned int parts = 0;
	int bkt;

	mutex_lock(&vm->kvm->slots_lock);
	compat_for_each_memslot(slot, bkt, kvm_memslots(vm->kvm))
		slot_check(vm->kvm->mm, slot, &parts);
	vm_open_hugetlb(vm, &parts);
	mutex_unlock(&vm->kvm->slots_lock);
}

/**
 * vm_open_hugetlb - let KVM take the hugetlb memory of an MTE VM
 * @vm: the VM
 * @parts: the parts of its slots: SLOT_HAS_*; SLOT_BAD_HUGETLB is added after an error
 *
 * Context: slots_lock held; may sleep, and takes ondemand_lock.
 * Return: 0, or the error of vm_backend.open_hugetlb().
 */
int vm_open_hugetlb(struct mte_vm *vm, unsigned int *parts)
{
	int err;

	lockdep_assert_held(&vm->kvm->slots_lock);
	if (!(*parts & SLOT_HAS_HUGETLB))
		return 0;
	err = vm_backend->open_hugetlb(vm);
	if (err)
		*parts |= SLOT_BAD_HUGETLB;
	return err;
}

/**
 * vm_drop_mappings - drop the stage-2 mappings of all memory slots of a VM
 * @kvm: the VM; the caller keeps it and its address space (mm_users) alive
 *
 * Faults map the memory again, and its tags are checked at that time.  Device memory is
 * dropped too, because a mapping that looks like a device's may be of RAM.
 *
 * Context: may sleep.
 */
void vm_drop_mappings(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int idx, bkt;

	idx = srcu_read_lock(&kvm->srcu);
	compat_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		kfn.flush_memslot(kvm, slot);
	srcu_read_unlock(&kvm->srcu, idx);
}
