// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tags of pages that swapoff reads back, on kernels whose set_pte_at() restores tags (6.1).
 *
 * unuse_pte() relies on set_pte_at() to restore tags, and set_pte_at() does it for
 * readable memory only.  If the memory is PROT_NONE at that time, the saved tags are
 * dropped with the swap entry.  Later kernels restore them in unuse_pte() itself.
 *
 * Directly before unuse_pte() maps a page, it calls ksm_might_need_to_copy().  The page is
 * locked and in the swap cache, which keeps the entry.
 */
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "hook/hook.h"
#include "calls.h"
#include "repair/page_tags.h"

HOOK_WATCH3(ksm_might_need_to_copy, struct page *, struct page *, page,
	    struct vm_area_struct *, vma, unsigned long, address)
{
	swp_entry_t entry = { .val = page_private(page) };

	/* A page with PG_mte_tagged never left memory: its tags may be newer. */
	if (!PageSwapCache(page) || page_mte_tagged(page))
		return;
	if (kfn.restore_tags(entry, page))
		set_page_mte_tagged(page);
}
