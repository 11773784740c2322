// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clears the tags of memory before a guest can see it.
 *
 * On kernels without guest MTE only kvm_pgtable_stage2_map() creates valid leaves of a
 * stage-2 table.  It is called in a fault (user_mem_abort), by an MMU notifier (change_pte)
 * and for device memory (kvm_phys_addr_ioremap), so one hook is enough.  The hook runs under
 * mmu_lock, must not sleep, and cannot see the VMA.
 *
 * Mainline does this in arch/arm64/kvm/mmu.c:sanitise_mte_tags().
 */
#include <linux/gfp.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>

#include "hook/hook.h"
#include "kvm_private.h"
#include "repair/tags.h"
#include "trace.h"
#include "vm/vm.h"

static int init_range(u64 phys, u64 size, unsigned int *cleared)
{
	unsigned long pfn = PHYS_PFN(phys), end = PHYS_PFN(phys + size), nr;
	struct page *page;

	for (; pfn < end; pfn += nr) {
		nr = 1;
		/* The zero page: its tags were cleared at boot, and nothing writes to it. */
		if (is_zero_pfn(pfn))
			continue;
		page = pfn_to_online_page(pfn);
		if (!page || !page_can_hold_tags(page))
			return -EFAULT;
		/* One check is enough for a compound page: only the flags of its pages differ. */
		if (end - pfn > 1)
			nr = tags_ahead(page);
		if (nr > 1 || !test_bit(PG_mte_tagged, &page->flags))
			*cleared += tags_init(page);
	}
	return 0;
}

/**
 * struct block - a mapping that is about to be created at stage 2
 * @ipa: IPA, in bytes
 * @size: size, in bytes
 * @phys: physical address, in bytes
 */
struct block {
	u64 ipa;
	u64 size;
	u64 phys;
};

/*
 * To clear the tags of 1 GiB takes too long under mmu_lock.  So only the part of such a
 * block that the guest has touched is mapped, until all parts have been initialised.
 * Parts of less than 32 MiB would cost too much: user_mem_abort() may invalidate the
 * instruction cache for the whole block before it maps each part.
 */
#define PART_SIZE	max_t(u64, PMD_SIZE, SZ_32M)

static void narrow(struct block *b)
{
	struct page *page = pfn_to_online_page(PHYS_PFN(b->phys));
	const struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	unsigned long nr = b->size / PAGE_SIZE;
	u64 offset;

	/* The VMM may have mapped other memory since KVM chose the size of the block. */
	if (!page || compound_nr(compound_head(page)) < nr)
		return;
	if (!vcpu || tags_all_initialised(page, nr))
		return;
	offset = ALIGN_DOWN(kvm_vcpu_get_fault_ipa(vcpu) - b->ipa, PART_SIZE);
	if (offset >= b->size)
		return;
	b->ipa += offset;
	b->phys += offset;
	b->size = PART_SIZE;
}

/*
 * A part may need stage-2 tables that the block does not need.  On a permission fault KVM
 * does not fill its cache of pages for tables, and kvm_mmu_memory_cache_alloc() must not
 * find that cache empty.  mmu_lock is held, so this must not sleep.  Returns false if there
 * is no memory.
 */
static bool have_tables(struct kvm *kvm, struct kvm_mmu_memory_cache *cache)
{
	void *table;

	while (cache->nobjs < kvm_mmu_cache_min_pages(kvm)) {
		table = (void *)get_zeroed_page(GFP_ATOMIC | __GFP_ACCOUNT | __GFP_NOWARN);
		if (!table)
			return false;
		cache->objects[cache->nobjs++] = table;
	}
	return true;
}

static int before_map(struct mte_vm *vm, u64 ipa, u64 phys, u64 size)
{
	unsigned int cleared = 0;
	int err;

	err = init_range(phys, PAGE_ALIGN(size), &cleared);
	if (cleared) {
		atomic64_add(cleared, &vm->pages_tagged);
		trace_kvm_mte_clear_tags(vm, ipa, size, cleared);
	}
	if (!err)
		return 0;
	trace_kvm_mte_refuse(vm, REFUSED_PAGE, ipa, err);
	vm_notice(vm, "IPA %llx not mapped: its memory cannot hold tags\n", ipa);
	return err;
}

static struct mte_vm *vm_of(const struct kvm_pgtable *pgt)
{
	struct mte_vm *vm = registry_find(compat_pgtable_kvm(pgt));

	return vm && vm_has_mte(vm) ? vm : NULL;
}

/*
 * pfn_to_online_page() without its pfn_valid(), which searches memblock.  KVM has asked
 * pfn_valid() itself: what is not valid has KVM_PGTABLE_PROT_DEVICE (kvm_is_device_pfn()).
 * The MMU notifier (change_pte) passes only pages that have a struct page.
 */
static struct page *online_page(unsigned long pfn)
{
#ifdef CONFIG_MEMORY_HOTPLUG
	unsigned long section = pfn_to_section_nr(pfn);

	return section < NR_MEM_SECTIONS && online_section_nr(section) ?
	       pfn_to_page(pfn) : NULL;
#else
	return pfn_to_online_page(pfn);
#endif
}

/*
 * init_range() for the most frequent case only: a swap-backed page that is no compound page.
 * page_can_hold_tags() is true for such a page.  Returns false for all other pages, and if a
 * lock is not free.
 */
static bool init_one(struct mte_vm *vm, u64 ipa, u64 phys)
{
	struct page *page = online_page(PHYS_PFN(phys));
	unsigned long flags;
	int cleared = 0;

	if (!page || PageTail(page) || is_zone_device_page(page))
		return false;
	flags = READ_ONCE(page->flags);
	if ((flags & (BIT(PG_swapbacked) | BIT(PG_head))) != BIT(PG_swapbacked))
		return false;
	if (!(flags & BIT(PG_mte_tagged)))
		cleared = tags_init_one(page);
	if (cleared > 0) {
		atomic64_inc(&vm->pages_tagged);
		trace_kvm_mte_clear_tags(vm, ipa, PAGE_SIZE, 1);
	}
	return cleared >= 0;
}

/*
 * False for faults of VMs without MTE, and for device memory.  Most other faults map one
 * page that is no part of a compound page.  Its tags are cleared here, because the call
 * of a wrapper costs more than that.
 */
static notrace bool is_for_wrapper(const u64 *x)
{
	const struct kvm_pgtable *pgt = (const struct kvm_pgtable *)x[0];
	u64 ipa = x[1], size = x[2], phys = x[3];
	enum kvm_pgtable_prot prot = x[4];
	struct mte_vm *vm;

	if (prot & KVM_PGTABLE_PROT_DEVICE)
		return false;
	vm = vm_of(pgt);
	return vm && (size != PAGE_SIZE || !init_one(vm, ipa, phys));
}

HOOK_WRAP_IF(kvm_pgtable_stage2_map, is_for_wrapper, int, COMPAT_STAGE2_MAP_PROTO,
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
	/* Without memory the part is not mapped, and the guest faults again. */
	if (b.size != size && !have_tables(compat_pgtable_kvm(pgt), mc))
		return 0;
	return original(kvm_pgtable_stage2_map)COMPAT_STAGE2_MAP_ARGS(b.ipa, b.size, b.phys);
}
