// SPDX-License-Identifier: GPL-2.0
/*
 * The table of hooks.  To add one: write its handler with HOOK_WATCHn() or
 * HOOK_WRAP() where it belongs, and add a row here.
 *
 * A host pays for a hook at each call, whoever makes it.  So what lies on the way
 * of other VMs and processes is armed only from when a VM is to get MTE until all
 * VMs that ever had it have gone ("lazy"): until then nobody's tags or registers
 * are at stake.  Always armed are those that see a VM come and go or be asked
 * for MTE, and those that keep PG_mte_tagged true of pages which outlive their VM:
 *
 * - free_huge_page: a hugetlb page would go back to its pool with the flag, and to
 *   the next VM with the tags of the last.
 * - split_huge_page_to_list: a huge page with some flags, of a VM that has gone or
 *   of a process, would give its first one to all, and so the tags of earlier
 *   owners to a VM that is made on the same memory later.
 *
 * What is lost while no VM is left are tags that were swapped out and belonged to
 * none that lives.
 */
#include <linux/kernel.h>

#include "vm/backend.h"
#include "hook/symbol.h"

/* X(function, what it is needed for) */
#define HOOKS_COMMON(X)						\
	/* vm/registry.c: a VM's life */					\
	X(kvm_dev_ioctl,		"VMs as they are made")		\
	X(kvm_arch_vcpu_precreate,	"VMs that were missed")		\
	X(kvm_arch_destroy_vm,		"the end of a VM")		\
	/* kvm/capability.c: VMMs that ask for it themselves */		\
	X(kvm_vm_ioctl_check_extension,	"KVM_CAP_ARM_MTE")		\
	X(kvm_vm_ioctl_enable_cap,	"KVM_CAP_ARM_MTE")

#define HOOKS_INJECT(X)							\
	/* inject/page.c, repair/hugetlb_reuse.c: flags of pages that have lost their VM */	\
	X(split_huge_page_to_list,	"tags of split huge pages")	\
	X(free_huge_page,		"tags of hugetlb pages")

#define HOOKS_INJECT_LAZY(X)						\
	/* kvm/memslot.c */							\
	X(kvm_arch_prepare_memory_region, "early check of memory slots") \
	/* copytags.c: VMMs that carry tags */				\
	X(kvm_arch_vm_ioctl,		"KVM_ARM_MTE_COPY_TAGS")	\
	/* stage2.c, page.c, swap.c: tags of memory */			\
	X(kvm_pgtable_stage2_map,	"tags before a guest sees them") \
	X(mte_sync_tags,		"tags of pages that a process shares") \
	X(ksm_might_need_to_copy,	"tags of swapped pages")	\
	/* vcpu.c, exception.c: the vCPU */				\
	X(kvm_arch_vcpu_ioctl,		"a vCPU's reset")		\
	X(kvm_reset_vcpu,		"refusal of 32-bit vCPUs")	\
	X(kvm_reset_sys_regs,		"reset values of the tag registers") \
	X(kvm_arch_vcpu_ioctl_run,	"the tag registers of guest and host") \
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

/* KVM gives VMs MTE without us, so the repairs are always armed. */
#define HOOKS_NATIVE(X)							\
	X(kvm_arch_prepare_memory_region, "early check of memory slots") \
	X(kvm_arch_vcpu_ioctl,		"a vCPU's reset")

/* Of repairs.  Which functions some need differs: see compat.h. */
#define HOOKS_NATIVE_MAP(X)						\
	X(kvm_pgtable_stage2_map,	"tags of pages that replace others")

#define HOOKS_NATIVE_REPAIRS(X)						\
	HOOKS_NATIVE_MAP(X) COMPAT_HOOKS_SPLIT(X) COMPAT_HOOKS_SPLIT_AHEAD(X) \
	COMPAT_HOOKS_HUGETLB(X) \
	COMPAT_HOOKS_FAULTIN(X) COMPAT_HOOKS_COPY_TAGS(X) COMPAT_HOOKS_SWAPOFF(X)

/*
 * X(repair, function): the hooks without which a repair is none.  A repair without
 * a line here is not needed.
 */
#define NEEDS_NATIVE(X)							\
	X(REPAIR_BLOCK_COLLAPSE, kvm_pgtable_stage2_map)		\
	X(REPAIR_REMAP_RACE, kvm_pgtable_stage2_map)			\
	COMPAT_NEEDS_SPLIT(X) COMPAT_NEEDS_HUGETLB(X) COMPAT_NEEDS_PARTIAL(X) \
	COMPAT_NEEDS_COPY_TAGS(X) COMPAT_NEEDS_SWAPOFF(X)

/* inject has the same in its own tables: inject.c:backend_repair(). */
#define NEEDS_INJECT(X)							\
	X(REPAIR_BLOCK_COLLAPSE, kvm_pgtable_stage2_map)		\
	X(REPAIR_REMAP_RACE, kvm_pgtable_stage2_map)			\
	X(REPAIR_THP_SPLIT, split_huge_page_to_list)			\
	X(REPAIR_HUGETLB_REUSE, free_huge_page)				\
	X(REPAIR_SWAPOFF_UNREADABLE, ksm_might_need_to_copy)

#define HOOKS_NONE(X)

#define HOOKS_OF_BACKEND	compat_backend(HOOKS_NATIVE, HOOKS_INJECT)
#define HOOKS_LAZY		compat_backend(HOOKS_NONE, HOOKS_INJECT_LAZY)
#define HOOKS_OF_REPAIRS	compat_backend(HOOKS_NATIVE_REPAIRS, HOOKS_NONE)
#define NEEDS			compat_backend(NEEDS_NATIVE, NEEDS_INJECT)

#define HOOKS(X)							\
	HOOKS_COMMON(X) HOOKS_OF_BACKEND(X) HOOKS_LAZY(X) HOOKS_OF_REPAIRS(X)

#define DECLARE_HANDLER(fn, what) extern const struct hook_handler hook_##fn;
HOOKS(DECLARE_HANDLER)

#define ROW(fn, what) { .name = #fn, .lost = what, .handler = &hook_##fn },
#define LAZY(fn, what) { .name = #fn, .lost = what, .handler = &hook_##fn, .lazy = true },
#define OPTIONAL(fn, what) { .name = #fn, .lost = what, .handler = &hook_##fn, .optional = true },
#define COUNT(fn, what) + 1

/* The lazy ones come last. */
static struct hook hooks[] = {
	HOOKS_OF_REPAIRS(OPTIONAL)
	HOOKS_COMMON(ROW)
	HOOKS_OF_BACKEND(ROW)
	HOOKS_LAZY(LAZY)
};

#define NR_LAZY		(0 HOOKS_LAZY(COUNT))

#define NEED(r, fn)	{ .repair = r, .handler = &hook_##fn },

static const struct {
	enum repair repair;
	const struct hook_handler *handler;
} needs[] = {
	NEEDS(NEED)
};

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
	X(restore_page_tags,	mte_restore_page_tags)			\
	COMPAT_CALLS_PSTATE(X)

#define CALLS_NATIVE(X)							\
	COMPAT_CALLS_HUGETLB(X)						\
	COMPAT_CALLS_SWAPOFF(X)						\
	COMPAT_CALLS_ID_REGS(X)

#define CALLS_OF_BACKEND compat_backend(CALLS_NATIVE, CALLS_INJECT)
#define CALLS(X) CALLS_COMMON(X) CALLS_OF_BACKEND(X)

#define CALL(member, fn)	{ #fn, (unsigned long *)&kernel.member, false },
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
		symbols[i] = (struct symbol){ hooks[i].name, &hooks[i].addr,
					      hooks[i].optional };
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		symbols[ARRAY_SIZE(hooks) + i] = calls[i];
	return symbols_find(symbols, ARRAY_SIZE(symbols));
}

/**
 * hooks_arm - set all hooks of the table but the lazy ones, or none
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
 * hooks_lazy - the rows of the lazy hooks
 * @nr: where their number goes
 *
 * Return: the first.
 */
struct hook *hooks_lazy(unsigned int *nr)
{
	*nr = NR_LAZY;
	return hooks + ARRAY_SIZE(hooks) - NR_LAZY;
}

/**
 * hooks_disarm - remove all hooks and wait for their users
 *
 * Context: module exit; may sleep.
 * Return: calls missed by kprobes.
 */
unsigned long hooks_disarm(void)
{
	unsigned long missed;

	lazy_close();
	missed = hook_disarm(hooks, ARRAY_SIZE(hooks));
	/* Nobody is left who could have them armed. */
	lazy_exit();
	return missed;
}

/**
 * hooks_count - how many hooks are armed
 *
 * Return: their number.
 */
unsigned int hooks_count(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		n += hooks[i].armed;
	return n;
}

static bool is_armed(const struct hook_handler *handler)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (hooks[i].handler == handler)
			return hooks[i].armed && !hooks[i].rewritten;
	return false;
}

/**
 * hooks_need_repair - does this kernel have the hole that a repair closes?
 * @repair: which
 *
 * Return: false if no hook is needed for it.
 */
bool hooks_need_repair(enum repair repair)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needs); i++)
		if (needs[i].repair == repair)
			return true;
	return false;
}

/**
 * hooks_have_repair - is what a repair needs armed?
 * @repair: which
 *
 * Return: false if one of its optional hooks could not be had.
 */
bool hooks_have_repair(enum repair repair)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needs); i++)
		if (needs[i].repair == repair && !is_armed(needs[i].handler))
			return false;
	return true;
}
