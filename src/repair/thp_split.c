// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages that are split.  Many functions split them, and the compiler inlines these
 * functions.  But all of them call one function of the memory controller, which is
 * hooked.  Directly after that call all pages get the first page's flags
 * (mm/huge_memory.c:__split_huge_page(), and later __split_unmapped_folio()).  At the call
 * no mapping is left, all references are frozen, and interrupts are off.  So no other code
 * reads or writes the tags then.
 *
 * If the function is split_page_memcg() (6.1, 6.12), the page allocator calls it too, for
 * pages that are not compound and have no owner yet.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/sched.h>

#include "hook/hook.h"
#include "kvm_private.h"
#include "repair/page_tags.h"
#include "repair/tags.h"

COMPAT_WATCH_SPLIT
{
	if (PageCompound(COMPAT_SPLIT_HEAD))
		page_tags_make_uniform(COMPAT_SPLIT_HEAD,
				     compound_nr(COMPAT_SPLIT_HEAD));
}

#ifdef COMPAT_SPLIT_AHEAD
/*
 * A huge page has 32 MiB where pages have 16 KiB, and 512 MiB where pages have 64 KiB.
 * That is too much to clear with interrupts off.  unmap_folio() runs earlier, with
 * interrupts and preemption on and the folio locked.  It calls try_to_migrate() or
 * try_to_unmap(), which may sleep.  So the tags are cleared here, in pieces of at most
 * 2 MiB, with preemption on between them.  PG_mte_lock keeps others out.
 *
 * After this, the hook above (COMPAT_WATCH_SPLIT) has nothing left to clear.  There is one
 * exception: no page has PG_mte_tagged here, and a VM or a process tags a page while the
 * folio is being unmapped.  Then that hook clears the tags of all other pages at once.
 */
static void make_uniform_ahead(struct folio *folio)
{
	unsigned long i, nr = folio_nr_pages(folio);

	if (!page_tags_differ(&folio->page, nr))
		return;
	for (i = 0; i < nr; i += TAGS_CHUNK_SPLIT) {
		page_tags_init(folio_page(folio, i), min(nr - i, TAGS_CHUNK_SPLIT));
		cond_resched();
	}
}

/*
 * unmap_folio() passes both flags, for folios of every size.  Otherwise only
 * memory-failure.c does, for hugetlb folios.
 */
#define UNMAPS_FOLIO	(TTU_RMAP_LOCKED | TTU_SYNC)

/* Leaves the check of PG_mte_tagged to the wrapper: this also runs for pages that migrate. */
static notrace bool is_split(const u64 *x)
{
	struct folio *folio = (struct folio *)x[0];

	return (x[1] & UNMAPS_FOLIO) == UNMAPS_FOLIO && folio_test_large(folio) &&
	       !folio_test_hugetlb(folio) && folio_nr_pages(folio) > TAGS_CHUNK_SPLIT;
}

HOOK_WRAP_VOID_IF(try_to_migrate, is_split,
		  (struct folio *folio, enum ttu_flags flags), (folio, flags))
{
	make_uniform_ahead(folio);
	original(try_to_migrate)(folio, flags);
}

HOOK_WRAP_VOID_IF(try_to_unmap, is_split,
		  (struct folio *folio, enum ttu_flags flags), (folio, flags))
{
	make_uniform_ahead(folio);
	original(try_to_unmap)(folio, flags);
}
#endif
