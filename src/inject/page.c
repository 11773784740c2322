// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tags over the life of a page.
 *
 * PG_mte_tagged (PG_arch_2) of a page means that its tags are in use.  They belong to
 * the owner of its content, and are kept with the content (arch/arm64/kernel/mte.c;
 * Documentation/arm64/memory-tagging-extension.rst).  A page without PG_mte_tagged has
 * the tags that its last user left.  The page allocator clears PG_mte_tagged when a
 * page is freed.  So the module has two things to do.  It clears the tags and sets
 * PG_mte_tagged before a guest can see a page.  And it keeps PG_mte_tagged correct in the
 * places where the kernel does not.
 */
#include <linux/hash.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "calls.h"
#include "hook/hook.h"
#include "repair/tags.h"
#include "vm/vm.h"

/*
 * Held to test PG_mte_tagged, clear the tags and set PG_mte_tagged.  A page may be mapped
 * into a process and two VMs at once, and the mmu_locks of two VMs do not exclude each
 * other.  The locks are hashed by the head page, so that a huge page has one lock.
 */
#define LOCK_BITS	6
static raw_spinlock_t tag_locks[BIT(LOCK_BITS)] = {
	[0 ... BIT(LOCK_BITS) - 1] = __RAW_SPIN_LOCK_UNLOCKED(tag_locks),
};

static raw_spinlock_t *tag_lock(const struct page *head)
{
	return &tag_locks[hash_ptr(head, LOCK_BITS)];
}

/**
 * page_can_hold_tags - does the kernel keep this page's tags?
 * @page: the page
 *
 * Anonymous and shmem pages are swap-backed.  A page of a file would lose its tags when
 * it is reclaimed.  Each base page of a hugetlb page needs its own PG_mte_tagged.
 *
 * Context: any; the caller holds a reference on the page, or the page table lock or
 * mmu_lock that keeps it mapped.
 * Return: true if it does.
 */
bool page_can_hold_tags(struct page *page)
{
	if (PageHuge(page))
		return !compat_has_shared_structs(compound_head(page));
	return !is_zone_device_page(page) &&
	       (PageSwapBacked(page) || PageAnon(page) || tags_maybe_huge_zero(page));
}

/* Number of bytes whose tags one STGM stores: GMID_EL1.BS, ARM DDI 0487. */
static unsigned long stgm_size(void)
{
	return 4UL << (read_sysreg_s(SYS_GMID_EL1) &
		       GENMASK(SYS_GMID_EL1_BS_SIZE - 1, 0));
}

/*
 * mte_clear_page_tags() for huge pages: the kernel's loop takes more than twice as many
 * instructions.  @size: a multiple of 16 KiB, which is 64 times the largest block of
 * STGM.
 */
static noinline void tags_clear_block(void *start, size_t size)
{
	unsigned long from = (unsigned long)start;

	asm volatile(".arch armv8.5-a\n.arch_extension memtag\n"
		     "1:\n"
		     ".rept 64\n"
		     "	stgm	xzr, [%0]\n"
		     "	add	%0, %0, %2\n"
		     ".endr\n"
		     "	cmp	%0, %1\n"
		     "	b.lo	1b\n"
		     : "+&r" (from) : "r" (from + size), "r" (stgm_size())
		     : "cc", "memory");
}

static bool any_has(const struct page *page, unsigned long nr, unsigned long mask)
{
	unsigned long any = 0, i;

	for (i = 0; i + 4 <= nr; i += 4)
		any |= READ_ONCE(page[i].flags) | READ_ONCE(page[i + 1].flags) |
		       READ_ONCE(page[i + 2].flags) | READ_ONCE(page[i + 3].flags);
	for (; i < nr; i++)
		any |= READ_ONCE(page[i].flags);
	return any & mask;
}

/* set_bit() on each page; @nr is even.  A machine with MTE has the atomics of Armv8.1. */
static void set_all_tagged(struct page *page, unsigned long nr)
{
	unsigned long *flags = &page->flags, *end = &page[nr].flags;

	asm volatile(".arch armv8.5-a\n"
		     "1:\n"
		     ".rept 2\n"
		     "	stset	%2, [%0]\n"
		     "	add	%0, %0, %3\n"
		     ".endr\n"
		     "	cmp	%0, %1\n"
		     "	b.lo	1b\n"
		     : "+&r" (flags)
		     : "r" (end), "r" (BIT(PG_mte_tagged)), "I" (sizeof(*page))
		     : "cc", "memory");
}

static __always_inline bool init_page(struct page *page)
{
	if (test_bit(PG_mte_tagged, &page->flags))
		return false;
	/* Nothing may be written to a page with a memory error: see repair/page_tags.c. */
	if (!PageHWPoison(page))
		kfn.clear_page_tags(page_address(page));
	/*
	 * A reader that sees PG_mte_tagged must see cleared tags.  Pairs with
	 * tags_read().  The kernel's copy_highpage() and mte_save_tags() have no
	 * barrier, but read only after a page's mappings have been removed.
	 */
	smp_wmb();
	set_bit(PG_mte_tagged, &page->flags);
	return true;
}

/* If @nr is more than 1, all pages belong to one compound page. */
static unsigned int init_pages(struct page *page, unsigned long nr)
{
	raw_spinlock_t *lock = tag_lock(compound_head(page));
	unsigned int cleared = 0;
	unsigned long i;

	raw_spin_lock(lock);
	if (nr > 1 && nr * PAGE_SIZE >= SZ_64K &&
	    !any_has(page, nr, BIT(PG_mte_tagged) | __PG_HWPOISON)) {
		tags_clear_block(page_address(page), nr * PAGE_SIZE);
		smp_wmb();	/* as in init_page() */
		set_all_tagged(page, nr);
		cleared = nr;
	} else {
		for (i = 0; i < nr; i++)
			cleared += init_page(page + i);
	}
	raw_spin_unlock(lock);
	return cleared;
}

/*
 * The pages that are initialised in one step: a whole compound page, but at most
 * TAGS_CHUNK pages, because the lock is held and preemption is off.
 */
static struct page *chunk_of(struct page *page, unsigned long *nr)
{
	struct page *head = compound_head(page);

	*nr = min_t(unsigned long, compound_nr(head), TAGS_CHUNK);
	return head + round_down(page - head, *nr);
}

/**
 * tags_init - clear a page's tags for a guest, unless they are in use
 * @page: the page
 *
 * A split of a huge page gives the head page's PG_mte_tagged to all its pages
 * (mm/huge_memory.c:__split_huge_page_tail()).  If only some pages had PG_mte_tagged,
 * that would lose tags or expose old ones.  So all pages get it together.
 *
 * Context: process context, also with preemption or interrupts off, under
 * mmu_lock or a page table lock.
 * Return: number of base pages whose tags were cleared.
 */
unsigned int tags_init(struct page *page)
{
	unsigned long nr;

	page = chunk_of(page, &nr);
	return init_pages(page, nr);
}

/**
 * tags_init_one - tags_init() for a page that is no compound page
 * @page: the page
 *
 * This only tries the lock.  Other pages have the same lock, so its holder may be clearing a
 * huge page, and the caller may have interrupts off.
 *
 * Context: as tags_init().
 * Return: 1 if its tags were cleared; 0 if they were in use already; -EBUSY if the lock is
 * not free.
 */
int tags_init_one(struct page *page)
{
	raw_spinlock_t *lock = tag_lock(page);
	bool cleared;

	if (!raw_spin_trylock(lock))
		return -EBUSY;
	cleared = init_page(page);
	raw_spin_unlock(lock);
	return cleared;
}

/**
 * tags_ahead - how many pages, from this one on, does tags_init() initialise?
 * @page: the page
 *
 * Context: as tags_init().
 * Return: number of base pages, at least 1.
 */
unsigned long tags_ahead(struct page *page)
{
	unsigned long nr;
	struct page *first = chunk_of(page, &nr);

	return first + nr - page;
}

/**
 * tags_all_initialised - have all tags of a large block been initialised?
 * @page: first page of the block; the whole block is in one compound page
 * @nr: pages in the block, a multiple of TAGS_CHUNK
 *
 * Context: as tags_init().
 * Return: true if they have.
 */
bool tags_all_initialised(struct page *page, unsigned long nr)
{
	raw_spinlock_t *lock = tag_lock(compound_head(page));
	unsigned long i;

	/* In a hugetlb page, under the lock, all pages of a chunk have PG_mte_tagged, or none. */
	raw_spin_lock(lock);
	for (i = 0; i < nr; i += TAGS_CHUNK)
		if (!test_bit(PG_mte_tagged, &page[i].flags))
			break;
	raw_spin_unlock(lock);
	return i >= nr;
}

/**
 * tags_read - read the tags of a page, as its owner has them
 * @page: the page; the caller holds a reference
 * @tags: set to the tags; all zero if the page's tags are not in use
 *
 * Context: any.
 */
void tags_read(struct page *page, struct page_tags *tags)
{
	if (!test_bit(PG_mte_tagged, &page->flags)) {
		memset(tags, 0, sizeof(*tags));
		return;
	}
	smp_rmb();	/* Tags after PG_mte_tagged; pairs with init_page(). */
	kfn.save_page_tags(page_address(page), tags);
}

/**
 * tags_write - give a page new tags
 * @page: the page; page_can_hold_tags() is true; the caller holds a reference
 * @tags: the tags
 *
 * Context: as tags_init().
 */
void tags_write(struct page *page, const struct page_tags *tags)
{
	raw_spinlock_t *lock = tag_lock(compound_head(page));

	/* The other pages of a compound page get PG_mte_tagged too: tags_init(). */
	if (PageCompound(page))
		tags_init(page);
	raw_spin_lock(lock);
	kfn.restore_page_tags(page_address(page), tags);
	if (!test_bit(PG_mte_tagged, &page->flags)) {
		smp_wmb();	/* as in init_page() */
		set_bit(PG_mte_tagged, &page->flags);
	}
	raw_spin_unlock(lock);
}

/*
 * tags_init() alone is not enough: khugepaged builds huge pages from pages with and
 * without PG_mte_tagged.  This hook is also needed while no VM has MTE: the page may
 * belong to a VM that had MTE, or to a VM that will get it.
 */
HOOK_WATCH2(split_huge_page_to_list, int, struct page *, page,
	    struct list_head *, list)
{
	struct page *head = compound_head(page);

	if (any_has(head, compound_nr(head), BIT(PG_mte_tagged)))
		tags_init(head);
}

static void sync_page(struct page *page, pte_t old)
{
	raw_spinlock_t *lock = tag_lock(compound_head(page));

	raw_spin_lock(lock);
	if (test_bit(PG_mte_tagged, &page->flags))
		goto unlock;
	if (!is_swap_pte(old) || !tags_restore(page, pte_to_swp_entry(old)))
		init_page(page);
unlock:
	raw_spin_unlock(lock);
}

/*
 * A page is being mapped PROT_MTE into a process, by set_pte_at() under its page table
 * lock.  The original sets PG_mte_tagged first and then clears the tags.  If a VM gets
 * the page in between, its guest could read the tags before they are cleared.  So this
 * wrapper first does the same work in the right order, and the original has nothing left
 * to do.  A hugetlb page with shared struct pages is left to the original, because no VM
 * gets such a page.
 */
HOOK_WRAP_VOID(mte_sync_tags, (pte_t *ptep, pte_t pte), (ptep, pte))
{
	struct page *page = pte_page(pte);
	unsigned long nr = compound_nr(page), i;

	if (PageHuge(page) && compat_has_shared_structs(compound_head(page)))
		goto out;
	/* For a tail page @nr is 1. */
	if (PageCompound(page))
		for (i = 0; i < nr; i += TAGS_CHUNK)
			tags_init(page + i);
	else if (!test_bit(PG_mte_tagged, &page->flags))
		sync_page(page, READ_ONCE(*ptep));
out:
	original(mte_sync_tags)(ptep, pte);
}
