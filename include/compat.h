/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels.  Kbuild searches the kernel's headers and defines a word
 * HAVE_... for what it finds.  Only four files test these words: this file, compat_tags.h
 * and compat_vcpu.h (parts of it), and hook/compat.h.  All other code uses the words defined
 * here.  No file tests the kernel's version.
 */
#ifndef _KVM_MTE_COMPAT_H
#define _KVM_MTE_COMPAT_H

#include <linux/kvm_host.h>
#include <linux/swap.h>
#include <linux/uaccess.h>

#include <asm/kvm_mmu.h>
#include <asm/kvm_pgtable.h>
#ifdef HAVE_SOFTLEAF
#include <linux/leafops.h>
#define compat_pte_in_swap(pte)	softleaf_is_swap(softleaf_from_pte(pte))
#else
#include <linux/swapops.h>
#define compat_pte_in_swap(pte)	(is_swap_pte(pte) && !non_swap_entry(pte_to_swp_entry(pte)))
#endif
#ifdef HAVE_KVM_COPROC_H
#include <asm/kvm_coproc.h>
#endif

#ifndef HAVE_ASM_MTE
#error "kvm_mte: this kernel has no MTE (arm64 gained it in 5.10)"
#endif
#ifndef CONFIG_KVM
#error "kvm_mte: this kernel is built without KVM (CONFIG_KVM)"
#endif
#ifdef HAVE_KVM_CAP_ARM_MTE
/*
 * The native backend is for the guest MTE of 6.1, with its updates, and of 6.11 and later.
 * 6.2 to 6.4: PG_mte_tagged has a lock, and set_pte_at() restores tags with a function that
 * returns nothing.  No tested kernel is like this.
 * 6.3 to 6.10: each vCPU has its own CLIDR_EL1.  Since 6.5 each VM has its own ID registers,
 * but no function sets one of them.
 * 5.14 to 6.0: KVM's flag is a bool, a VM has no config_lock, or page_mte_tagged() is missing.
 */
#if defined(HAVE_TRY_PAGE_MTE_TAGGING) && defined(HAVE_MTE_SYNC_OLD_PTE)
#error "kvm_mte: the kernel restores tags in a way not supported (6.2 to 6.4); use 6.11 or later"
#elif !defined(HAVE_VM_ID_REGS) && (defined(HAVE_TRY_PAGE_MTE_TAGGING) || \
	defined(HAVE_VM_ID_ARRAY) || defined(HAVE_VCPU_CLIDR))
#error "kvm_mte: KVM keeps ID registers in a way not supported (6.5 to 6.10); use 6.11 or later"
#elif !defined(HAVE_KVM_MTE_FLAG) || !defined(HAVE_KVM_CONFIG_LOCK) || \
	!defined(HAVE_PAGE_MTE_TAGGED)
#error "kvm_mte: KVM's own guest MTE is too old to be switched (5.14 to 6.0); use the newest 6.1"
#endif
#else
#include "uapi.h"
#endif

/*
 * COMPAT_FOR_word(tokens): expands to the tokens on the kernels that the word stands for,
 * and to nothing on others.  The tables of hooks and of called functions have a column
 * with these words.
 */
#define COMPAT_FOR_ALL(...)	__VA_ARGS__
#define COMPAT_FOR_NONE(...)
#ifdef HAVE_KVM_CAP_ARM_MTE
#define COMPAT_FOR_NATIVE	COMPAT_FOR_ALL
#define COMPAT_FOR_INJECT	COMPAT_FOR_NONE
#else
#define COMPAT_FOR_NATIVE	COMPAT_FOR_NONE
#define COMPAT_FOR_INJECT	COMPAT_FOR_ALL
#endif

/* kvm_pgtable_stage2_map(): its parameters, and its arguments with addr, size and phys replaced. */
#if defined(HAVE_STAGE2_MAP_FLAGS)
#define COMPAT_STAGE2_MAP_PROTO						\
	(struct kvm_pgtable *pgt, u64 addr, u64 size, u64 phys,		\
	 enum kvm_pgtable_prot prot, void *mc, enum kvm_pgtable_walk_flags flags)
#define COMPAT_STAGE2_MAP_ARGS(addr, size, phys) (pgt, addr, size, phys, prot, mc, flags)
#elif defined(HAVE_STAGE2_MAP_VOID_CACHE)
#define COMPAT_STAGE2_MAP_PROTO						\
	(struct kvm_pgtable *pgt, u64 addr, u64 size, u64 phys,		\
	 enum kvm_pgtable_prot prot, void *mc)
#define COMPAT_STAGE2_MAP_ARGS(addr, size, phys) (pgt, addr, size, phys, prot, mc)
#else
#define COMPAT_STAGE2_MAP_PROTO						\
	(struct kvm_pgtable *pgt, u64 addr, u64 size, u64 phys,		\
	 enum kvm_pgtable_prot prot, struct kvm_mmu_memory_cache *mc)
#define COMPAT_STAGE2_MAP_ARGS(addr, size, phys) (pgt, addr, size, phys, prot, mc)
#endif

/* The flags with which KVM maps memory uncached. */
#ifdef HAVE_PROT_NORMAL_NC
#define COMPAT_PROT_UNCACHED	(KVM_PGTABLE_PROT_DEVICE | KVM_PGTABLE_PROT_NORMAL_NC)
#else
#define COMPAT_PROT_UNCACHED	KVM_PGTABLE_PROT_DEVICE
#endif

/* The VM that owns a stage-2 page table. */
static inline struct kvm *compat_pgtable_kvm(const struct kvm_pgtable *pgt)
{
#ifdef HAVE_S2_MMU_ARCH
	return kvm_s2_mmu_to_kvm(pgt->mmu);
#else
	return pgt->mmu->kvm;
#endif
}

/* Does the kernel use MTE itself?  If so, it uses the tag registers during KVM_RUN too. */
static inline bool compat_kernel_uses_tags(void)
{
	return IS_ENABLED(CONFIG_KASAN_HW_TAGS);
}

/* Memory slots.  Newer kernels hash them, and do not pass the VMM's structure any more. */
#ifdef HAVE_MEMSLOT_HASH
#define compat_for_each_memslot(slot, bkt, slots) kvm_for_each_memslot(slot, bkt, slots)
#define COMPAT_PREPARE_SLOT_PROTO					\
	(struct kvm *kvm, const struct kvm_memory_slot *old,		\
	 struct kvm_memory_slot *slot, enum kvm_mr_change change)
#define COMPAT_PREPARE_SLOT_ARGS (kvm, old, slot, change)
#else
#define compat_for_each_memslot(slot, bkt, slots)	\
	for (bkt = 0; !bkt; bkt = 1)			\
		kvm_for_each_memslot(slot, slots)
#define COMPAT_PREPARE_SLOT_PROTO					\
	(struct kvm *kvm, struct kvm_memory_slot *slot,			\
	 const struct kvm_userspace_memory_region *mem, enum kvm_mr_change change)
#define COMPAT_PREPARE_SLOT_ARGS (kvm, slot, mem, change)
#endif

/* Does the slot have a guest_memfd?  A guest_memfd has no place for tags. */
static inline bool compat_slot_has_gmem(const struct kvm_memory_slot *slot)
{
#ifdef HAVE_SLOT_GMEM
	return kvm_slot_has_gmem(slot);
#else
	return false;
#endif
}

/* The size of a VM's IPA space, in bytes. */
static inline u64 compat_phys_size(struct kvm *kvm)
{
#ifdef HAVE_PHYS_SIZE_OF_KVM
	return kvm_phys_size(kvm);
#else
	return kvm_phys_size(&kvm->arch.mmu);
#endif
}

/* The page frame at an address in a VM_PFNMAP mapping; an error if none is there. */
static inline int compat_follow_pfn(struct vm_area_struct *vma, unsigned long addr,
				    unsigned long *pfn)
{
#ifdef HAVE_FOLLOW_PFNMAP
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	int err = follow_pfnmap_start(&args);

	if (err)
		return err;
	*pfn = args.pfn;
	follow_pfnmap_end(&args);
	return 0;
#elif defined(HAVE_FOLLOW_PTE_OF_VMA)
	spinlock_t *lock; /* of the page table */
	pte_t *pte;
	int err = follow_pte(vma, addr, &pte, &lock);

	if (err)
		return err;
	*pfn = pte_pfn(ptep_get(pte));
	pte_unmap_unlock(pte, lock);
	return 0;
#else
	return follow_pfn(vma, addr, pfn);
#endif
}

/* KVM's own test: is this page frame memory (in the linear map), or a device? */
static inline bool compat_pfn_is_memory(unsigned long pfn)
{
#ifdef HAVE_PFN_IS_MAP_MEMORY
	return pfn_is_map_memory(pfn);
#else
	return pfn_valid(pfn);
#endif
}

/* All mappings of a range, with mmap_lock held. */
#ifdef HAVE_VMA_ITERATOR
#define COMPAT_VMA_ITERATOR(it, mm, start)	VMA_ITERATOR(it, mm, start)
#define compat_for_each_vma_range(it, vma, end)	for_each_vma_range(it, vma, end)
#else
#define COMPAT_VMA_ITERATOR(it, mm, start)	\
	typeof(find_vma(mm, start)) it = find_vma(mm, start)
#define compat_for_each_vma_range(it, vma, end)	\
	for (vma = (it); vma && vma->vm_start < (end); vma = vma->vm_next)
#endif

/* get_user_pages_remote() that does not drop mmap_lock. */
static inline long compat_get_user_pages(struct mm_struct *mm, unsigned long start,
					 unsigned long nr, unsigned int flags,
					 struct page **pages)
{
#ifdef HAVE_GUP_WITHOUT_VMAS
	return get_user_pages_remote(mm, start, nr, flags, pages, NULL);
#else
	return get_user_pages_remote(mm, start, nr, flags, pages, NULL, NULL);
#endif
}

/* sysfs: types that have become const, and parameters of callbacks. */
#ifdef HAVE_CONST_BIN_ATTRIBUTE
#define compat_bin_attribute	const struct bin_attribute
#define COMPAT_BIN_ATTRIBUTES	const struct bin_attribute *const
#else
#define compat_bin_attribute	struct bin_attribute
#define COMPAT_BIN_ATTRIBUTES	struct bin_attribute *
#endif

#if defined(HAVE_CONST_UEVENT_KOBJECT)
#define COMPAT_UEVENT_KOBJ	const struct kobject *kobj
#elif defined(HAVE_UEVENT_KSET)
#define COMPAT_UEVENT_KOBJ	struct kset *kset, struct kobject *kobj
#else
#define COMPAT_UEVENT_KOBJ	struct kobject *kobj
#endif

/* The type that rmap_walk() takes; the file that a page belongs to. */
#ifdef HAVE_RMAP_FOLIO
#define compat_rmap_t		struct folio
#define compat_rmap(page)	page_folio(page)
#define compat_page_mapping(page)	folio_mapping(page_folio(page))
#else
#define compat_rmap_t		struct page
#define compat_rmap(page)	(page)
#define compat_page_mapping(page)	page_mapping(page)
#endif

/*
 * When KVM computes the guest's PSTATE for an exception that it injects.  Up to 5.10,
 * kvm_inject_*() computes it.  From 5.11 on, and on some vendors' kernels of 5.10,
 * kvm_inject_*() only notes the exception, and hyp/exception.c computes PSTATE when
 * the guest is entered.
 */
#ifdef HAVE_KVM_ADJUST_PC
#define COMPAT_FOR_INJECT_ADJUST_PC		COMPAT_FOR_INJECT
#define COMPAT_FOR_INJECT_PENDING_EXCEPTION	COMPAT_FOR_NONE
#elif defined(HAVE_KVM_PENDING_EXCEPTION)
#define COMPAT_FOR_INJECT_ADJUST_PC		COMPAT_FOR_NONE
#define COMPAT_FOR_INJECT_PENDING_EXCEPTION	COMPAT_FOR_INJECT
#else
#define COMPAT_FOR_INJECT_ADJUST_PC		COMPAT_FOR_NONE
#define COMPAT_FOR_INJECT_PENDING_EXCEPTION	COMPAT_FOR_NONE
#endif

#ifdef HAVE_KVM_PENDING_EXCEPTION
static inline bool compat_exception_noted(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.flags & KVM_ARM64_PENDING_EXCEPTION;
}

static inline void compat_exception_forget(struct kvm_vcpu *vcpu)
{
	vcpu->arch.flags &= ~(KVM_ARM64_PENDING_EXCEPTION | KVM_ARM64_EXCEPT_MASK);
}
#else
static inline bool compat_exception_noted(const struct kvm_vcpu *vcpu)
{
	return false;
}

static inline void compat_exception_forget(struct kvm_vcpu *vcpu)
{
}
#endif

/* The mappings that KVM itself accepts for an MTE VM.  Since 6.2: those that can be PROT_MTE. */
#ifdef HAVE_TRY_PAGE_MTE_TAGGING
#define COMPAT_CHECKS_VMA	1
#else
#define COMPAT_CHECKS_VMA	0
#endif
#ifdef HAVE_KVM_CAP_ARM_MTE
#define COMPAT_REFUSES_SHARED	!COMPAT_CHECKS_VMA
#else
#define COMPAT_REFUSES_SHARED	0
#endif

static inline bool compat_kvm_takes_vma(const struct vm_area_struct *vma)
{
#if COMPAT_CHECKS_VMA
	return vma->vm_flags & VM_MTE_ALLOWED;
#else
	return !(vma->vm_flags & VM_SHARED);
#endif
}

/*
 * Reads a register by KVM's function for KVM_GET_ONE_REG.  That function writes to
 * user memory.  On 5.10, set_fs() lets it write to a kernel buffer.  Later kernels have
 * no set_fs(): there it writes to the VMM's buffer, and the buffer's old value is
 * restored after that.  So the VMM's buffer must be writable.
 */
static inline int compat_get_reg(int (*get)(struct kvm_vcpu *, const struct kvm_one_reg *),
				 struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg, u64 *val)
{
	int err;
#ifdef CONFIG_SET_FS
	struct kvm_one_reg mine = { .id = reg->id, .addr = (unsigned long)val };
	mm_segment_t fs = get_fs();

	set_fs(KERNEL_DS);
	err = get(vcpu, &mine);
	set_fs(fs);
#else
	u64 __user *uaddr = u64_to_user_ptr(reg->addr);
	u64 saved;

	if (get_user(saved, uaddr))
		return -EFAULT;
	err = get(vcpu, reg);
	if (!err && (get_user(*val, uaddr) || put_user(saved, uaddr)))
		err = -EFAULT;
#endif
	return err;
}

#include "compat_tags.h"
#include "compat_vcpu.h"

/* KVM keeps ID registers per VM: native/regs_vm.c. */
#ifdef HAVE_VM_ID_REGS
#define COMPAT_FOR_NATIVE_VM_ID_REGS	COMPAT_FOR_NATIVE
#else
#define COMPAT_FOR_NATIVE_VM_ID_REGS	COMPAT_FOR_NONE
#endif

/* Fields that only VMs with MTE see.  Up to 6.15, KVM shows 0 in MTE_frac. */
#ifdef HAVE_VM_ID_REGS
#define COMPAT_PFR1_MTE_FIELDS	(ID_AA64PFR1_EL1_MTE_MASK | ID_AA64PFR1_EL1_MTE_frac_MASK)
#else
#define COMPAT_PFR1_MTE_FIELDS	ID_AA64PFR1_EL1_MTE_MASK
#endif
#ifdef HWCAP3_MTE_FAR
#define COMPAT_PFR2_MTE_FIELDS	(ID_AA64PFR2_EL1_MTEFAR_MASK | ID_AA64PFR2_EL1_MTESTOREONLY_MASK)
#endif

#endif /* _KVM_MTE_COMPAT_H */
