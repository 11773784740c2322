/* SPDX-License-Identifier: GPL-2.0-only */
/* The tags of a page in a VM with KVM's own guest MTE. */
#ifndef _KVM_MTE_PAGE_TAGS_H
#define _KVM_MTE_PAGE_TAGS_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct page_tags;

bool page_tags_in_use(struct page *page);
void page_tags_init(struct page *page, unsigned long nr);
bool page_tags_differ(struct page *page, unsigned long nr);
void page_tags_make_uniform(struct page *head, unsigned long nr);
void page_tags_read(struct page *page, struct page_tags *tags);
int page_tags_write(struct page *page, const struct page_tags *tags);

#endif /* _KVM_MTE_PAGE_TAGS_H */
