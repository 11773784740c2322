// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hugetlb pages that are cleared in part (6.13 and later).
 *
 * A hugetlb page has one flag, but sanitise_mte_tags() clears only what is mapped,
 * and KVM_ARM_MTE_COPY_TAGS only what is copied, before they set it.  A part is mapped
 * where the page is no block at stage 2 (64 KiB, 32 MiB), under dirty logging, or where
 * HVA and IPA are not aligned alike.  The rest keeps the tags of the last owner.
 *
 * So the whole page is cleared and flagged once KVM has got a reference to it, before
 * KVM looks at the flag: here for a fault, in copy_tags_hang.c for a copy.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>

#include "hook/hook.h"
#include "calls.h"
#include "repair/page_tags.h"

/*
 * The VM is found by the vCPU that is loaded, as pages are faulted in only in KVM_RUN:
 * the registry may not know the VM, and KVM's own flag is what counts.
 */
static bool runs_mte_vm(void)
{
	struct kvm_vcpu *vcpu = kfn.get_running_vcpu();

	return vcpu && kvm_has_mte(vcpu->kvm);
}

static void init_if_hugetlb(struct page *page)
{
	if (PageHuge(page) && !page_tags_in_use(page))
		page_tags_init(page, 1);
}

static notrace bool is_of_mte_vm(const u64 *x)
{
	return runs_mte_vm();
}

/* Process context, with no lock of KVM but kvm->srcu.  Waits for the VMM's memory. */
HOOK_WRAP_WAITS(__kvm_faultin_pfn, is_of_mte_vm, kvm_pfn_t,
		(const struct kvm_memory_slot *slot, gfn_t gfn, unsigned int foll,
		 bool *writable, struct page **refcounted_page),
		(slot, gfn, foll, writable, refcounted_page))
{
	kvm_pfn_t pfn = original(__kvm_faultin_pfn)(slot, gfn, foll, writable,
						    refcounted_page);

	if (!is_error_noslot_pfn(pfn) && *refcounted_page)
		init_if_hugetlb(*refcounted_page);
	return pfn;
}
