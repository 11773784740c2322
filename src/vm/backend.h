/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of a backend.  inject/ supplies guest MTE to a KVM that has none.
 * native/ switches the guest MTE of a KVM that has it.  Kbuild compiles one of them.
 * All other rooms use only this interface.
 */
#ifndef _KVM_MTE_BACKEND_H
#define _KVM_MTE_BACKEND_H

#include "vm/vm.h"

struct page_tags;

/**
 * struct vm_backend - the operations of a backend
 * @name: its word in sysfs
 * @check_host: can guests have MTE on this host?  Returns 0, or -ENODEV with the exact
 *	reason in the log.  Module init.
 * @init: called when the hooks are armed, and VMs that existed before the module are not
 *	registered yet.  Returns 0, -EBUSY or -EINTR.  Module init; may sleep.
 * @vms_known: called when the VMs that existed before the module are registered.  Returns
 *	as @init.  Module init; may sleep.
 * @leave: called when no VM has MTE from the module, and the hooks are still armed.
 *	Module exit; may sleep.
 * @exit: called when no hook can run any more.  Module exit or a failed init.
 * @vcpu_precreate: called when a VM is about to get a vCPU.  May sleep; on native kvm->lock
 *	is held.
 * @kvm_gave_mte: is KVM's own flag for MTE set, by the VMM or by @switch_mte?
 * @prepare: allocate what the VM's @nr vCPUs need to have MTE.  The vCPUs are held
 *	(vcpus_hold()).  Returns 0 or -ENOMEM; may sleep.
 * @switch_mte: give MTE to a VM, or take it away.  No vCPU has run since it was
 *	initialised.  All its vCPUs are held; the exception is vm_policy_fallback_vcpu().
 *	May sleep.
 * @enable_cap: KVM_ENABLE_CAP by the VMM; @orig is KVM's own function.  Returns the
 *	result of the ioctl (api.rst 7.28); may sleep.
 * @offers_cap: does KVM_CHECK_EXTENSION answer yes, if policy allows it?  @kvm is NULL
 *	for /dev/kvm.
 * @vma_can_hold_tags: may an MTE VM use a mapping of its VMM, from @start to @end
 *	(bytes)?  mmap_lock held; may sleep.
 * @read_tags: read the tags of a page as its owner has them; all zero if they are not in
 *	use.  The caller holds a reference on the page.  Any context.
 * @write_tags: give a page of a VM's memory new tags.  No vCPU is in the guest.  The caller
 *	holds a reference on the page.  Returns 0, or -EFAULT if the page cannot hold tags.
 * @check_slot: check a slot in KVM's place, because KVM itself refuses parts of it
 *	(SLOT_HAS_*).  NULL in a backend whose KVM accepts them.  Returns 0, -EFAULT or
 *	-EINVAL; slots_lock held.
 * @open_hugetlb: arm the hook with which KVM accepts hugetlb memory for a VM with MTE, until
 *	the VM is destroyed.  Called only where KVM refuses it.  Returns 0; -EINVAL if the
 *	hook cannot be armed, with the reason in the log, or if the module is being loaded
 *	or unloaded.  slots_lock held; may sleep.
 */
struct vm_backend {
	const char *name;
	int (*check_host)(void);
	int (*init)(void);
	int (*vms_known)(void);
	void (*leave)(void);
	void (*exit)(void);
	void (*vcpu_precreate)(struct kvm *kvm);
	bool (*kvm_gave_mte)(struct kvm *kvm);
	int (*prepare)(struct kvm *kvm, int nr);
	void (*switch_mte)(struct kvm *kvm, bool on, int nr);
	int (*enable_cap)(struct mte_vm *vm, struct kvm_enable_cap *cap,
			  int (*orig)(struct kvm *kvm, struct kvm_enable_cap *cap));
	bool (*offers_cap)(struct kvm *kvm, int (*orig)(struct kvm *kvm, long ext));
	bool (*vma_can_hold_tags)(struct vm_area_struct *vma, unsigned long start,
				  unsigned long end);
	void (*read_tags)(struct page *page, struct page_tags *tags);
	int (*write_tags)(struct page *page, const struct page_tags *tags);
	int (*check_slot)(struct kvm *kvm, const struct kvm_memory_slot *slot,
			  unsigned int parts);
	int (*open_hugetlb)(struct mte_vm *vm);
};

/* main.c sets it before all other code runs. */
extern const struct vm_backend *vm_backend;

/* The backend that was compiled. */
extern const struct vm_backend kvm_mte_backend;

#endif /* _KVM_MTE_BACKEND_H */
