// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tags of hugetlb pages.  Freed hugetlb pages return to their pool.  They do not pass the
 * page allocator, which would clear PG_mte_tagged.  So the next owner would get them with
 * PG_mte_tagged, and so with the tags of the last owner.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/irqflags.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/signal.h>

#include "calls.h"
#include "hook/hook.h"
#include "repair/tags.h"
#include "vm/vm.h"

/*
 * Shared struct pages are mapped read-only.  They alias an earlier struct page of the same
 * huge page, whose PG_mte_tagged this loop has cleared already.  So the test is false
 * there, and nothing is written.
 */
static void clear_tagged(struct page *head)
{
	unsigned long nr = compound_nr(head), i;

	for (i = 0; i < nr; i++)
		if (test_bit(PG_mte_tagged, &head[i].flags))
			clear_bit(PG_mte_tagged, &head[i].flags);
}

/*
 * This is needed even if no VM is on: memory may be freed after its VM was destroyed.  It
 * is not a watch: a page of 1 GiB has 262,144 flags, too many for a tracer's callback.
 */
HOOK_WRAP_VOID(free_huge_page, (struct page *page), (page))
{
	clear_tagged(page);
	original(free_huge_page)(page);
}

/*
 * The page may be taken from the pool while this checks it.  But the new owner zeroes the
 * whole page before it sets PG_mte_tagged.  clear_tagged() ends long before that, because
 * interrupts are off.
 */
static void clear_if_free(struct page *page)
{
	unsigned long flags;

	local_irq_save(flags);
	if (PageHead(page) && PageHuge(page) && !page_count(page))
		clear_tagged(page);
	local_irq_restore(flags);
}

/* A process owns the tags if it maps the page PROT_MTE, or if its VM has MTE or is to get it. */
static bool owns_no_tags(compat_rmap_t *page, struct vm_area_struct *vma,
		       unsigned long addr, void *owned)
{
	bool vms;

	preempt_disable();
	vms = registry_find_by_mm(vma->vm_mm);
	preempt_enable();
	if (!(vma->vm_flags & VM_MTE) && !vms)
		return true;
	*(bool *)owned = true;
	return false;
}

/*
 * Only tries the file's i_mmap_rwsem: the page's lock is held, and for hugetlb pages
 * i_mmap_rwsem comes before it (mm/rmap.c, lock ordering).
 */
static bool try_clear_unless_owned(struct page *page)
{
	struct address_space *mapping = NULL;
	bool owned = false;
	struct rmap_walk_control rwc = { .rmap_one = owns_no_tags, .arg = &owned };

	if (!PageAnon(page))
		mapping = page_mapping(page);
	if (mapping && !i_mmap_trylock_write(mapping))
		return false;
	if (mapping)
		kfn.rmap_walk_locked(compat_rmap(page), &rwc);
	else if (PageAnon(page))
		kfn.rmap_walk(compat_rmap(page), &rwc);
	if (!owned)
		clear_tagged(page);
	if (mapping)
		i_mmap_unlock_write(mapping);
	return true;
}

static void clear_unless_owned(struct page *page)
{
	bool done = true;

	do {
		if (!done)
			usleep_range(100, 200);
		lock_page(page);
		if (PageHead(page) && PageHuge(page))
			done = try_clear_unless_owned(page);
		unlock_page(page);
	} while (!done);
}

static void check_page(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	if (!page || !PageHead(page) || !PageHuge(page))
		return;
	clear_if_free(page);
	if (!get_page_unless_zero(page))
		return;
	clear_unless_owned(page);
	put_page(page);
}

/**
 * tags_clear_hugetlb - clear PG_mte_tagged of hugetlb pages whose tags are not in use
 *
 * These pages were freed before free_huge_page() was hooked.  Some may have a new owner
 * by now.
 *
 * Context: module init, when the hooks are armed and all VMs with MTE are registered; may
 * sleep.
 */
void tags_clear_hugetlb(void)
{
	unsigned long pfn, end;
	int node;

	for_each_online_node(node) {
		/* CONT_PTES: pages in the smallest hugetlb page of arm64. */
		pfn = ALIGN(node_start_pfn(node), CONT_PTES);
		end = node_end_pfn(node);
		for (; pfn < end; pfn += CONT_PTES) {
			check_page(pfn);
			cond_resched();
		}
	}
}

/* Does a hugetlb page of this order with shared struct pages start at @pfn? */
static bool has_shared_structs(unsigned long pfn, unsigned int order)
{
	struct page *page = pfn_to_online_page(pfn);

	return page && PageHead(page) && PageHuge(page) &&
	       compound_order(page) == order && compat_has_shared_structs(page);
}

static bool any_has_shared_structs(int node, unsigned int order)
{
	unsigned long pfn = ALIGN(node_start_pfn(node), BIT(order));

	for (; pfn < node_end_pfn(node); pfn += BIT(order)) {
		/* If the caller is killed, the answer does not matter, and this may take long. */
		if (has_shared_structs(pfn, order) || fatal_signal_pending(current))
			return true;
		cond_resched();
	}
	return false;
}

/**
 * tags_hugetlb_can_hold - do hugetlb pages have flags for all their base pages?
 * @vma: a hugetlb mapping
 *
 * The mapping may have no pages yet.  So this looks for a hugetlb page of this size with
 * shared struct pages (compat.h), on the whole host.  If there is one, the answer is
 * false, even if other pages of this size have their own struct pages.  A page whose
 * struct pages become shared later is refused when it is mapped (page_can_hold_tags()).
 *
 * Context: the address space's mmap_lock held; may sleep.
 * Return: false if they do not, with the reason in the log.
 */
bool tags_hugetlb_can_hold(struct vm_area_struct *vma)
{
	unsigned int order = huge_page_order(hstate_vma(vma));
	int node;

	if (!COMPAT_SHARES_STRUCTS)
		return true;
	for_each_online_node(node) {
		if (!any_has_shared_structs(node, order))
			continue;
		pr_notice_ratelimited("hugetlb pages of %lu KiB cannot hold tags: their struct pages are shared (hugetlb_free_vmemmap)\n",
				      PAGE_SIZE / SZ_1K << order);
		return false;
	}
	return true;
}
