// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that a permission fault maps.
 *
 * On a permission fault user_mem_abort() (7.2: kvm_s2_fault_map()) does not check the
 * tags, because it assumes that the page is mapped already.  This causes two holes:
 *
 * remap_race: the VMM replaces the page (MAP_FIXED, MADV_DONTNEED) between the guest's
 * exit and KVM's read of mmu_invalidate_seq.  The fault is still a permission fault, and
 * KVM maps the new page.
 *
 * block_collapse: the fault creates a block of pages, and some of them were never mapped.
 *
 * A fault that only changes the permissions of an entry maps no page.  All other faults
 * call kvm_pgtable_stage2_map(), so every page is checked there.  If the fault is not a
 * permission fault, KVM has initialised the tags, and the check only tests flags.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>

#include <asm/memory.h>

#include "hook/hook.h"
#include "kvm_private.h"
#include "repair/page_tags.h"
#include "repair/repair.h"
#include "repair/tags.h"

/*
 * The tags of memory outside of the linear map must not be cleared.  KVM maps it as device
 * or non-cacheable (on 7.2 only if its mapping is VM_PFNMAP or VM_MIXEDMAP, and not cached).
 * The zero page is left out because its tags were cleared at boot.
 */
static bool is_memory(unsigned long pfn)
{
	return pfn_is_map_memory(pfn) && !is_zero_pfn(pfn);
}

/*
 * KVM checks the mapping (VM_MTE_ALLOWED) only if the fault is not a permission fault.
 * The VMM may have mapped a file meanwhile, whose pages lose their tags, or DAX memory,
 * which may have no tags at all.
 */
static bool can_hold_tags(struct page *page)
{
	struct folio *folio;

	if (!page || is_zone_device_page(page))
		return false;
	folio = page_folio(page);
	if (folio_test_hugetlb(folio))
		return !COMPAT_REFUSES_HUGETLB || hugetlb_slots_work();
	return folio_test_anon(folio) || folio_test_swapbacked(folio) ||
	       tags_maybe_huge_zero(page);
}

/* May an MTE VM map this?  Cached memory outside of the linear map has no tags (7.2: DAX). */
static bool may_be_mapped(unsigned long pfn, struct page *page, enum kvm_pgtable_prot prot)
{
	if (!COMPAT_CHECKS_VMA || is_zero_pfn(pfn))
		return true;
	return is_memory(pfn) ? can_hold_tags(page) : prot & COMPAT_PROT_UNCACHED;
}

/*
 * After -EAGAIN the guest faults again.  That is not a permission fault, so KVM checks it.
 * Hugetlb memory that was mapped before hugetlb_slots stopped working (a livepatch) would have
 * the same permission fault for ever, so KVM_RUN ends with -EFAULT.
 */
static int init_range(unsigned long pfn, unsigned long nr, enum kvm_pgtable_prot prot)
{
	struct page *page = pfn_to_online_page(pfn);

	if (!may_be_mapped(pfn, page, prot))
		return page && PageHuge(page) ? -EFAULT : -EAGAIN;
	if (!page || (nr > 1 && !PageCompound(page)))
		return 0;
	if (nr == 1 && page_tags_in_use(page))
		return 0;
	if (is_memory(pfn))
		page_tags_init(page, nr);
	return 0;
}

/*
 * Is nothing to be done for this page?  If the fault is not a permission fault, KVM has
 * initialised the tags, so the answer is yes for nearly every page.  The zero pages, and pages
 * of hugetlb memory, which may have their flag elsewhere, are left to the wrapper.  A page that
 * is anonymous or swap-backed is memory, so pfn_is_map_memory(), which searches memblock, is
 * not needed.
 */
static bool is_initialised(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	struct folio *folio;

	if (!page || is_zone_device_page(page))
		return false;
	folio = page_folio(page);
	return (folio_test_anon(folio) || folio_test_swapbacked(folio)) &&
	       !folio_test_hugetlb(folio) && page_mte_tagged(page);
}

/* The call of a wrapper costs more than the check of one page. */
static notrace bool is_for_wrapper(const u64 *x)
{
	const struct kvm_pgtable *pgt = (const struct kvm_pgtable *)x[0];
	u64 size = x[2], phys = x[3];
	enum kvm_pgtable_prot prot = x[4];

	return !(prot & KVM_PGTABLE_PROT_DEVICE) &&
	       kvm_has_mte(compat_pgtable_kvm(pgt)) &&
	       !(size == PAGE_SIZE && is_initialised(PHYS_PFN(phys)));
}

/* Under mmu_lock. */
HOOK_WRAP_IF(kvm_pgtable_stage2_map, is_for_wrapper, int, COMPAT_STAGE2_MAP_PROTO,
	     COMPAT_STAGE2_MAP_ARGS(addr, size, phys))
{
	int err = init_range(PHYS_PFN(phys), PAGE_ALIGN(size) / PAGE_SIZE, prot);

	return err ?: original(kvm_pgtable_stage2_map)COMPAT_STAGE2_MAP_ARGS(addr, size, phys);
}
