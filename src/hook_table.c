// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of hooks.  To add a hook: write its handler with HOOK_WATCHn() or
 * HOOK_WRAP() in the file that it serves, and add a row here.
 */
#include <linux/kernel.h>
#include <linux/module.h>

#include "calls.h"
#include "hook/hook.h"
#include "hook/ondemand.h"
#include "hook/symbol.h"
#include "kvm_mte.h"
#include "repair/repair.h"

/*
 * X(function, kernels, when, repairs, purpose)
 *
 * kernels: which kernels have the hook.  A word here stands for the macro
 * COMPAT_FOR_word (compat.h, compat_tags.h).
 *
 * when: the host pays for a hook at each call of the function, for every caller.  So
 * hooks on functions that other VMs and processes call are ON_DEMAND.  They are armed
 * when a VM is to get MTE.  They are removed some seconds after the last VM that was ever in
 * another state than "off" is destroyed.  They are also armed while a VM is held or a file
 * of /dev/kvm_mte has a VM.
 * ON_HOLD hooks are armed while some VM is held.
 * ON_SLOT hooks are armed while a VM exists that has, had or was to get MTE, and has or had a
 * slot with hugetlb memory, which KVM refuses.  The module loads without them.
 *
 * On NATIVE no hook is ON_DEMAND.  On INJECT two kinds of hooks are ALWAYS armed.  One
 * kind sees VMs created and destroyed, and VMMs that ask for MTE.  The other kind keeps
 * PG_mte_tagged correct in pages that outlive their VM:
 *
 * - free_huge_page: without the hook a hugetlb page returns to its pool with
 *   PG_mte_tagged, and the next VM sees the tags of the last one.
 * - split_huge_page_to_list: all parts of a huge page get the flags of its first
 *   page.  If only some pages have PG_mte_tagged, a later VM on the same memory sees
 *   the tags of earlier owners.
 *
 * On INJECT no hook restores tags from swap while all VMs are off and no file of /dev/kvm_mte
 * has a VM.  If memory of a destroyed VM is swapped in at such a time, its tags are lost.
 *
 * OPTIONAL hooks are always armed too, but the module loads without them.  KVM's own
 * guest MTE works without the module, so hooks that only its repairs need are OPTIONAL.
 *
 * repairs: the repairs (repair/repair.h) that need the hook, or 0.
 *
 * purpose: what does not happen without the hook.  Messages add it to "needed for".
 */
#define HOOKS(X)							\
	/* kvm/lifecycle.c: VMs are created and destroyed */		\
	X(kvm_dev_ioctl, ALL, ALWAYS, 0,				\
	  "registration of new VMs")					\
	X(kvm_arch_vcpu_precreate, ALL, ALWAYS, 0,			\
	  "registration of VMs before their first vCPU")		\
	X(kvm_arch_destroy_vm, ALL, ALWAYS, 0,				\
	  "cleanup after destroyed VMs")				\
	/* kvm/capability.c: VMMs that ask for MTE */			\
	X(kvm_vm_ioctl_check_extension, ALL, ALWAYS, 0,			\
	  "the answer to KVM_CAP_ARM_MTE")				\
	X(kvm_vm_ioctl_enable_cap, ALL, ALWAYS, 0,			\
	  "the answer to KVM_CAP_ARM_MTE")				\
	/* kvm/memslot.c */						\
	X(kvm_arch_prepare_memory_region, INJECT, ON_DEMAND, 0,		\
	  "early check of memory slots")				\
	X(kvm_arch_prepare_memory_region, NATIVE, ALWAYS, DEVICE_SLOTS,	\
	  "early check of memory slots")				\
	/* inject/vcpu.c, native/native.c, native/run.c: a vCPU */	\
	X(kvm_arch_vcpu_ioctl, INJECT, ON_DEMAND, 0,			\
	  "detection of guest reboots")					\
	X(kvm_arch_vcpu_ioctl, NATIVE, ALWAYS, 0,			\
	  "detection of guest reboots")					\
	X(kvm_reset_vcpu, INJECT, ON_DEMAND, 0,				\
	  "refusal of 32-bit vCPUs")					\
	X(kvm_reset_sys_regs, INJECT, ON_DEMAND, 0,			\
	  "reset of the tag registers")					\
	X(kvm_arch_vcpu_ioctl_run, INJECT, ON_DEMAND, 0,		\
	  "switch of the tag registers")				\
	X(kvm_arch_vcpu_ioctl_run, NATIVE, ON_HOLD, 0,			\
	  "hold of VMs")						\
	X(kvm_arch_vcpu_destroy, INJECT, ON_DEMAND, 0,			\
	  "cleanup after destroyed vCPUs")				\
	/* inject/exception.c */					\
	X(kvm_inject_undefined, INJECT, ON_DEMAND, 0,			\
	  "PSTATE.TCO of injected exceptions")				\
	X(kvm_inject_dabt, INJECT, ON_DEMAND, 0,			\
	  "PSTATE.TCO of injected exceptions")				\
	X(kvm_inject_pabt, INJECT, ON_DEMAND, 0,			\
	  "PSTATE.TCO of injected exceptions")				\
	/* inject/sysreg.c, onereg.c: registers as guest and VMM see them */ \
	X(kvm_handle_sys_reg, INJECT, ON_DEMAND, 0,			\
	  "MTE in the guest's ID register")				\
	X(kvm_arm_sys_reg_get_reg, INJECT, ON_DEMAND, 0,		\
	  "the VMM's reads of registers")				\
	X(kvm_arm_sys_reg_set_reg, INJECT, ON_DEMAND, 0,		\
	  "the VMM's writes of registers")				\
	X(kvm_arm_num_sys_reg_descs, INJECT, ON_DEMAND, 0,		\
	  "the VMM's list of registers")				\
	X(kvm_arm_copy_sys_reg_indices, INJECT, ON_DEMAND, 0,		\
	  "the VMM's list of registers")				\
	/* native/onereg.c: registers of a VM that was turned on or off */ \
	X(kvm_arm_copy_sys_reg_indices, NATIVE, ALWAYS, 0,		\
	  "the VMM's list of registers")				\
	X(kvm_arm_get_reg, NATIVE, ALWAYS, 0,				\
	  "the VMM's reads of registers")				\
	X(kvm_arm_set_reg, NATIVE, ALWAYS, 0,				\
	  "the VMM's writes of registers")				\
	/* inject/copytags.c: VMMs that carry tags */			\
	X(kvm_arch_vm_ioctl, INJECT, ON_DEMAND, 0,			\
	  "KVM_ARM_MTE_COPY_TAGS")					\
	/* inject/stage2.c, page.c, swap.c: tags of memory */		\
	X(kvm_pgtable_stage2_map, INJECT, ON_DEMAND, BLOCK_COLLAPSE | REMAP_RACE, \
	  "clearing of tags before a guest sees them")			\
	X(mte_sync_tags, INJECT, ON_DEMAND, 0,				\
	  "clearing of tags of pages that a process shares")		\
	X(ksm_might_need_to_copy, INJECT, ON_DEMAND, SWAPOFF_UNREADABLE, \
	  "restoring of tags from swap")				\
	X(split_huge_page_to_list, INJECT, ALWAYS, THP_SPLIT,		\
	  "clearing of tags before a huge page is split")		\
	/* repair/ */							\
	X(free_huge_page, INJECT, ALWAYS, HUGETLB_REUSE,		\
	  "clearing of PG_mte_tagged of freed hugetlb pages")		\
	X(free_huge_page, NATIVE_HUGETLB_POOL, OPTIONAL, HUGETLB_REUSE,	\
	  "clearing of PG_mte_tagged of freed hugetlb pages")		\
	X(free_huge_folio, NATIVE_HUGETLB_SLOTS, OPTIONAL, HUGETLB_SLOTS, \
	  "clearing of PG_mte_tagged of freed hugetlb pages")		\
	X(mtree_load, NATIVE_HUGETLB_SLOTS, ON_SLOT, HUGETLB_SLOTS,	\
	  "hugetlb memory of VMs with MTE")				\
	X(kvm_pgtable_stage2_map, NATIVE, OPTIONAL, BLOCK_COLLAPSE | REMAP_RACE, \
	  "clearing of tags in a permission fault")			\
	X(folio_split_memcg_refs, NATIVE_SPLIT_FOLIO, OPTIONAL, THP_SPLIT, \
	  "clearing of tags before a huge page is split")		\
	X(split_page_memcg, NATIVE_SPLIT_PAGE, OPTIONAL, THP_SPLIT,	\
	  "clearing of tags before a huge page is split")		\
	X(try_to_migrate, NATIVE_SPLIT_AHEAD, OPTIONAL, 0,		\
	  "clearing of tags in pieces before a huge page is split")	\
	X(try_to_unmap, NATIVE_SPLIT_AHEAD, OPTIONAL, 0,		\
	  "clearing of tags in pieces before a huge page is split")	\
	X(__kvm_faultin_pfn, NATIVE_HUGETLB_FLAG, OPTIONAL, HUGETLB_PARTIAL, \
	  "clearing of all tags of a hugetlb page")			\
	X(__gfn_to_page, NATIVE_COPY_BY_PAGE, OPTIONAL, COPY_TAGS_HANG | HUGETLB_PARTIAL, \
	  "clearing of tags before they are copied")			\
	X(gfn_to_pfn_prot, NATIVE_COPY_BY_PFN, OPTIONAL, COPY_TAGS_HANG, \
	  "clearing of tags before they are copied")			\
	X(ksm_might_need_to_copy, NATIVE_SWAPOFF, OPTIONAL, SWAPOFF_UNREADABLE, \
	  "restoring of tags at swapoff")

#define DECLARE(fn, kernels, when, repairs, what)	\
	COMPAT_FOR_##kernels(extern const struct hook_handler hook_##fn;)
HOOKS(DECLARE)

/* modinfo -F hook lists the functions. */
#define INFO(fn, kernels, when, repairs, what)	\
	COMPAT_FOR_##kernels(MODULE_INFO(hook, #fn);)
HOOKS(INFO)

#define ROW(fn, kernels, hook_when, repairs, what)	\
	COMPAT_FOR_##kernels(				\
		{					\
			.name = #fn,			\
			.purpose = what,		\
			.handler = &hook_##fn,		\
			.when = HOOK_##hook_when,	\
			.groups = repairs,		\
		},					\
	)

static struct hook hooks[] = { HOOKS(ROW) };

/**
 * hook_table_resolve - find every function that is hooked or called
 *
 * Context: module init; may sleep.
 * Return: 0 or the error of symbols_find().
 */
int hook_table_resolve(void)
{
	struct symbol symbols[ARRAY_SIZE(hooks) + HOOK_SYMBOLS_MAX + CALLS_MAX];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		symbols[i] = (struct symbol){ hooks[i].name, &hooks[i].addr,
					      hook_may_be_missing(&hooks[i]),
					      hooks[i].purpose };
	i += hook_symbols(symbols + i);
	i += calls_list(symbols + i);
	return symbols_find(symbols, i);
}

/**
 * hook_table_arm - arm all hooks of the table except the on-demand ones, or none
 * @how: the mechanism
 *
 * Context: module init; may sleep.
 * Return: 0 or the error of hook_arm().
 */
int hook_table_arm(enum hook_mechanism how)
{
	return hook_arm(hooks, ARRAY_SIZE(hooks), how);
}

/**
 * hook_table_disarm - remove all hooks and wait for the calls in them
 *
 * Context: module exit or a failed init, after hook_table_arm(); may sleep.
 * Return: calls missed by kprobes.
 */
unsigned long hook_table_disarm(void)
{
	unsigned long missed;

	ondemand_close();
	missed = hook_disarm(hooks, ARRAY_SIZE(hooks));
	/* No caller of ondemand_get() is left. */
	ondemand_exit();
	return missed;
}
