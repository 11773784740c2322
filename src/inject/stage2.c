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

/**
 * struct block - what is about to be mapped at stage 2
 * @ipa: where, in bytes
 * @size: of the mapping, in bytes
 * @phys: to what, in bytes
 */
struct block {
	u64 ipa;
	u64 size;
	u64 phys;
};

/*
 * The tags of 1 GiB are too many for mmu_lock.  Until all of them have been
 * initialised only the part of such a block is mapped that the guest has touched
 * just now, as if it were a smaller page.
 */
static void narrow(struct block *b)
{
	struct page *page = pfn_to_online_page(PHYS_PFN(b->phys));
	const struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	u64 offset;

	if (!page || !vcpu || tags_all_init(page, b->size / PAGE_SIZE))
		return;
	offset = ALIGN_DOWN(kvm_vcpu_get_fault_ipa(vcpu) - b->ipa, PMD_SIZE);
	if (offset >= b->size)
		return;
	b->ipa += offset;
	b->phys += offset;
	b->size = PMD_SIZE;
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

HOOK_WRAP(kvm_pgtable_stage2_map, int, COMPAT_STAGE2_MAP_PROTO,
	  COMPAT_STAGE2_MAP_ARGS(addr, size, phys))
{
	struct block b = { .ipa = addr, .size = size, .phys = phys };
	struct mte_vm *vm;
	int err;

	if (!atomic_read(&vms_active) || (prot & KVM_PGTABLE_PROT_DEVICE))
		goto map;
	vm = registry_find(compat_pgtable_kvm(pgt));
	if (!vm || READ_ONCE(vm->state) == VM_OFF)
		goto map;
	if (size > PMD_SIZE)
		narrow(&b);
	err = before_map(vm, b.ipa, b.phys, b.size);
	if (err)
		return err;
map:
	return original(kvm_pgtable_stage2_map)COMPAT_STAGE2_MAP_ARGS(b.ipa, b.size,
								      b.phys);
}
