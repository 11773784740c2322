/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tags of physical pages.  The functions of inject/ are for the backend inject.  Those for
 * native have the prefix page_tags_: page_tags.h.
 */
#ifndef _KVM_MTE_TAGS_H
#define _KVM_MTE_TAGS_H

#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/types.h>

#include <asm/mte.h>
#include <asm/page.h>
#include <asm/pgtable.h>

/* Number of tags in a word of struct page_tags */
#define TAGS_PER_WORD	16

/*
 * On inject: the most base pages whose tags are initialised in one step.  A larger compound
 * page (hugetlb) is initialised in pieces of this size.
 */
#define TAGS_CHUNK	(PMD_SIZE / PAGE_SIZE)

/**
 * struct page_tags - all tags of a page, as mte_save_page_tags() stores them
 * @word: the tag of the first granule in the lowest bits
 */
struct page_tags {
	u64 word[PAGE_SIZE / MTE_GRANULE_SIZE / TAGS_PER_WORD];
};

/*
 * May this be the huge zero page?  Modules cannot ask the kernel.  That page is on no list, and
 * has no owner and no mapping.
 */
static inline bool tags_maybe_huge_zero(struct page *page)
{
	struct page *head = compound_head(page);

	return IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) && !head->mapping &&
	       compound_order(head) == PMD_SHIFT - PAGE_SHIFT;
}

/* inject/page.c */
bool page_can_hold_tags(struct page *page);
unsigned int tags_init(struct page *page);
int tags_init_one(struct page *page);
unsigned long tags_ahead(struct page *page);
void tags_read(struct page *page, struct page_tags *tags);
void tags_write(struct page *page, const struct page_tags *tags);
bool tags_all_initialised(struct page *page, unsigned long nr);

/* hugetlb_reuse.c */
int tags_clear_hugetlb(void);
void tags_leave_hugetlb(void);
bool tags_hugetlb_can_hold(struct vm_area_struct *vma);

/* inject/swap.c */
bool tags_restore(struct page *page, swp_entry_t entry);

#endif /* _KVM_MTE_TAGS_H */
