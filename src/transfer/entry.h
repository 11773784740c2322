/* SPDX-License-Identifier: GPL-2.0-only */
/* The entries of a VMM's page tables. */
#ifndef _KVM_MTE_ENTRY_H
#define _KVM_MTE_ENTRY_H

#include <linux/mm.h>

/**
 * struct entry - what the VMM's page tables have for an address, down to the PMD
 * @val: the entry: of a PMD, or of a PUD without a table of PMDs; may be none
 * @size: bytes for which it stands
 */
struct entry {
	pmd_t val;
	u64 size;
};

bool entries_may_be_shared(struct vm_area_struct *vma);
struct entry entry_find(struct mm_struct *mm, unsigned long addr);
bool entry_is_table(const struct entry *e);
bool entry_in_swap(struct vm_area_struct *vma, unsigned long addr);

#endif /* _KVM_MTE_ENTRY_H */
