/* SPDX-License-Identifier: GPL-2.0 */
/* The tags of physical pages: who owns them, and clearing them. */
#ifndef _KVM_MTE_TAGS_H
#define _KVM_MTE_TAGS_H

#include <linux/mm_types.h>
#include <linux/types.h>

unsigned int tags_init_pages(struct page *page, unsigned long nr);
unsigned int tags_init_compound(struct page *page);
void tags_disown_free_hugetlb(void);

#endif /* _KVM_MTE_TAGS_H */
