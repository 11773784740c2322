// SPDX-License-Identifier: GPL-2.0
/*
 * The backend for kernels whose KVM has no guest MTE: all of it is supplied by
 * hooks.  What must be the case, and what turning a VM on and off means here.
 */
#include <linux/hugetlb.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>

#include <asm/virt.h>

#include "inject/inject.h"
#include "repair/tags.h"

/**
 * backend_name - the word for this backend
 *
 * Return: "inject".
 */
const char *backend_name(void)
{
	return "inject";
}

/**
 * backend_check_host - can KVM's guests be given MTE on this host?
 *
 * Context: module init.
 * Return: 0; -ENODEV, with the exact reason in the log.
 */
int backend_check_host(void)
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

/**
 * backend_init - the hooks are armed, no VM is known yet
 *
 * Context: module init; may sleep.
 */
void backend_init(void)
{
	tags_disown_hugetlb();
}

/**
 * backend_vms_known - the VMs that were there before the module are registered
 *
 * Context: module init; may sleep.
 */
void backend_vms_known(void)
{
}

/**
 * backend_vcpu_comes - a VM is about to get a vCPU
 * @kvm: the VM
 *
 * Context: kvm->lock held.
 */
void backend_vcpu_comes(struct kvm *kvm)
{
}

/**
 * backend_exit - no hook can run any more
 *
 * Context: module exit or a failed init.
 */
void backend_exit(void)
{
	vcpu_forget_all();
}

/**
 * backend_repair - how a hole of the kernel is dealt with
 * @repair: which
 *
 * What they take is required, and set as long as a VM has MTE: loaded means active.
 * The others are holes of KVM's own guest MTE that ours was made without: a hugetlb
 * page has the flags of all its pages, and KVM_ARM_MTE_COPY_TAGS reads its buffer
 * before it looks at a page.
 *
 * Return: a word for sysfs.
 */
const char *backend_repair(enum repair repair)
{
	return hooks_need_repair(repair) ? "active" : "not-needed";
}

/**
 * backend_kvm_has_mte - did KVM itself give a VM MTE?
 * @kvm: the VM
 *
 * Return: false: this KVM cannot.
 */
bool backend_kvm_has_mte(struct kvm *kvm)
{
	return false;
}

/**
 * backend_prepare - get what is needed to turn a VM on
 * @kvm: the VM
 * @nr: its vCPUs, held still
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int backend_prepare(struct kvm *kvm, int nr)
{
	int i, err;

	for (i = 0; i < nr; i++) {
		err = vcpu_prepare(kvm_get_vcpu(kvm, i));
		if (err)
			return err;
	}
	return 0;
}

/**
 * backend_switch - a VM that has never run is on, or off
 * @kvm: the VM
 * @on: which
 * @nr: its vCPUs, held still
 *
 * Nothing is left to do: its vCPUs look at its state when they run.
 */
void backend_switch(struct kvm *kvm, bool on, int nr)
{
}

/**
 * backend_enable - its VMM asks for MTE (KVM_ENABLE_CAP)
 * @vm: the VM
 * @cap: what the VMM passed
 * @kvms_own: this KVM's own function, which knows nothing of it
 *
 * There is no vCPU, so the change is one at once.
 *
 * Context: the ioctl; may sleep.
 * Return: 0; -EINVAL if a flag is set or there is a vCPU, or the error of
 * vm_set().
 */
int backend_enable(struct mte_vm *vm, struct kvm_enable_cap *cap,
		   int (*kvms_own)(struct kvm *kvm, struct kvm_enable_cap *cap))
{
	int err;

	if (cap->flags)
		return -EINVAL;
	err = vm_set(vm, true, ORIGIN_VMM);
	if (!err)
		WRITE_ONCE(vm->vmm_asked, true);
	return err;
}

/**
 * backend_offers - would MTE be offered if policy lets it?
 * @kvm: the VM, or NULL for /dev/kvm
 * @kvms_own: this KVM's own function, which knows nothing of it
 *
 * Return: true.
 */
bool backend_offers(struct kvm *kvm,
		    int (*kvms_own)(struct kvm *kvm, long ext))
{
	return true;
}

/* As KVM does: what is no RAM is mapped as device, and has no tags. */
static bool pfn_is_fine(unsigned long pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return true;
	page = pfn_to_online_page(pfn);
	return page && page_can_hold_tags(page);
}

/*
 * Device memory, or RAM of a driver.  One page of each PMD_SIZE is looked at, if it is
 * there already: what counts is the look at each when it is mapped (stage2.c).
 */
static bool pfnmap_is_fine(struct vm_area_struct *vma, unsigned long start,
			   unsigned long end)
{
	unsigned long pfn;

	for (; start < end; start = ALIGN(start + 1, PMD_SIZE)) {
		if (!follow_pfn(vma, start, &pfn) && !pfn_is_fine(pfn))
			return false;
		cond_resched();
	}
	return true;
}

/**
 * backend_vma_can_hold_tags - may an MTE VM have this for memory?
 * @vma: a mapping of its VMM
 * @start: of the part that a slot has, in bytes
 * @end: likewise
 *
 * Context: the address space's mmap_lock held; may sleep.
 * Return: true if the kernel keeps the tags of its pages, or it is device memory.
 */
bool backend_vma_can_hold_tags(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end)
{
	if (vma->vm_flags & VM_PFNMAP)
		return pfnmap_is_fine(vma, start, end);
	if (is_vm_hugetlb_page(vma))
		return tags_hugetlb_can_hold(vma);
	return vma_is_anonymous(vma) ||
	       (vma->vm_flags & VM_MTE_ALLOWED) || kernel.vma_is_shmem(vma);
}
