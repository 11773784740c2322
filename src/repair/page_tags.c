// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tags of a page in a VM with KVM's own guest MTE: tests whether they are in use, and
 * clears them if they are not.
 *
 * Since 6.2 a second flag, PG_mte_lock, is a lock that is taken only once.  The task that
 * gets it clears the tags and sets PG_mte_tagged.  Other tasks spin until PG_mte_tagged is
 * set, also under mmu_lock or a page table lock.  So preemption is off in between.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/preempt.h>

#include "calls.h"
#include "repair/page_tags.h"
#include "repair/tags.h"

/**
 * page_tags_in_use - are a page's tags in use?
 * @page: the page; the caller holds a reference, or the page is mapped
 *
 * Context: any.
 * Return: true if its tags have been initialised.
 */
bool page_tags_in_use(struct page *page)
{
	if (compat_has_hugetlb_flag(page))
		return compat_hugetlb_mte_tagged(page);
	return page_mte_tagged(page);
}

static void init_page(struct page *page)
{
	if (!compat_try_page_mte_tagging(page))
		return;
	/*
	 * A huge page is also split because one of its pages has a memory error.  Nothing may
	 * be written to that page any more.  Its flag must be set all the same, because it may be
	 * the first page, whose flags all pages get.
	 */
	if (!PageHWPoison(page))
		kfn.clear_page_tags(page_address(page));
	set_page_mte_tagged(page);
}

/* Clears the tags of the whole page, because there is one flag for all of them. */
static void init_hugetlb_page(struct page *head)
{
	unsigned long i, nr = compound_nr(head);

	if (!compat_try_hugetlb_mte_tagging(head))
		return;
	for (i = 0; i < nr; i++)
		kfn.clear_page_tags(page_address(head + i));
	compat_set_hugetlb_mte_tagged(head);
}

/**
 * page_tags_init - clear the tags of those pages whose tags are not in use
 * @page: first page; if it belongs to a hugetlb page with one flag, the tags of the whole
 *	hugetlb page are cleared
 * @nr: number of base pages
 *
 * As in arch/arm64/kvm/mmu.c:sanitise_mte_tags().
 *
 * Context: any; the caller holds a reference or mmu_lock, or is the only user of the
 * pages.  Before 6.2 PG_mte_tagged has no lock, so a reference is not enough.
 */
void page_tags_init(struct page *page, unsigned long nr)
{
	bool whole = compat_has_hugetlb_flag(page);

	preempt_disable();
	if (whole)
		init_hugetlb_page(compound_head(page));
	else
		for (; nr--; page++)
			init_page(page);
	preempt_enable();
}

/**
 * page_tags_differ - do some of these pages have PG_mte_tagged, but not all?
 * @page: first page; each page has its own flag
 * @nr: number of base pages
 *
 * Context: any.
 * Return: true if they differ; other code may set a flag at any time.
 */
bool page_tags_differ(struct page *page, unsigned long nr)
{
	bool first = page_mte_tagged(page);
	unsigned long i;

	for (i = 1; i < nr; i++)
		if (page_mte_tagged(page + i) != first)
			return true;
	return false;
}

/**
 * page_tags_make_uniform - give PG_mte_tagged to all pages of a huge page if one has it
 * @head: first page
 * @nr: number of base pages
 *
 * For a huge page that is to be split.
 *
 * Context: any; see thp_split.c.
 */
void page_tags_make_uniform(struct page *head, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		if (page_mte_tagged(head + i))
			break;
	if (i < nr)
		page_tags_init(head, nr);
}

/**
 * page_tags_read - read the tags of a page, as its owner has them
 * @page: the page; the caller holds a reference
 * @tags: set to the tags; all zero if the page's tags are not in use
 *
 * Context: any.
 */
void page_tags_read(struct page *page, struct page_tags *tags)
{
	/* page_mte_tagged() has the barrier that pairs with set_page_mte_tagged(). */
	if (page_tags_in_use(page))
		kfn.save_page_tags(page_address(page), tags);
	else
		memset(tags, 0, sizeof(*tags));
}

/**
 * page_tags_write - give a page of a VM's memory new tags
 * @page: the page; the caller holds a reference
 * @tags: the tags
 *
 * Context: process context; no vCPU of the VM is in the guest.
 * Return: 0.
 */
int page_tags_write(struct page *page, const struct page_tags *tags)
{
	page_tags_init(page, 1);
	kfn.restore_page_tags(page_address(page), tags);
	return 0;
}
