/* SPDX-License-Identifier: GPL-2.0-only */
/* The holes of the kernel that the module closes: docs/holes.md. */
#ifndef _KVM_MTE_REPAIR_H
#define _KVM_MTE_REPAIR_H

#include <linux/bits.h>

/*
 * The holes have the same names in sysfs and docs/holes.md.  They are bits, because a row
 * of the table of hooks names all repairs that need the hook.
 */
#define THP_SPLIT		BIT(0)	/* a huge page with tags in some pages is split */
#define BLOCK_COLLAPSE		BIT(1)	/* entries of single pages become a block again */
#define HUGETLB_REUSE		BIT(2)	/* a hugetlb page keeps its last owner's tags */
#define HUGETLB_PARTIAL		BIT(3)	/* only a part of a hugetlb page's tags is cleared */
#define REMAP_RACE		BIT(4)	/* a page is replaced during a permission fault */
#define SWAPOFF_UNREADABLE	BIT(5)	/* swapoff reads back pages that are PROT_NONE */
#define COPY_TAGS_HANG		BIT(6)	/* COPY_TAGS sleeps with a page's tag lock held */
#define DEVICE_SLOTS		BIT(7)	/* device memory is refused */
#define HUGETLB_SLOTS		BIT(8)	/* hugetlb memory is refused */

struct kvm;
struct kvm_memory_slot;
struct mte_vm;

/* device_slots.c */
int slot_check_for_kvm(struct kvm *kvm, const struct kvm_memory_slot *slot,
		       unsigned int parts);

/* hugetlb_slots.c */
bool hugetlb_slots_work(void);
int hugetlb_slots_open(struct mte_vm *vm);

/* repair.c */
const char *repair_word(unsigned long repair);
void repair_log_missing(void);

#endif /* _KVM_MTE_REPAIR_H */
