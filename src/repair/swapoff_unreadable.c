// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tags that swapoff reads back (until 6.5).
 *
 * unuse_pte() leaves the restoring of tags to set_pte_at(), which does it for
 * readable memory only.  Of memory that is PROT_NONE just then the saved tags are
 * thrown away with the swap entry.  Later kernels restore them in unuse_pte() itself.
 *
 * Just before it maps a page, unuse_pte() calls ksm_might_need_to_copy(), with the
 * page locked and in the swap cache, which keeps the entry.
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

	if (!PageSwapCache(page) || page_mte_tagged(page))
		return;
	/* With the flag, the page was never away: its tags may be newer. */
	if (kfn.restore_tags(entry, page))
		set_page_mte_tagged(page);
}
