/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between kernels in ftrace, kprobes and kallsyms. */
#ifndef _KVM_MTE_HOOK_COMPAT_H
#define _KVM_MTE_HOOK_COMPAT_H

#include <linux/ftrace.h>

#ifndef CONFIG_KPROBES
#error "kvm_mte: this kernel is built without kprobes (CONFIG_KPROBES)"
#endif
#if defined(CONFIG_CFI_CLANG) || defined(CONFIG_CFI)
#error "kvm_mte: this kernel checks where indirect calls go (CFI), so none can be diverted"
#endif

/*
 * The patched instruction is the first of the function, the second (arm64
 * DYNAMIC_FTRACE_WITH_REGS: MOV X9, LR; NOP), or the third (the same after a BTI C).
 * See arch/arm64 ftrace_call_adjust().
 */
#define COMPAT_FTRACE_MAX_OFFSET	8

#if defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) || defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)
#define COMPAT_HAS_FTRACE	1
#else
#define COMPAT_HAS_FTRACE	0
#endif

#ifdef HAVE_KALLSYMS_MATCH
#define COMPAT_HAS_KALLSYMS_MATCH	1
#else
#define COMPAT_HAS_KALLSYMS_MATCH	0
#endif

#ifdef HAVE_FTRACE_ARGS_ONLY
/* From 6.2 on, a callback gets only the arguments, and the registers that a call needs. */
#define COMPAT_FTRACE_FLAGS	FTRACE_OPS_FL_IPMODIFY
#define compat_ftrace_regs_t	struct ftrace_regs
#ifdef HAVE_FTRACE_REGS_OF_ARCH
#define compat_ftrace_regs(r)	arch_ftrace_regs(r)
#else
#define compat_ftrace_regs(r)	(r)
#endif
#elif defined(HAVE_FTRACE_REGS)
#define COMPAT_FTRACE_FLAGS	(FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY)
#define compat_ftrace_regs_t	struct ftrace_regs
#define compat_ftrace_regs(r)	ftrace_get_regs(r)
#else
/*
 * 5.10: the list function that calls dynamic ops prevents recursion itself.  arm64
 * passes x0-x8, lr, sp and pc without SAVE_REGS, and uses a changed pc
 * (entry-ftrace.S: ftrace_common_return).
 */
#define COMPAT_FTRACE_FLAGS	(FTRACE_OPS_FL_RECURSION_SAFE | FTRACE_OPS_FL_IPMODIFY)
#define compat_ftrace_regs_t	struct pt_regs
#define compat_ftrace_regs(r)	(r)
#endif

/* The argument registers x0... of the traced call. */
static __always_inline const u64 *compat_ftrace_args(compat_ftrace_regs_t *r)
{
	return (const u64 *)compat_ftrace_regs(r)->regs;
}

/* The stack pointer at the traced function's entry. */
static __always_inline unsigned long compat_ftrace_sp(compat_ftrace_regs_t *r)
{
	return compat_ftrace_regs(r)->sp;
}

/* Sets the address at which the traced call continues. */
static __always_inline void compat_ftrace_set_pc(compat_ftrace_regs_t *r,
						 unsigned long pc)
{
	compat_ftrace_regs(r)->pc = pc;
}

#endif /* _KVM_MTE_HOOK_COMPAT_H */
