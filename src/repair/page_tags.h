/* SPDX-License-Identifier: GPL-2.0-only */
/* The tags of a page in a VM with KVM's own guest MTE. */
#ifndef _KVM_MTE_PAGE_TAGS_H
#define _KVM_MTE_PAGE_TAGS_H

#include <linux/mm_types.h>
#include <linux/types.h>

bool page_tags_in_use(struct page *page);
void page_tags_init(struct page *page, unsigned long nr);
bool page_tags_differ(struct page *page, unsigned long nr);
void page_tags_make_uniform(struct page *head, unsigned long nr);

#endif /* _KVM_MTE_PAGE_TAGS_H */
