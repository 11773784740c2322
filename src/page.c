// SPDX-License-Identifier: GPL-2.0
/*
 * Tags over the life of a page.
 *
 * PG_mte_tagged (PG_arch_2) of a page means: its tags belong to whoever owns
 * its content, and are kept with it (Documentation/arm64/memory-tagging-
 * extension.rst; arch/arm64/kernel/mte.c).  A page without it has whatever tags
 * its last user left.  The page allocator drops the flag, so it is enough to
 * clear tags and set the flag before a guest can see a page, and to keep the
 * flag right where the kernel does not.
 */
#include <linux/hash.h>
#include <linux/hugetlb.h>
#include <linux/irqflags.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "kvm_mte.h"
#include "tags.h"

/*
 * Test, clear and set must be one step: a page may be mapped into two VMs at
 * once, whose mmu_locks exclude nothing.  Hashed by the head page, so that a
 * huge page has one lock.
 */
#define LOCK_BITS	6
static raw_spinlock_t tag_locks[BIT(LOCK_BITS)] = {
	[0 ... BIT(LOCK_BITS) - 1] = __RAW_SPIN_LOCK_UNLOCKED(tag_locks),
};

static raw_spinlock_t *tag_lock(const struct page *head)
{
	return &tag_locks[hash_ptr(head, LOCK_BITS)];
}

/* The huge zero page: no list, no owner, no mapping. */
static bool maybe_huge_zero_page(struct page *page)
{
	struct page *head = compound_head(page);

	return compound_order(head) == HPAGE_PMD_ORDER && !head->mapping;
}

/**
 * page_can_hold_tags - does the kernel keep this page's tags?
 * @page: the page
 *
 * Anonymous and shmem pages are swap-backed.  A page of a file would lose its
 * tags at the next write-back.
 *
 * Context: any; the caller holds a reference, or the page table lock or mmu_lock
 * that keeps it mapped.
 * Return: true if it does.
 */
bool page_can_hold_tags(struct page *page)
{
	return !is_zone_device_page(page) &&
	       (PageSwapBacked(page) || PageAnon(page) || PageHuge(page) ||
		maybe_huge_zero_page(page));
}

static bool init_page(struct page *page)
{
	if (test_bit(PG_mte_tagged, &page->flags))
		return false;
	kernel.clear_page_tags(page_address(page));
	/*
	 * Whoever sees the flag must see cleared tags: copy_highpage(),
	 * mte_save_tags() and mte_sync_tags() on other CPUs look without our
	 * lock.  Pairs with their dependency on the flag.
	 */
	smp_wmb();
	set_bit(PG_mte_tagged, &page->flags);
	return true;
}

/* All of one compound page if more than one. */
static unsigned int init_pages(struct page *page, unsigned long nr)
{
	raw_spinlock_t *lock = tag_lock(compound_head(page));
	unsigned int cleared = 0;
	unsigned long i;

	raw_spin_lock(lock);
	for (i = 0; i < nr; i++)
		cleared += init_page(page + i);
	raw_spin_unlock(lock);
	return cleared;
}

static unsigned int init_compound(struct page *page)
{
	struct page *head = compound_head(page);

	return init_pages(head, compound_nr(head));
}

/**
 * tags_init - a guest is to have this page: clear its tags, unless they are
 * somebody's already
 * @page: the page
 *
 * Splitting a huge page gives the head page's flag to all its pages
 * (mm/huge_memory.c:__split_huge_page_tail()).  With the flag on some pages
 * only, that loses tags or exposes old ones, so all get it together.  A hugetlb
 * page is never split, and may be too large to clear at once.
 *
 * Context: process context, also with preemption or interrupts off, under
 * mmu_lock or a page table lock.
 * Return: number of base pages whose tags were cleared.
 */
unsigned int tags_init(struct page *page)
{
	return PageCompound(page) && !PageHuge(page) ? init_compound(page)
						     : init_pages(page, 1);
}

/**
 * tags_read - the tags of a page as its owner has them
 * @page: the page; the caller holds a reference
 * @tags: where they go; all zero if the page has no owner's tags
 *
 * Context: any.
 */
void tags_read(struct page *page, struct page_tags *tags)
{
	memset(tags, 0, sizeof(*tags));
	if (!test_bit(PG_mte_tagged, &page->flags))
		return;
	smp_rmb();	/* Tags behind the flag; pairs with init_page(). */
	kernel.save_page_tags(page_address(page), tags);
}

/**
 * tags_write - give a page new tags
 * @page: the page, which page_can_hold_tags(); the caller holds a reference
 * @tags: the tags
 *
 * Context: as tags_init().
 */
void tags_write(struct page *page, const struct page_tags *tags)
{
	raw_spinlock_t *lock = tag_lock(compound_head(page));

	tags_init(page);
	raw_spin_lock(lock);
	kernel.restore_page_tags(page_address(page), tags);
	raw_spin_unlock(lock);
}

static bool any_tagged(struct page *head, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		if (test_bit(PG_mte_tagged, &head[i].flags))
			return true;
	return false;
}

/*
 * Still needed beside tags_init(): khugepaged builds huge pages out of
 * pages with and without the flag.  Also while no VM is on: the page may belong
 * to one that was, or come to one that will be.
 */
HOOK_WATCH2(split_huge_page_to_list, int, struct page *, page,
	    struct list_head *, list)
{
	struct page *head = compound_head(page);

	if (any_tagged(head, compound_nr(head)))
		init_compound(head);
}

static void disown(struct page *head)
{
	unsigned long nr = compound_nr(head), i;

	for (i = 0; i < nr; i++)
		if (test_bit(PG_mte_tagged, &head[i].flags))
			clear_bit(PG_mte_tagged, &head[i].flags);
}

/*
 * A hugetlb page goes back to its pool without passing the page allocator, and
 * would come to the next owner with the flag, that is with its old tags.
 * Whether or not a VM is on now: its memory may be freed after it has gone.
 */
HOOK_WATCH1(free_huge_page, void, struct page *, page)
{
	disown(page);
}

/*
 * A free page can be taken from the pool while we look at it.  Its new owner
 * sets the flag only after clearing megabytes of memory, long after this is
 * through: interrupts are off.
 */
static void disown_if_free(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	unsigned long flags;

	if (!page || !PageHead(page))
		return;
	local_irq_save(flags);
	if (PageHead(page) && PageHuge(page) && !page_count(page))
		disown(page);
	local_irq_restore(flags);
}

/**
 * tags_disown_free_hugetlb - drop the flag from hugetlb pages that are free already
 *
 * They were freed before free_huge_page() was hooked.
 *
 * Context: module init, when the hooks are armed; may sleep.
 */
void tags_disown_free_hugetlb(void)
{
	unsigned long pfn, end;
	int node;

	for_each_online_node(node) {
		/* The smallest hugetlb page that arm64 has. */
		pfn = ALIGN(node_start_pfn(node), CONT_PTES);
		end = node_end_pfn(node);
		for (; pfn < end; pfn += CONT_PTES) {
			disown_if_free(pfn);
			cond_resched();
		}
	}
}
