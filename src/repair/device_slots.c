// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's own guest MTE refuses device memory, such as the BARs of a VFIO device: a slot
 * must be memory that can be PROT_MTE (before 6.2: memory that is not shared).
 *
 * There is no reason to refuse it.  KVM maps it as device (on 6.12 and 7.2 some of it as
 * non-cacheable), and does not look for its tags: user_mem_abort(), on 7.2
 * kvm_s2_fault_map().  The guest has no tags there, as on a real machine.  A driver may
 * also map RAM.  range_is_device() finds this RAM if it is mapped when the slot is set.
 * Otherwise KVM refuses it when the guest touches it.
 *
 * KVM's check is in the same function as its other checks of a slot, so this file makes
 * the other checks in its place.  On 7.2 three of them are not needed here.  slot_check() has
 * refused a slot with a guest_memfd, and device memory that is to be cached.  The module does
 * not load if VMs can be protected (native.c:check_host()).
 */
#include <linux/kvm_host.h>

#include <asm/kvm_mmu.h>

#include "compat.h"
#include "repair/repair.h"
#include "vm/vm.h"

/**
 * slot_check_for_kvm - check a slot in KVM's place
 * @kvm: the VM
 * @slot: the slot; its mappings have been checked (slot_check())
 * @parts: the parts of the slot that KVM refuses: SLOT_HAS_*
 *
 * The checks of arch/arm64/kvm/mmu.c:kvm_arch_prepare_memory_region(), without the one
 * that concerns tags, and without those that slot_check() has made.
 *
 * Context: slots_lock held.
 * Return: 0; -EFAULT if the guest cannot address the slot; -EINVAL if the VMM wants
 * writes to device memory to be logged.
 */
int slot_check_for_kvm(struct kvm *kvm, const struct kvm_memory_slot *slot,
		       unsigned int parts)
{
	if (slot->base_gfn + slot->npages > compat_phys_size(kvm) >> PAGE_SHIFT)
		return -EFAULT;
	if (parts & SLOT_HAS_DEVICE && slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		return -EINVAL;
	return 0;
}
