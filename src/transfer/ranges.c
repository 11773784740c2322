// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's memory: the memory slots that are not read-only.  A guest cannot write
 * tags to read-only memory, and VMMs have flash there.
 */
#include <linux/kvm_host.h>
#include <linux/slab.h>

#include "compat.h"
#include "transfer/transfer.h"

static bool is_memory(const struct kvm_memory_slot *slot)
{
	return slot->npages && !(slot->flags & KVM_MEM_READONLY) &&
	       !compat_slot_has_gmem(slot);
}

/* Returns the number of ranges; it is more than @max if they do not fit. */
static unsigned int fill(struct kvm *kvm, struct guest_range *ranges, unsigned int max)
{
	struct kvm_memory_slot *slot;
	unsigned int nr = 0;
	int bkt;

	compat_for_each_memslot(slot, bkt, kvm_memslots(kvm)) {
		if (!is_memory(slot))
			continue;
		if (nr < max)
			ranges[nr] = (struct guest_range) {
				.ipa = gfn_to_gpa(slot->base_gfn),
				.size = (u64)slot->npages << PAGE_SHIFT,
				.hva = slot->userspace_addr,
			};
		nr++;
	}
	return nr;
}

/* Sets @ranges to an allocated array.  Returns its length or an error. */
static int look(struct kvm *kvm, struct guest_range **ranges)
{
	unsigned int max, nr;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	max = fill(kvm, NULL, 0);
	srcu_read_unlock(&kvm->srcu, idx);
	*ranges = kvcalloc(max ?: 1, sizeof(**ranges), GFP_KERNEL);
	if (!*ranges)
		return -ENOMEM;
	idx = srcu_read_lock(&kvm->srcu);
	nr = fill(kvm, *ranges, max);
	srcu_read_unlock(&kvm->srcu, idx);
	if (nr == max)
		return nr;
	/* A slot was set in between. */
	kvfree(*ranges);
	return -ESTALE;
}

/**
 * ranges_look - look at the guest's memory
 * @t: the file; its @ranges is set
 * @kvm: the VM, kept alive by the caller
 *
 * Context: may sleep; @t is locked, or (at the VM's end) vm_hold.lock is held.
 * Return: 0; -ENOMEM; -ESTALE if the slots change at this moment.
 */
int ranges_look(struct transfer *t, struct kvm *kvm)
{
	struct guest_range *ranges;
	int nr = look(kvm, &ranges);

	if (nr < 0)
		return nr;
	kvfree(t->ranges);
	t->ranges = ranges;
	t->nr_ranges = nr;
	return 0;
}

/**
 * ranges_verify - does the guest still have the memory that it had at the last look?
 * @t: the file, locked; it has a reference on the VM (@kvm)
 *
 * Context: may sleep.
 * Return: 0; -ESTALE if it has not; -ENOMEM.
 */
int ranges_verify(struct transfer *t)
{
	struct guest_range *ranges;
	int nr = look(t->kvm, &ranges);
	bool same;

	if (nr < 0)
		return nr;
	same = t->ranges && nr == t->nr_ranges &&
	       !memcmp(ranges, t->ranges, nr * sizeof(*ranges));
	kvfree(ranges);
	return same ? 0 : -ESTALE;
}

/* Returns the range that has all of this memory, or NULL. */
static const struct guest_range *find(const struct transfer *t, u64 ipa, u64 size)
{
	unsigned int i;

	for (i = 0; i < t->nr_ranges; i++) {
		u64 offset = ipa - t->ranges[i].ipa;

		if (ipa >= t->ranges[i].ipa && offset < t->ranges[i].size &&
		    size <= t->ranges[i].size - offset)
			return &t->ranges[i];
	}
	return NULL;
}

/* A VM may have 32764 slots, so this does not walk all of them for each range. */
static bool is_slot(struct kvm *kvm, const struct guest_range *range)
{
	const struct kvm_memory_slot *slot;
	bool found;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	slot = __gfn_to_memslot(kvm_memslots(kvm), gpa_to_gfn(range->ipa));
	found = slot && is_memory(slot) && gfn_to_gpa(slot->base_gfn) == range->ipa &&
		(u64)slot->npages << PAGE_SHIFT == range->size &&
		slot->userspace_addr == range->hva;
	srcu_read_unlock(&kvm->srcu, idx);
	return found;
}

/**
 * ranges_contained - does the guest still have all the memory of the last look?
 * @t: the file
 * @kvm: the VM, kept alive by the caller
 *
 * Context: may sleep.
 * Return: true if it has; it may have more.
 */
bool ranges_contained(const struct transfer *t, struct kvm *kvm)
{
	unsigned int i;

	for (i = 0; i < t->nr_ranges; i++)
		if (!is_slot(kvm, &t->ranges[i]))
			return false;
	return true;
}

/**
 * range_check - find the range of the memory that an ioctl is for
 * @t: the file, locked
 * @ipa: first byte
 * @size: in bytes
 * @range: set to the range
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if it is not in one range, or not whole pages; -ESTALE if the memory
 * slot is another one now.
 */
int range_check(const struct transfer *t, u64 ipa, u64 size, const struct guest_range **range)
{
	if (!size || !PAGE_ALIGNED(ipa) || !PAGE_ALIGNED(size))
		return -EINVAL;
	*range = find(t, ipa, size);
	if (!*range)
		return -EINVAL;
	/* After the VM's end its slots are gone, or do not matter any more. */
	return !t->kvm || is_slot(t->kvm, *range) ? 0 : -ESTALE;
}
