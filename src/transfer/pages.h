/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside this room: pages of a guest's memory. */
#ifndef _KVM_MTE_TRANSFER_PAGES_H
#define _KVM_MTE_TRANSFER_PAGES_H

#include <linux/mm.h>
#include <linux/string.h>

#include "repair/tags.h"
#include "transfer/transfer.h"

/* Base pages that are looked up at a time, with mmap_lock held. */
#define BATCH		32

/**
 * struct batch - base pages of the guest's memory
 * @page: the pages, each with a reference; pages_put() drops the references
 * @nr: number of @page; 0: the first @size bytes have no pages, and so no tags
 * @size: bytes of the guest's memory that the batch covers
 * @tags: space for the tags of one page
 */
struct batch {
	struct page *page[BATCH];
	unsigned long nr;
	u64 size;
	struct page_tags tags;
};

static inline bool any_tag(const void *tags, size_t size)
{
	return memchr_inv(tags, 0, size);
}

int pages_get(struct batch *b, struct mm_struct *mm, unsigned long addr, u64 size);
void pages_put(struct batch *b);
int page_write(struct mm_struct *mm, unsigned long addr, const struct page_tags *tags);

#endif /* _KVM_MTE_TRANSFER_PAGES_H */
