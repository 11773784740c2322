/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module must know of the kernel beyond its headers: functions of KVM that no
 * header declares, and functions that the module calls by address because they are not
 * exported.
 */
#ifndef _KVM_MTE_KVM_PRIVATE_H
#define _KVM_MTE_KVM_PRIVATE_H

#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/rmap.h>

#include <asm/kvm_arm.h>
#include <asm/kvm_emulate.h>
#include <asm/kvm_mmu.h>
#include <asm/mte.h>

#include "compat.h"

/*
 * Static in virt/kvm/kvm_main.c, so the compiler cannot check these prototypes.
 */
long kvm_dev_ioctl(struct file *filp, unsigned int ioctl, unsigned long arg);
long kvm_vm_ioctl(struct file *filp, unsigned int ioctl, unsigned long arg);
long kvm_vcpu_ioctl(struct file *filp, unsigned int ioctl, unsigned long arg);

/* arch/arm64/kvm/hyp/exception.c, on kernels that compute PSTATE late: see compat.h. */
void kvm_inject_exception(struct kvm_vcpu *vcpu);

/* Bits of HCR_EL2, for set_bit(): ARM DDI 0487. */
#define HCR_ATA_BIT	56
#define HCR_TID5_BIT	58

/**
 * struct kernel_functions - kernel functions that are not exported
 * @vm_ioctl: identifies the file of a VM by its file operations; never called
 * @vcpu_ioctl: the same for the file of a vCPU
 * @flush_memslot: drop all stage-2 mappings of a slot; takes mmu_lock
 * @set_way_flush: emulate a guest's set/way cache operation
 * @rmap_walk: look at all mappings of a page; the page must be locked
 * @rmap_walk_locked: the same, with the lock on those mappings held
 * @vma_is_shmem: is this a mapping of shmem (memfd, tmpfs)?
 * @clear_page_tags: clear the tags of one page, by its linear address
 * @restore_tags: restore the tags saved for a swap entry; false if there are none
 * @vcpu_kick: make a vCPU leave the guest, or wake it up if it is halted
 * @sigset_activate: use the signal mask of KVM_SET_SIGNAL_MASK
 * @sigset_deactivate: use the thread's own signal mask again
 * @get_running_vcpu: the vCPU that the calling thread has loaded, or NULL
 * @calculate_traps: set the bits of HCR_EL2 that a vCPU's features need; takes
 *	config_lock
 * @make_pstate: set PSTATE and PC for an exception that kvm_inject_*() has noted; the
 *	vCPU is loaded
 * @save_page_tags: copy all tags of a page to memory (struct page_tags)
 * @restore_page_tags: set all tags of a page from memory (struct page_tags)
 */
struct kernel_functions {
	long (*vm_ioctl)(struct file *filp, unsigned int ioctl, unsigned long arg);
	long (*vcpu_ioctl)(struct file *filp, unsigned int ioctl, unsigned long arg);
	void (*flush_memslot)(struct kvm *kvm, struct kvm_memory_slot *slot);
	void (*set_way_flush)(struct kvm_vcpu *vcpu);
	void (*rmap_walk)(compat_rmap_t *page, struct rmap_walk_control *rwc);
	void (*rmap_walk_locked)(compat_rmap_t *page, struct rmap_walk_control *rwc);
	bool (*vma_is_shmem)(struct vm_area_struct *vma);
	void (*clear_page_tags)(void *addr);
	bool (*restore_tags)(swp_entry_t entry, struct page *page);
	compat_vcpu_kick_t *vcpu_kick;
	void (*sigset_activate)(struct kvm_vcpu *vcpu);
	void (*sigset_deactivate)(struct kvm_vcpu *vcpu);
	struct kvm_vcpu *(*get_running_vcpu)(void);
	void (*calculate_traps)(struct kvm_vcpu *vcpu);
	void (*make_pstate)(struct kvm_vcpu *vcpu);
	void (*save_page_tags)(const void *addr, void *tags);
	void (*restore_page_tags)(void *addr, const void *tags);
};

#endif /* _KVM_MTE_KVM_PRIVATE_H */
