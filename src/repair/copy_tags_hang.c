// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_ARM_MTE_COPY_TAGS sleeps with a page's tag lock held (6.2 and later).
 *
 * If a page's tags have not been initialised, the ioctl takes PG_mte_lock, reads the
 * VMM's buffer, and sets PG_mte_tagged.  The read may fault, and sleep for as long as
 * userfaultfd or FUSE likes.  A vCPU that faults on the page meanwhile spins on the lock
 * under mmu_lock.
 *
 * So this clears the tags and sets PG_mte_tagged when the ioctl gets its reference on the
 * page.  From then on neither the ioctl nor a vCPU takes the lock or waits for it.  Of a
 * hugetlb page with one flag all tags are cleared (hugetlb_partial).
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>

#include "hook/hook.h"
#include "kvm_private.h"
#include "repair/page_tags.h"

/* The caller holds a reference on @page.  Device memory has no tags: KVM refuses it later. */
static void init_before_copy(struct page *page)
{
	unsigned long pfn = page ? page_to_pfn(page) : 0;

	if (page && pfn_to_online_page(pfn) && pfn_is_map_memory(pfn) &&
	    !page_tags_in_use(page))
		page_tags_init(page, 1);
}

static notrace bool writes_to_mte_vm(const u64 *x)
{
	/* The caller of a function leaves the upper bits of a bool undefined (AAPCS64). */
	return (u8)x[2] && kvm_has_mte((struct kvm *)x[0]);
}

/* Process context, slots_lock held. */
COMPAT_WRAP_COPY_TAGS(writes_to_mte_vm)
{
	compat_copy_tags_page_t page = compat_original_copy_tags();

	init_before_copy(compat_copy_tags_page(page));
	return page;
}
