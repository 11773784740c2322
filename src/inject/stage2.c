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

#include "hook/hook.h"
#include "kvm_private.h"
#include "repair/tags.h"
#include "trace.h"
#include "vm/vm.h"

static int init_range(struct mte_vm *vm, u64 phys, u64 size,
		      unsigned int *cleared)
{
	unsigned long pfn = PHYS_PFN(phys), end = PHYS_PFN(phys + size), nr;
	struct page *page;

	for (; pfn < end; pfn += nr) {
		nr = 1;
		/* Its tags were cleared at boot, and nobody writes to it. */
		if (is_zero_pfn(pfn))
			continue;
		page = pfn_to_online_page(pfn);
		if (!page || !page_can_hold_tags(page))
			return -EFAULT;
		/* Pages of one compound page are alike, but for their flags. */
		if (end - pfn > 1)
			nr = tags_ahead(page);
		if (nr > 1 || !test_bit(PG_mte_tagged, &page->flags))
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
 * just now.  Not smaller parts: before each, user_mem_abort() may invalidate the
 * instruction cache for the whole block.
 */
#define PART_SIZE	max_t(u64, PMD_SIZE, SZ_32M)

static void narrow(struct block *b)
{
	struct page *page = pfn_to_online_page(PHYS_PFN(b->phys));
	const struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	unsigned long nr = b->size / PAGE_SIZE;
	u64 offset;

	/* The VMM may have put something else there meanwhile. */
	if (!page || compound_nr(compound_head(page)) < nr)
		return;
	if (!vcpu || tags_all_init(page, nr))
		return;
	offset = ALIGN_DOWN(kvm_vcpu_get_fault_ipa(vcpu) - b->ipa, PART_SIZE);
	if (offset >= b->size)
		return;
	b->ipa += offset;
	b->phys += offset;
	b->size = PART_SIZE;
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

static struct mte_vm *vm_of(const struct kvm_pgtable *pgt)
{
	struct mte_vm *vm = registry_find(compat_pgtable_kvm(pgt));

	return vm && READ_ONCE(vm->state) != VM_OFF ? vm : NULL;
}

/* Faults of other VMs, and device memory, are none of our business. */
static notrace bool is_mte_memory(const u64 *x)
{
	const struct kvm_pgtable *pgt = (const struct kvm_pgtable *)x[0];
	enum kvm_pgtable_prot prot = x[4];

	return !(prot & KVM_PGTABLE_PROT_DEVICE) && vm_of(pgt);
}

HOOK_WRAP_IF(kvm_pgtable_stage2_map, is_mte_memory, int, COMPAT_STAGE2_MAP_PROTO,
	     COMPAT_STAGE2_MAP_ARGS(addr, size, phys))
{
	struct block b = { .ipa = addr, .size = size, .phys = phys };
	struct mte_vm *vm = vm_of(pgt);
	int err = 0;

	if (vm) {
		if (size > PART_SIZE)
			narrow(&b);
		err = before_map(vm, b.ipa, b.phys, b.size);
	}
	if (err)
		return err;
	err = original(kvm_pgtable_stage2_map)COMPAT_STAGE2_MAP_ARGS(b.ipa, b.size,
								     b.phys);
	/*
	 * A part needs a table where the block would not, and a permission fault
	 * does not provide for one; the guest's next fault there does.
	 */
	return err == -ENOMEM && b.size != size ? 0 : err;
}
