// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM clears the tags of hugetlb pages in part (6.13 and later).
 *
 * A hugetlb page has one flag for all its tags.  Before KVM sets the flag,
 * sanitise_mte_tags() clears only the part that is mapped, and KVM_ARM_MTE_COPY_TAGS only
 * the part that is copied.  The rest keeps the tags of the last owner.  KVM maps only a
 * part in three cases: if the page's size is not a block size at stage 2 (64 KiB,
 * 32 MiB), under dirty logging, and if HVA and IPA are aligned differently.
 *
 * So the tags of the whole page are cleared, and the flag is set, after KVM has got a
 * reference on the page and before KVM reads the flag.  This file does it for a fault,
 * copy_tags_hang.c for a copy.
 */
#include <linux/hugetlb.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "hook/hook.h"
#include "calls.h"
#include "repair/page_tags.h"

/*
 * Is this hugetlb memory?  Reads without mmap_lock, so the mapping may be replaced meanwhile,
 * and its struct freed or used for another mapping.  Then the answer does not matter.  KVM has
 * read mmu_invalidate_seq under mmap_lock, before the call of the hooked function.  A
 * mapping of hugetlb memory is never merged with another one, so only munmap() or mremap()
 * can replace another mapping by it.  They tell the MMU notifier, and KVM drops the page
 * under mmu_lock, before it looks at the tags (mmu_invalidate_retry()).
 */
static bool is_hugetlb(struct mm_struct *mm, unsigned long addr)
{
	const struct vm_area_struct *vma;
	unsigned long flags;
	bool yes;

	/* Without CONFIG_PER_VMA_LOCK, RCU does not keep the struct. */
	if (!IS_ENABLED(CONFIG_PER_VMA_LOCK))
		return true;
	rcu_read_lock();
	vma = mtree_load(&mm->mm_mt, addr);
	/* Guest memory has VM_MAYREAD.  If it is missing, the flags are being written: say yes. */
	flags = vma ? READ_ONCE(vma->vm_flags) : 0;
	yes = !(flags & VM_MAYREAD) || flags & VM_HUGETLB;
	rcu_read_unlock();
	return yes;
}

/*
 * Finds the VM by the loaded vCPU, because pages are faulted in only in KVM_RUN.  It does
 * not use the registry: the registry may lack the VM, and KVM's own flag decides.
 */
static notrace bool is_for_wrapper(const u64 *x)
{
	const struct kvm_memory_slot *slot = (const struct kvm_memory_slot *)x[0];
	struct kvm_vcpu *vcpu = kfn.get_running_vcpu();
	gfn_t gfn = x[1];

	return vcpu && kvm_has_mte(vcpu->kvm) &&
	       is_hugetlb(vcpu->kvm->mm, __gfn_to_hva_memslot(slot, gfn));
}

static void init_if_hugetlb(struct page *page)
{
	if (PageHuge(page) && !page_tags_in_use(page))
		page_tags_init(page, 1);
}

/* Process context.  Of KVM's locks only kvm->srcu is held.  Waits for the VMM's memory. */
HOOK_WRAP_WAITS(__kvm_faultin_pfn, is_for_wrapper, kvm_pfn_t,
		(const struct kvm_memory_slot *slot, gfn_t gfn, unsigned int foll,
		 bool *writable, struct page **refcounted_page),
		(slot, gfn, foll, writable, refcounted_page))
{
	kvm_pfn_t pfn = original(__kvm_faultin_pfn)(slot, gfn, foll, writable,
						    refcounted_page);

	if (!is_error_noslot_pfn(pfn) && *refcounted_page)
		init_if_hugetlb(*refcounted_page);
	return pfn;
}
