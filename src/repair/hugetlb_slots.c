// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb memory for VMs with MTE, which KVM refuses from 6.2 to 6.12.
 *
 * KVM tests the flag VM_MTE_ALLOWED of a mapping twice: when a slot is set, and in each
 * fault that maps a page (user_mem_abort()).  The first test is skipped, because the module
 * checks the slot in KVM's place (device_slots.c).  For the second one, KVM gets a copy of the
 * mapping's struct that has the flag: user_mem_abort() finds the mapping by vma_lookup(),
 * which calls mtree_load(), and that is hooked.  user_mem_abort() only reads the struct, and
 * only while it holds mmap_lock.
 *
 * The mapping itself does not get the flag.  With the flag the process could map hugetlb
 * memory PROT_MTE, which these kernels cannot handle, and the flag would stay after the VM
 * is destroyed.
 *
 * KVM handles the tags of such memory right.  Each base page has its own flag.
 * sanitise_mte_tags() clears the tags of all pages that it maps, copy_highpage() copies
 * tags, and hugetlb_reuse.c clears the flags of freed pages.
 */
#include <linux/hugetlb.h>
#include <linux/kallsyms.h>
#include <linux/kvm_host.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "calls.h"
#include "hook/hook.h"
#include "hook/ondemand.h"
#include "repair/repair.h"
#include "vm/vm.h"

/**
 * hugetlb_slots_work - can a VM with MTE have hugetlb memory through this repair?
 *
 * Context: any.
 * Return: false if the kernel's configuration excludes it, if a hook is missing, or on a
 * kernel that does not need the repair.
 */
bool hugetlb_slots_work(void)
{
	return COMPAT_OPENS_HUGETLB && hook_group_works(HUGETLB_SLOTS);
}

/**
 * hugetlb_slots_open - let KVM take hugetlb memory of a VM with MTE
 * @vm: the VM
 *
 * Context: slots_lock held; may sleep, and takes ondemand_lock.
 * Return: 0; -EINVAL if the module is being loaded or unloaded, or, with the reason in the
 * log, if the hook cannot be armed.
 */
int hugetlb_slots_open(struct mte_vm *vm)
{
	int err;

	if (vm->opens_hugetlb)
		return 0;
	/* While the module is being loaded, pages in the pool may still have old tags. */
	if (!vm_may_set())
		return -EINVAL;
	err = ondemand_get(HOOK_ON_SLOT, false);
	if (err) {
		vm_notice(vm, "no hugetlb memory: the hook on mtree_load() cannot be armed (%d)\n",
			  err);
		return -EINVAL;
	}
	WRITE_ONCE(vm->opens_hugetlb, true);
	return 0;
}

/* Is @name the function @fn, or a part of it that the compiler has split off? */
static bool is_part_of(const char *name, const char *fn)
{
	size_t len = strlen(fn);

	/* The name of a livepatch's module follows after a space. */
	return !strncmp(name, fn, len) && strchr(". ", name[len]);
}

/*
 * Is this return address in user_mem_abort()?  The compiler may have made it a part of its
 * only caller.  Other callers of vma_lookup() (hva_to_pfn() and get_user_pages()) may need
 * the mapping itself.
 */
static bool is_abort(unsigned long caller)
{
	/* There is one such call, so one address.  To find its name takes longer. */
	static unsigned long known;
	char name[KSYM_SYMBOL_LEN];

	if (caller == READ_ONCE(known))
		return true;
	sprint_symbol_no_offset(name, caller);
	if (!is_part_of(name, "user_mem_abort") && !is_part_of(name, "kvm_handle_guest_abort"))
		return false;
	WRITE_ONCE(known, caller);
	return true;
}

/* The vCPU's place for a copy.  Its thread does not use the last copy any more. */
static struct vm_area_struct *place_for_copy(struct kvm_vcpu *vcpu)
{
	struct mte_vm *vm = registry_find(vcpu->kvm);
	struct vm_area_struct *copy;

	if (!vm || !READ_ONCE(vm->opens_hugetlb))
		return NULL;
	copy = xa_load(&vm->vma_copies, vcpu->vcpu_idx);
	if (copy)
		return copy;
	copy = kmalloc(sizeof(*copy), GFP_KERNEL_ACCOUNT);
	if (copy && xa_err(xa_store(&vm->vma_copies, vcpu->vcpu_idx, copy, GFP_KERNEL_ACCOUNT))) {
		kfree(copy);
		return NULL;
	}
	return copy;
}

/*
 * What KVM gets in place of a mapping.  If the VM may not have such a slot, or there is no
 * memory, KVM gets the mapping itself, and KVM_RUN ends with EFAULT.  mmap_lock is held, so the
 * mapping's members stay as they are.  KVM does not sleep before it forgets the copy, so
 * hook_drain() waits for that before the copy is freed.
 */
static struct vm_area_struct *with_flag(struct vm_area_struct *vma)
{
	struct vm_area_struct *copy;

	if (!vma || !is_vm_hugetlb_page(vma) || vma->vm_flags & VM_MTE_ALLOWED)
		return vma;
	copy = place_for_copy(kfn.get_running_vcpu());
	if (!copy)
		return vma;
	memcpy(copy, vma, sizeof(*copy));
	vm_flags_init(copy, vma->vm_flags | VM_MTE_ALLOWED);
	return copy;
}

/* Most calls are for other trees (interrupts), or of other threads. */
static notrace bool is_for_wrapper(const u64 *x)
{
	struct mm_struct *mm = current->mm;
	struct kvm_vcpu *vcpu;

	if (!mm || x[0] != (u64)&mm->mm_mt)
		return false;
	vcpu = kfn.get_running_vcpu();
	return vcpu && kvm_has_mte(vcpu->kvm);
}

/* Process context; mmap_lock is held. */
HOOK_WRAP_FROM(mtree_load, is_for_wrapper, void *,
	       (struct maple_tree *tree, unsigned long index), (tree, index))
{
	void *entry = original(mtree_load)(tree, index);

	return is_abort(caller) ? with_flag(entry) : entry;
}
