// SPDX-License-Identifier: GPL-2.0
/*
 * The table of hooks.  To add one: write its handler with HOOK_WATCHn() or
 * HOOK_WRAP() where it belongs, and add a row here.
 */
#include <linux/kernel.h>

#include "kvm_mte.h"
#include "symbol.h"

/* X(function, what it is needed for) */
#define HOOKS_COMMON(X)						\
	/* registry.c: a VM's life */					\
	X(kvm_dev_ioctl,		"VMs as they are made")		\
	X(kvm_arch_vcpu_precreate,	"VMs that were missed")		\
	X(kvm_arch_destroy_vm,		"the end of a VM")		\
	/* capability.c: VMMs that ask for it themselves */		\
	X(kvm_vm_ioctl_check_extension,	"KVM_CAP_ARM_MTE")		\
	X(kvm_vm_ioctl_enable_cap,	"KVM_CAP_ARM_MTE")		\
	/* slots.c */							\
	X(kvm_arch_prepare_memory_region, "early check of memory slots") \
	X(kvm_pgtable_stage2_map,	"tags before a guest sees them") \
	X(kvm_arch_vcpu_ioctl,		"a vCPU's reset")

#define HOOKS_INJECT(X)							\
	/* copytags.c: VMMs that carry tags */				\
	X(kvm_arch_vm_ioctl,		"KVM_ARM_MTE_COPY_TAGS")	\
	/* page.c, hugetlb.c, swap.c: tags of memory */			\
	X(split_huge_page_to_list,	"tags of split huge pages")	\
	X(mte_sync_tags,		"tags of pages that a process shares") \
	X(free_huge_page,		"tags of hugetlb pages")	\
	X(ksm_might_need_to_copy,	"tags of swapped pages")	\
	/* vcpu.c, exception.c: the vCPU */				\
	X(kvm_reset_vcpu,		"refusal of 32-bit vCPUs")	\
	X(kvm_reset_sys_regs,		"reset values of the tag registers") \
	X(kvm_arch_vcpu_load,		"the guest's tag registers")	\
	X(kvm_arch_vcpu_put,		"the host's tag registers")	\
	X(kvm_arch_vcpu_destroy,	"the end of a vCPU")		\
	X(kvm_inject_undefined,		"PSTATE.TCO of exceptions")	\
	X(kvm_inject_dabt,		"PSTATE.TCO of exceptions")	\
	X(kvm_inject_pabt,		"PSTATE.TCO of exceptions")	\
	/* sysreg.c: registers as guest and VMM see them */		\
	X(kvm_handle_sys_reg,		"the guest's ID register")	\
	X(kvm_arm_sys_reg_get_reg,	"the VMM's view of registers")	\
	X(kvm_arm_sys_reg_set_reg,	"the VMM's writes of registers") \
	X(kvm_arm_num_sys_reg_descs,	"the VMM's list of registers")	\
	X(kvm_arm_copy_sys_reg_indices,	"the VMM's list of registers")

/* Repairs: which functions they need differs, see compat.h. */
#define HOOKS_NATIVE(X)							\
	COMPAT_HOOKS_SPLIT(X)						\
	COMPAT_HOOKS_HUGETLB(X)

#define HOOKS_OF_BACKEND compat_backend(HOOKS_NATIVE, HOOKS_INJECT)
#define HOOKS(X) HOOKS_COMMON(X) HOOKS_OF_BACKEND(X)

#define DECLARE_HANDLER(fn, what) extern const struct hook_handler hook_##fn;
HOOKS(DECLARE_HANDLER)

#define ROW(fn, what) { .name = #fn, .lost = what, .handler = &hook_##fn },
static struct hook hooks[] = { HOOKS(ROW) };

/* Functions that are called, or compared with, but not hooked. */
struct kernel_functions kernel __read_mostly;

/* X(member of struct kernel_functions, function) */
#define CALLS_COMMON(X)						\
	X(flush_memslot,	kvm_arch_flush_shadow_memslot)		\
	X(clear_page_tags,	mte_clear_page_tags)			\

#define CALLS_INJECT(X)							\
	X(set_way_flush,	kvm_set_way_flush)			\
	X(rmap_walk,		rmap_walk)				\
	X(rmap_walk_locked,	rmap_walk_locked)			\
	X(vma_is_shmem,		vma_is_shmem)				\
	X(restore_tags,		mte_restore_tags)			\
	X(save_page_tags,	mte_save_page_tags)			\
	X(restore_page_tags,	mte_restore_page_tags)

#define CALLS_NATIVE(X)							\
	COMPAT_CALLS_HUGETLB(X)						\
	COMPAT_CALLS_ID_REGS(X)

#define CALLS_OF_BACKEND compat_backend(CALLS_NATIVE, CALLS_INJECT)
#define CALLS(X) CALLS_COMMON(X) CALLS_OF_BACKEND(X)

#define CALL(member, fn)	{ #fn, (unsigned long *)&kernel.member },
static const struct symbol calls[] = {
	/* Only to compare with: these are static, their prototypes ours. */
	CALL(vm_ioctl, kvm_vm_ioctl)
	CALL(vcpu_ioctl, kvm_vcpu_ioctl)
	CALLS(CALL)
};

#define SAME_TYPE(member, fn)	HOOK_SAME_TYPE(fn, typeof(*kernel.member));
CALLS(SAME_TYPE)

/**
 * hooks_resolve - find every function that is hooked or called
 *
 * Context: module init; may sleep.
 * Return: 0 or the error of symbols_find().
 */
int hooks_resolve(void)
{
	struct symbol symbols[ARRAY_SIZE(hooks) + ARRAY_SIZE(calls)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		symbols[i] = (struct symbol){ hooks[i].name, &hooks[i].addr };
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		symbols[ARRAY_SIZE(hooks) + i] = calls[i];
	return symbols_find(symbols, ARRAY_SIZE(symbols));
}

/**
 * hooks_arm - set all hooks of the table, or none
 * @how: the mechanism
 *
 * Context: module init; may sleep.
 * Return: 0 or the error of hook_arm().
 */
int hooks_arm(enum hook_mechanism how)
{
	return hook_arm(hooks, ARRAY_SIZE(hooks), how);
}

/**
 * hooks_disarm - remove all hooks and wait for their users
 *
 * Context: module exit; may sleep.
 * Return: calls missed by kprobes.
 */
unsigned long hooks_disarm(void)
{
	return hook_disarm(hooks, ARRAY_SIZE(hooks));
}

/**
 * hooks_count - how many hooks there are
 *
 * Return: the number of rows of the table.
 */
unsigned int hooks_count(void)
{
	return ARRAY_SIZE(hooks);
}
