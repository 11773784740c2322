// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backend for kernels whose KVM has no guest MTE.  Hooks supply all of guest MTE.
 * This file has the backend's operations.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>

#include <asm/virt.h>

#include "calls.h"
#include "inject/inject.h"
#include "repair/tags.h"
#include "vm/backend.h"

static int check_host(void)
{
	if (!is_kernel_in_hyp_mode()) {
		pr_err("no guest MTE: KVM is not in VHE mode (no EL2, or no FEAT_VHE)\n");
		return -ENODEV;
	}
	if (compat_kernel_uses_tags()) {
		pr_err("no guest MTE: the kernel uses the tag registers itself (KASAN_HW_TAGS)\n");
		return -ENODEV;
	}
	return 0;
}

static int do_nothing(void)
{
	return 0;
}

static void vcpu_precreate(struct kvm *kvm)
{
}

/* KVM of these kernels cannot give MTE. */
static bool kvm_gave_mte(struct kvm *kvm)
{
	return false;
}

static int prepare(struct kvm *kvm, int nr)
{
	int i, err;

	for (i = 0; i < nr; i++) {
		err = vcpu_prepare(kvm_get_vcpu(kvm, i));
		if (err)
			return err;
	}
	return 0;
}

/* Nothing to do: the vCPUs read the VM's state when they run. */
static void switch_mte(struct kvm *kvm, bool on, int nr)
{
}

/* KVM's own function does not know this capability.  vm_set() refuses a VM with a vCPU. */
static int enable_cap(struct mte_vm *vm, struct kvm_enable_cap *cap,
		      int (*orig)(struct kvm *kvm, struct kvm_enable_cap *cap))
{
	int err;

	if (cap->flags)
		return -EINVAL;
	err = vm_set(vm, true, ORIGIN_VMM);
	if (!err)
		WRITE_ONCE(vm->vmm_asked, true);
	return err;
}

static bool offers_cap(struct kvm *kvm, int (*orig)(struct kvm *kvm, long ext))
{
	return true;
}

static bool vma_can_hold_tags(struct vm_area_struct *vma, unsigned long start,
			      unsigned long end)
{
	if (vma->vm_flags & VM_PFNMAP)
		return range_is_device(vma, start, end);
	if (is_vm_hugetlb_page(vma))
		return tags_hugetlb_can_hold(vma);
	return vma_is_anonymous(vma) ||
	       (vma->vm_flags & VM_MTE_ALLOWED) || kfn.vma_is_shmem(vma);
}

static int write_tags(struct page *page, const struct page_tags *tags)
{
	if (!page_can_hold_tags(page))
		return -EFAULT;
	tags_write(page, tags);
	return 0;
}

const struct vm_backend kvm_mte_backend = {
	.name = "inject",
	.check_host = check_host,
	.init = tags_clear_hugetlb,
	.vms_known = do_nothing,
	.leave = tags_leave_hugetlb,
	.exit = vcpu_forget_all,
	.vcpu_precreate = vcpu_precreate,
	.kvm_gave_mte = kvm_gave_mte,
	.prepare = prepare,
	.switch_mte = switch_mte,
	.enable_cap = enable_cap,
	.offers_cap = offers_cap,
	.vma_can_hold_tags = vma_can_hold_tags,
	.read_tags = tags_read,
	.write_tags = write_tags,
};
