/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two backends: inject/ supplies guest MTE to a KVM that has none, native/
 * switches that of a KVM which has it.  Kbuild compiles one of them; all others
 * of the module know only what stands here.
 */
#ifndef _KVM_MTE_BACKEND_H
#define _KVM_MTE_BACKEND_H

#include "vm/vm.h"

/**
 * enum repair - a hole of the kernel in which tags are lost or shown
 * @REPAIR_THP_SPLIT: a huge page with and without tags is split
 * @REPAIR_BLOCK_COLLAPSE: entries of 4 KiB become a block again
 * @REPAIR_HUGETLB_REUSE: a hugetlb page goes to its next owner
 * @REPAIR_HUGETLB_PARTIAL: a hugetlb page is flagged when a part of it is cleared
 * @REPAIR_REMAP_RACE: a page is replaced while a permission fault is handled
 * @REPAIR_SWAPOFF_UNREADABLE: swapoff reads pages back that are PROT_NONE
 * @REPAIR_COPY_TAGS_HANG: KVM_ARM_MTE_COPY_TAGS sleeps with a page's tag lock held
 */
enum repair {
	REPAIR_THP_SPLIT, REPAIR_BLOCK_COLLAPSE, REPAIR_HUGETLB_REUSE,
	REPAIR_HUGETLB_PARTIAL, REPAIR_REMAP_RACE, REPAIR_SWAPOFF_UNREADABLE,
	REPAIR_COPY_TAGS_HANG
};

const char *backend_name(void);
int backend_check_host(void);
void backend_init(void);
void backend_vms_known(void);
void backend_vcpu_comes(struct kvm *kvm);
void backend_exit(void);
const char *backend_repair(enum repair repair);

/* hook_table.c */
bool hooks_need_repair(enum repair repair);
bool hooks_have_repair(enum repair repair);

bool backend_kvm_has_mte(struct kvm *kvm);
int backend_prepare(struct kvm *kvm, int nr);
void backend_switch(struct kvm *kvm, bool on, int nr);
int backend_set_after_run(struct mte_vm *vm, bool on, enum vm_origin origin);
int backend_enable(struct mte_vm *vm, struct kvm_enable_cap *cap,
		   int (*kvms_own)(struct kvm *kvm, struct kvm_enable_cap *cap));
bool backend_offers(struct kvm *kvm,
		    int (*kvms_own)(struct kvm *kvm, long ext));
bool backend_vma_can_hold_tags(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end);

#endif /* _KVM_MTE_BACKEND_H */
