// SPDX-License-Identifier: GPL-2.0
/*
 * Holes in KVM's own guest MTE.  Both are closed for all MTE VMs of the host,
 * also those whose VMM asked by itself.
 *
 * block_collapse: on a permission fault user_mem_abort() does not look at tags,
 * as the page is mapped already; but where the fault makes a block out of pages,
 * some of them may never have been (6.1 to 7.2).
 *
 * thp_split: __split_huge_page_tail() and its successors give all pages the first
 * one's flag.  A huge page of which a guest has only some pages has the flag on
 * those only: their tags are lost if the first is not among them, and tags of
 * earlier owners are shown in the others if it is.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>

#include "native.h"

/**
 * native_init_tags - clear the tags of those pages that nobody's tags are in
 * @page: first page
 * @nr: number of base pages
 *
 * arch/arm64/kvm/mmu.c:sanitise_mte_tags().
 *
 * Context: any; with mmu_lock, or where nobody else can have the pages.
 */
void native_init_tags(struct page *page, unsigned long nr)
{
	for (; nr--; page++) {
		if (!compat_try_page_mte_tagging(page))
			continue;
		kernel.clear_page_tags(page_address(page));
		set_page_mte_tagged(page);
	}
}

/**
 * native_complete_tags - a huge page is to be split: all its pages or none
 * @head: first page
 * @nr: number of base pages
 *
 * Context: any; see split.c.
 */
void native_complete_tags(struct page *head, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		if (page_mte_tagged(head + i))
			break;
	if (i < nr)
		native_init_tags(head, nr);
}

/* A hugetlb page has its tags initialised as a whole. */
static bool may_lack_tags(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	return page && PageCompound(page) && !PageHuge(page);
}

HOOK_WRAP(kvm_pgtable_stage2_map, int, COMPAT_STAGE2_MAP_PROTO,
	  COMPAT_STAGE2_MAP_ARGS(addr, size, phys))
{
	if (size > PAGE_SIZE && kvm_has_mte(compat_pgtable_kvm(pgt)) &&
	    may_lack_tags(PHYS_PFN(phys)))
		native_init_tags(pfn_to_page(PHYS_PFN(phys)), size / PAGE_SIZE);
	return original(kvm_pgtable_stage2_map)COMPAT_STAGE2_MAP_ARGS(addr, size, phys);
}
