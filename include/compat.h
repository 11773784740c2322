/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels.  The only C file that tests versions, features
 * of the kernel's configuration, or the HAVE_ words that Kbuild finds in its
 * headers.  Everything else speaks of the kernel in the words defined here.
 */
#ifndef _KVM_MTE_COMPAT_H
#define _KVM_MTE_COMPAT_H

#include <linux/ftrace.h>
#include <linux/kvm_host.h>

#include <asm/kvm_pgtable.h>

#ifndef HAVE_ASM_MTE
#error "kvm_mte: this kernel has no MTE (arm64 gained it in 5.10)"
#endif
#ifndef CONFIG_KVM
#error "kvm_mte: this kernel is built without KVM (CONFIG_KVM)"
#endif
#ifndef CONFIG_KPROBES
#error "kvm_mte: this kernel is built without kprobes (CONFIG_KPROBES)"
#endif
#ifdef HAVE_KVM_CAP_ARM_MTE
#error "kvm_mte: this release is for kernels whose KVM has no guest MTE"
#else
#include "uapi.h"
#endif

/*
 * ftrace.  The instruction that is patched lies at the function's start, one
 * instruction behind it (arm64 DYNAMIC_FTRACE_WITH_REGS: MOV X9, LR; NOP), or
 * two (the same behind a BTI C).  See arch/arm64 ftrace_call_adjust().
 */
#define COMPAT_FTRACE_MAX_OFFSET	8

#if defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
#define COMPAT_HAS_FTRACE	1
#else
#define COMPAT_HAS_FTRACE	0
#endif

#ifdef HAVE_FTRACE_RECURSION_SAFE
/*
 * 5.10: the list function that calls dynamic ops guards against recursion by
 * itself.  arm64 passes x0-x8, lr, sp and pc without SAVE_REGS, and honours a
 * changed pc (entry-ftrace.S: ftrace_common_return).
 */
#define COMPAT_FTRACE_FLAGS	(FTRACE_OPS_FL_RECURSION_SAFE | FTRACE_OPS_FL_IPMODIFY)
#else
#define COMPAT_FTRACE_FLAGS	(FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY)
#endif

#ifdef HAVE_FTRACE_REGS
#define compat_ftrace_regs_t struct ftrace_regs

static __always_inline struct pt_regs *compat_ftrace_pt_regs(compat_ftrace_regs_t *r)
{
	return ftrace_get_regs(r);
}
#else
#define compat_ftrace_regs_t struct pt_regs

static __always_inline struct pt_regs *compat_ftrace_pt_regs(compat_ftrace_regs_t *r)
{
	return r;
}
#endif

/* The argument registers x0... of the traced call. */
static __always_inline const u64 *compat_ftrace_args(compat_ftrace_regs_t *r)
{
	return compat_ftrace_pt_regs(r)->regs;
}

/* Where the traced call goes on. */
static __always_inline void compat_ftrace_set_pc(compat_ftrace_regs_t *r,
						 unsigned long pc)
{
	compat_ftrace_pt_regs(r)->pc = pc;
}

/* Last argument of kvm_pgtable_stage2_map(). */
#ifdef HAVE_STAGE2_MAP_VOID_CACHE
#define compat_stage2_cache_t void
#else
#define compat_stage2_cache_t struct kvm_mmu_memory_cache
#endif

/* The VM that a stage-2 page table belongs to. */
static inline struct kvm *compat_pgtable_kvm(const struct kvm_pgtable *pgt)
{
#ifdef HAVE_S2_MMU_ARCH
	return kvm_s2_mmu_to_kvm(pgt->mmu);
#else
	return pgt->mmu->kvm;
#endif
}

/* The kernel keeps its own data under MTE: guest and host share the registers. */
static inline bool compat_kernel_uses_tags(void)
{
	return IS_ENABLED(CONFIG_KASAN_HW_TAGS);
}

#endif /* _KVM_MTE_COMPAT_H */
