// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that a permission fault maps.
 *
 * On a permission fault user_mem_abort() (7.2: kvm_s2_fault_map()) does not look at
 * the tags, since the page is mapped already.  Two holes follow from that:
 *
 * remap_race: the VMM replaces the page (MAP_FIXED, MADV_DONTNEED) between the
 * guest's exit and KVM's reading of mmu_invalidate_seq.  The fault is still one of
 * permission, and the new page is mapped.
 *
 * block_collapse: the fault makes a block of pages, some of which were never mapped.
 *
 * A fault that changes the permissions of an entry alone maps no page.  All others
 * go through kvm_pgtable_stage2_map(), so every page is looked at there.  After a
 * fault that is not one of permission that is one test of a flag.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>

#include <asm/memory.h>

#include "hook/hook.h"
#include "kvm_private.h"
#include "repair/page_tags.h"

/* Not in the linear map: its tags are not ours to clear, and KVM maps it as device. */
static bool is_memory(unsigned long pfn)
{
	return pfn_is_map_memory(pfn) && !is_zero_pfn(pfn);
}

/*
 * KVM checks the mapping (VM_MTE_ALLOWED) only where the fault is not one of
 * permission.  A file that is mapped meanwhile has pages that lose their tags, and DAX
 * memory may have no tags at all.
 */
static bool can_hold_tags(struct page *page)
{
	struct folio *folio;

	if (!page || is_zone_device_page(page))
		return false;
	folio = page_folio(page);
	return folio_test_anon(folio) || folio_test_swapbacked(folio) ||
	       folio_test_hugetlb(folio) || !folio->mapping;
}

/* -EAGAIN has the guest fault again: no longer one of permission, so KVM checks it. */
static int init_range(unsigned long pfn, unsigned long nr)
{
	struct page *page = pfn_to_online_page(pfn);

	if (COMPAT_CHECKS_VMA && is_memory(pfn) && !can_hold_tags(page))
		return -EAGAIN;
	if (!page || (nr > 1 && !PageCompound(page)))
		return 0;
	if (nr == 1 && page_tags_in_use(page))
		return 0;
	if (is_memory(pfn))
		page_tags_init(page, nr);
	return 0;
}

static notrace bool is_mte_memory(const u64 *x)
{
	const struct kvm_pgtable *pgt = (const struct kvm_pgtable *)x[0];
	enum kvm_pgtable_prot prot = x[4];

	return !(prot & KVM_PGTABLE_PROT_DEVICE) &&
	       kvm_has_mte(compat_pgtable_kvm(pgt));
}

/* Under mmu_lock. */
HOOK_WRAP_IF(kvm_pgtable_stage2_map, is_mte_memory, int, COMPAT_STAGE2_MAP_PROTO,
	     COMPAT_STAGE2_MAP_ARGS(addr, size, phys))
{
	int err = init_range(PHYS_PFN(phys), PAGE_ALIGN(size) / PAGE_SIZE);

	return err ?: original(kvm_pgtable_stage2_map)COMPAT_STAGE2_MAP_ARGS(addr, size, phys);
}
