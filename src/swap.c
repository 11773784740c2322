// SPDX-License-Identifier: GPL-2.0
/*
 * Tags that come back from swap.
 *
 * Swapping out saves the tags of every page with PG_mte_tagged (mte_save_tags()),
 * but swapping in restores them only when the VMM's mapping is PROT_MTE, which
 * guest memory is not; a page that comes back without the flag would have its
 * tags cleared when it is next mapped to the guest.  So they are restored here:
 * when a page is read from swap, and when it is about to be mapped, which
 * catches pages that came into the swap cache without being read (zswap's
 * write-back) and swapoff.  shmem restores them by itself.
 *
 * Pages of other processes are treated alike: what their next set_pte_at()
 * would do happens a little earlier.
 */
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "kvm_mte.h"
#include "trace.h"

/*
 * The page is locked by its reader, and private holds its swap entry.  If its
 * flag is set it is still the page that was swapped out, whose tags may be newer
 * than the saved ones.
 */
static void restore_tags(struct page *page)
{
	swp_entry_t entry = { .val = page_private(page) };

	if (!entry.val || test_bit(PG_mte_tagged, &page->flags))
		return;
	if (!kernel.restore_tags(entry, page))
		return;
	/* Tags before flag, as in page.c:init_page(). */
	smp_wmb();
	set_bit(PG_mte_tagged, &page->flags);
}

HOOK_WATCH2(swap_readpage, int, struct page *, page, bool, synchronous)
{
	if (atomic_read(&vms_active))
		restore_tags(page);
}

/* Called by do_swap_page() and unuse_pte() for every page they map. */
HOOK_WATCH3(ksm_might_need_to_copy, struct page *, struct page *, page,
	    struct vm_area_struct *, vma, unsigned long, address)
{
	struct mte_vm *vm;

	if (!atomic_read(&vms_active))
		return;
	if (PageSwapCache(page))
		restore_tags(page);
	if (!test_bit(PG_mte_tagged, &page->flags))
		return;
	vm = registry_find_by_mm(vma->vm_mm);
	if (!vm)
		return;
	atomic64_inc(&vm->tags_restored);
	trace_kvm_mte_restore_tags(vm, address);
}
