// SPDX-License-Identifier: GPL-2.0
/*
 * Tags of memory before a guest can see it.
 *
 * On kernels without guest MTE every valid leaf of a stage-2 table is made by
 * kvm_pgtable_stage2_map(), called by a fault (user_mem_abort), by an MMU
 * notifier (change_pte), and for device memory: one hook sees them all.  It
 * runs under mmu_lock, must not sleep, and cannot look at the VMA.
 *
 * Upstream does this in arch/arm64/kvm/mmu.c:sanitise_mte_tags().
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>

#include "kvm_mte.h"
#include "tags.h"
#include "trace.h"

static int init_range(struct mte_vm *vm, u64 phys, u64 size,
		      unsigned int *cleared)
{
	unsigned long pfn = PHYS_PFN(phys), end = PHYS_PFN(phys + size);
	struct page *page;

	for (; pfn < end; pfn++) {
		/* Its tags were cleared at boot, and nobody writes to it. */
		if (is_zero_pfn(pfn))
			continue;
		page = pfn_to_online_page(pfn);
		if (!page || !page_can_hold_tags(page))
			return -EFAULT;
		if (!test_bit(PG_mte_tagged, &page->flags))
			*cleared += tags_init(page);
	}
	return 0;
}

static int before_map(struct mte_vm *vm, u64 ipa, u64 phys, u64 size)
{
	unsigned int cleared = 0;
	int err;

	err = init_range(vm, phys, PAGE_ALIGN(size), &cleared);
	if (cleared) {
		atomic64_add(cleared, &vm->pages_tagged);
		trace_kvm_mte_clear_tags(vm, ipa, size, cleared);
	}
	/*
	 * A VM that only waits for MTE may map what it likes: all its mappings
	 * are dropped before it gets it.
	 */
	if (!err || !vm_has_mte(vm))
		return 0;
	trace_kvm_mte_refuse(vm, REFUSED_PAGE, ipa, err);
	pr_notice_ratelimited("%d-%d: IPA %llx not mapped: its memory cannot hold tags\n",
			      vm->creator, vm->fd, ipa);
	return err;
}

HOOK_WRAP(kvm_pgtable_stage2_map, int,
	  (struct kvm_pgtable *pgt, u64 addr, u64 size, u64 phys,
	   enum kvm_pgtable_prot prot, compat_stage2_cache_t *mc),
	  (pgt, addr, size, phys, prot, mc))
{
	struct mte_vm *vm;
	int err;

	if (!atomic_read(&vms_active) || (prot & KVM_PGTABLE_PROT_DEVICE))
		goto map;
	vm = registry_find(compat_pgtable_kvm(pgt));
	if (!vm || READ_ONCE(vm->state) == VM_OFF)
		goto map;
	err = before_map(vm, addr, phys, size);
	if (err)
		return err;
map:
	return original(kvm_pgtable_stage2_map)(pgt, addr, size, phys, prot, mc);
}
