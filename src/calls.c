// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of kernel functions that the module calls, or compares pointers with, but
 * does not hook.  To add a function: add a member to struct kernel_functions
 * (kvm_private.h), and a row here.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "calls.h"
#include "hook/hook.h"
#include "hook/symbol.h"

struct kernel_functions kfn __read_mostly;

/* X(member of struct kernel_functions, kernels, function) */
#define CALLS(X)							\
	X(flush_memslot, ALL, kvm_arch_flush_shadow_memslot)		\
	X(clear_page_tags, ALL, mte_clear_page_tags)			\
	X(set_way_flush, INJECT, kvm_set_way_flush)			\
	X(rmap_walk, INJECT, rmap_walk)					\
	X(rmap_walk, NATIVE_HUGETLB_POOL, rmap_walk)			\
	X(rmap_walk, NATIVE_HUGETLB_SLOTS, rmap_walk)			\
	X(rmap_walk_locked, INJECT, rmap_walk_locked)			\
	X(rmap_walk_locked, NATIVE_HUGETLB_POOL, rmap_walk_locked)	\
	X(rmap_walk_locked, NATIVE_HUGETLB_SLOTS, rmap_walk_locked)	\
	X(vma_is_shmem, INJECT, vma_is_shmem)				\
	X(restore_tags, INJECT, mte_restore_tags)			\
	X(restore_tags, NATIVE_SWAPOFF, mte_restore_tags)		\
	X(save_page_tags, ALL, mte_save_page_tags)			\
	X(restore_page_tags, ALL, mte_restore_page_tags)		\
	X(vcpu_kick, KICK, kvm_vcpu_kick)				\
	X(vcpu_kick, KICK_WAIT, __kvm_vcpu_kick)			\
	X(sigset_activate, ALL, kvm_sigset_activate)			\
	X(sigset_deactivate, ALL, kvm_sigset_deactivate)		\
	X(make_pstate, INJECT_ADJUST_PC, __kvm_adjust_pc)		\
	X(make_pstate, INJECT_PENDING_EXCEPTION, kvm_inject_exception)	\
	X(get_running_vcpu, NATIVE_HUGETLB_FLAG, kvm_get_running_vcpu)	\
	X(get_running_vcpu, NATIVE_HUGETLB_SLOTS, kvm_get_running_vcpu)	\
	X(calculate_traps, NATIVE_VM_ID_REGS, kvm_calculate_traps)

/*
 * These functions are static in the kernel, so their prototypes are the module's own
 * (kvm_private.h).  The module only compares pointers with them.
 */
#define COMPARED(X)							\
	X(vm_ioctl, ALL, kvm_vm_ioctl)					\
	X(vcpu_ioctl, ALL, kvm_vcpu_ioctl)

#define SAME_TYPE(member, kernels, fn)	\
	COMPAT_FOR_##kernels(HOOK_SAME_TYPE(fn, typeof(*kfn.member));)
CALLS(SAME_TYPE)

#define CALL(member, kernels, fn)		\
	COMPAT_FOR_##kernels(			\
		{ #fn, (unsigned long *)&kfn.member, false },	\
	)

static const struct symbol calls[] = { CALLS(CALL) COMPARED(CALL) };
static_assert(ARRAY_SIZE(calls) <= CALLS_MAX);

/**
 * calls_list - the functions of the table
 * @symbols: array to fill, of CALLS_MAX
 *
 * Context: any.
 * Return: their number.
 */
unsigned int calls_list(struct symbol *symbols)
{
	memcpy(symbols, calls, sizeof(calls));
	return ARRAY_SIZE(calls);
}
