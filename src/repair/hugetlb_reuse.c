// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tags of hugetlb pages.  Freed hugetlb pages return to their pool.  They do not pass the
 * page allocator, which would clear PG_mte_tagged.  So the next owner would get them with
 * PG_mte_tagged, and so with the tags of the last owner.  From 6.2 to 6.12 two things set
 * PG_mte_tagged of a hugetlb page: VMs to which the module gives hugetlb memory
 * (hugetlb_slots.c), and KVM_ARM_MTE_COPY_TAGS.
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
			compat_clear_page_mte_tagged(&head[i]);
}

/*
 * This is needed even if no VM is on: memory may be freed after its VM was destroyed.  It
 * is not a watch: a page of 1 GiB has 262,144 flags, too many for a tracer's callback.
 */
COMPAT_WRAP_FREE_HUGETLB
{
	clear_tagged(COMPAT_FREED_HUGETLB);
	compat_original_free_hugetlb();
}

/*
 * Drops the tags of a page that others may use.  Where PG_mte_tagged has a lock, the flags
 * must stay: a task that has found PG_mte_lock taken waits until PG_mte_tagged is set.
 */
static void drop_tags(struct page *page, unsigned long nr)
{
	for (; nr--; page++) {
		if (!test_bit(PG_mte_tagged, &page->flags))
			continue;
		if (COMPAT_TAGGED_HAS_LOCK)
			kfn.clear_page_tags(page_address(page));
		else
			compat_clear_page_mte_tagged(page);
	}
}

/* While a page is being migrated, its count is 0 for a moment, but it has a mapping. */
static bool is_free(struct page *head)
{
	return PageHead(head) && PageHuge(head) && !page_count(head) &&
	       !READ_ONCE(head->mapping);
}

/* The most base pages whose tags are dropped with interrupts off */
#define DROP_CHUNK	64

/*
 * The page may be taken from the pool, or split into smaller ones, while this checks it.  So
 * it is checked again before the tags of each base page are dropped.  The new owner zeroes
 * the page, or copies another page to it with its tags.  That takes longer than to drop the
 * tags of one base page, because interrupts are off here.  Returns false after the page's
 * end, or if the page is not free.
 */
static bool drop_chunk_if_free(struct page *head, unsigned long first)
{
	unsigned long flags, i;
	bool inside;

	local_irq_save(flags);
	inside = is_free(head) && first < compound_nr(head);
	for (i = first; inside && i < first + DROP_CHUNK; i++)
		if (test_bit(PG_mte_tagged, &head[i].flags) && is_free(head) &&
		    i < compound_nr(head))
			drop_tags(head + i, 1);
	local_irq_restore(flags);
	return inside;
}

static void drop_if_free(struct page *head)
{
	unsigned long i = 0;

	while (drop_chunk_if_free(head, i))
		i += DROP_CHUNK;
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
 *
 * A page that has no mapping may be that to which another page is being copied, with its tags:
 * a VM's, or on 5.10 a process's (copy-on-write).  Then its owner is known only when the copy
 * is complete.  The kernel then writes the page's mapping, and after it the flag that
 * compat_hugetlb_was_mapped() tests, but without a barrier.  So a page without a mapping has no
 * owner only if the flag was also seen in an earlier attempt (@again).
 */
static bool try_drop_unless_owned(struct page *page, bool again)
{
	bool anon = PageAnon(page), owned = false;
	struct address_space *mapping = anon ? NULL : compat_page_mapping(page);
	struct rmap_walk_control rwc = { .rmap_one = owns_no_tags, .arg = &owned };

	if (!anon && !mapping && !(compat_hugetlb_was_mapped(page) && again))
		return false;
	if (mapping && !i_mmap_trylock_write(mapping))
		return false;
	if (mapping)
		kfn.rmap_walk_locked(compat_rmap(page), &rwc);
	else if (anon)
		kfn.rmap_walk(compat_rmap(page), &rwc);
	if (!owned)
		drop_tags(page, compound_nr(page));
	if (mapping)
		i_mmap_unlock_write(mapping);
	return true;
}

/*
 * How long to wait for a file's i_mmap_rwsem, which its users may hold one after the other, or
 * for a copy.  A userfaultfd's copy may wait for user space.
 */
#define OWNER_TIMEOUT	(10 * HZ)

/**
 * struct clearing - passes over all hugetlb pages
 * @may_fail: module init: stop at the first error, also if the caller is killed
 * @timeout: how long to wait for one page, in jiffies; 0: not at all
 */
struct clearing {
	bool may_fail;
	unsigned long timeout;
};

static int drop_unless_owned(struct page *page, const struct clearing *pass)
{
	unsigned long end = jiffies + pass->timeout;
	bool done, seen, again = false;

	for (;;) {
		seen = again;
		lock_page(page);
		done = !PageHead(page) || !PageHuge(page) || PageHWPoison(page) ||
		       try_drop_unless_owned(page, seen);
		again = !done && compat_hugetlb_was_mapped(page);
		unlock_page(page);
		if (done)
			return 0;
		if (pass->may_fail && fatal_signal_pending(current))
			return -EINTR;
		if (pass->timeout) {
			if (time_after(jiffies, end) || fatal_signal_pending(current))
				return -EBUSY;
			usleep_range(100, 200);
		} else if (seen || !again) {
			return -EBUSY;
		}
	}
}

static bool any_tagged(struct page *head)
{
	unsigned long nr = compound_nr(head), i;

	for (i = 0; i < nr; i++)
		if (test_bit(PG_mte_tagged, &head[i].flags))
			return true;
	return false;
}

static int check_page(unsigned long pfn, const struct clearing *pass)
{
	struct page *page = pfn_to_online_page(pfn);
	int err = 0;

	/* A page with a memory error gets no new owner, and must not be written to. */
	if (!page || !PageHead(page) || !PageHuge(page) || PageHWPoison(page))
		return 0;
	drop_if_free(page);
	if (!get_page_unless_zero(page))
		return 0;
	/*
	 * The hooks are armed.  So if PG_mte_tagged is set later, the page has an owner, or is a
	 * copy of a page with old tags.
	 */
	if (any_tagged(page))
		err = drop_unless_owned(page, pass);
	put_page(page);
	if (err == -EBUSY && pass->timeout)
		pr_err("hugetlb pages may have old tags: a file on hugetlbfs is in use all the time, or a page is being copied (PFN %lx)\n",
		       pfn);
	return err;
}

static int clear_node(int node, struct clearing *pass)
{
	/* CONT_PTES: pages in the smallest hugetlb page of arm64. */
	unsigned long pfn = ALIGN(node_start_pfn(node), CONT_PTES);
	int err;

	for (; pfn < node_end_pfn(node); pfn += CONT_PTES) {
		err = check_page(pfn, pass);
		if (err && pass->may_fail)
			return err;
		/* A VMM must not make rmmod wait for page after page. */
		if (err)
			pass->timeout = 0;
		cond_resched();
	}
	return 0;
}

/* Two passes: while the first one runs, a page may be copied to one that it has passed already. */
static int clear_all(struct clearing *pass)
{
	int node, times, err;

	for (times = 0; times < 2; times++) {
		for_each_online_node(node) {
			err = clear_node(node, pass);
			if (err)
				return err;
		}
	}
	return 0;
}

/**
 * tags_clear_hugetlb - drop tags of hugetlb pages, if nobody owns the tags
 *
 * The pages were freed before the function that frees them was hooked.  Some may have a new
 * owner by now, who must not see the old tags.
 *
 * Context: module init, when the hooks are armed and all VMs with MTE are registered; may
 * sleep.
 * Return: 0; -EBUSY, with the reason in the log, if the users of a file do not let go of its
 * lock, or if a copy does not end; -EINTR if the caller is killed.
 */
int tags_clear_hugetlb(void)
{
	struct clearing pass = { .may_fail = true, .timeout = OWNER_TIMEOUT };

	return clear_all(&pass);
}

/**
 * tags_leave_hugetlb - drop tags of hugetlb pages before the module is unloaded
 *
 * VMs that had MTE have left tags in memory that is still mapped, or in a file.  When that
 * memory is freed later, no hook drops them.  The next owner would see them: on 5.10 by
 * PROT_MTE, on 6.11 and 6.12 by KVM_ARM_MTE_COPY_TAGS.
 *
 * Unloading cannot fail.  So a page whose owner cannot be found out keeps its tags.  For the
 * first such page the log has the reason.
 *
 * Context: module exit, while the hooks are armed; no VM has MTE or gets it, unless KVM itself
 * gives it; may sleep.
 */
void tags_leave_hugetlb(void)
{
	struct clearing pass = { .timeout = OWNER_TIMEOUT };

	clear_all(&pass);
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
 * shared struct pages (compat_tags.h), on the whole host.  If there is one, the answer is
 * false, even if other pages of this size have their own struct pages.  A page whose
 * struct pages become shared later is refused when it is mapped (page_can_hold_tags()).
 *
 * Context: the address space's mmap_lock held; may sleep.
 * Return: false if they do not, with the reason in the log; also if the caller is killed.
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
