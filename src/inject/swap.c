// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restores tags from swap.
 *
 * Swapping out saves the tags of every page with PG_mte_tagged (mte_save_tags()).
 * Swapping in restores them only where the VMM's mapping is PROT_MTE, and guest memory
 * is not.  Such a page would come back without PG_mte_tagged, and its tags would be
 * cleared when it is next mapped to the guest.  So tags are restored here, when
 * do_swap_page() or unuse_pte() is about to map a page.  It does not matter how the page
 * came from swap: through the swap cache or not, by read-ahead or swapoff, or without a
 * read (zswap's write-back).  shmem restores tags itself.
 *
 * fork() gives a VMM's memory, and its entries of swap, to a child.  So the pages of any
 * process may be those of a guest.
 */
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "calls.h"
#include "hook/hook.h"
#include "repair/tags.h"
#include "trace.h"
#include "vm/vm.h"

/**
 * tags_restore - restore tags that were saved for a swap entry
 * @page: the page, without PG_mte_tagged; no guest can see it yet
 * @entry: the entry, or any other non-present PTE as an entry; the caller keeps it
 *	from being freed
 *
 * Context: any.
 * Return: false if no tags were saved; the page has not changed then.
 */
bool tags_restore(struct page *page, swp_entry_t entry)
{
	if (!entry.val || non_swap_entry(entry) ||
	    !kfn.restore_tags(entry, page))
		return false;
	/* Tags before PG_mte_tagged, as in page.c:init_page(). */
	smp_wmb();
	set_bit(PG_mte_tagged, &page->flags);
	return true;
}

/*
 * The page is locked, the swap cache holds its entry, and page_private() is the entry.
 * If PG_mte_tagged is set, the page never left memory, and its tags may be newer than
 * the saved ones.
 *
 * Returns whether tags were restored.
 */
static bool restore_cached(struct page *page)
{
	swp_entry_t entry = { .val = page_private(page) };

	return !test_bit(PG_mte_tagged, &page->flags) && tags_restore(page, entry);
}

/* mmap_lock held.  Returns NULL if there is no page table (PTEs). */
static pmd_t *find_pmd(struct mm_struct *mm, unsigned long address)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, address);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, address);
	if (pud_none(*pud) || pud_bad(*pud))
		return NULL;
	pmd = pmd_offset(pud, address);
	return pmd_none(*pmd) || pmd_bad(*pmd) ? NULL : pmd;
}

/*
 * Reads from fast swap devices (zram) bypass the swap cache.  Two threads may read one
 * page, and the first frees the entry.  So the entry is looked up in the page table, and
 * the table's lock keeps it from being freed.  The second thread finds another page
 * there, and its own page is freed.
 *
 * Returns whether tags were restored; -EAGAIN if the lock is not free and the caller must not
 * wait.
 */
static int restore_uncached(struct page *page, struct vm_area_struct *vma,
			    unsigned long address, bool wait)
{
	pmd_t *pmd = find_pmd(vma->vm_mm, address);
	spinlock_t *lock;	/* of that page table */
	int restored = false;
	pte_t *pte;

	if (!pmd)
		return false;
	lock = pte_lockptr(vma->vm_mm, pmd);
	if (wait)
		spin_lock(lock);
	else if (!spin_trylock(lock))
		return -EAGAIN;
	pte = pte_offset_map(pmd, address);
	if (is_swap_pte(*pte))
		restored = tags_restore(page, pte_to_swp_entry(*pte));
	pte_unmap_unlock(pte, lock);
	return restored;
}

/* Preemption is off, or turned off here: registry_find_by_mm(). */
static void count_restored(struct vm_area_struct *vma, unsigned long address)
{
	struct mte_vm *vm;

	preempt_disable();
	vm = registry_find_by_mm(vma->vm_mm);
	if (vm) {
		atomic64_inc(&vm->tags_restored);
		trace_kvm_mte_restore_tags(vm, address);
	}
	preempt_enable();
}

static bool is_tagged(const struct page *page)
{
	return test_bit(PG_mte_tagged, &page->flags);
}

/*
 * Restores a page's tags.  Returns false if this needs a lock that is not free and @wait is
 * false.
 */
static __always_inline bool restore(struct page *page, struct vm_area_struct *vma,
				    unsigned long address, bool wait)
{
	int restored = false;

	/* A page that has another mapping never left memory. */
	if (PageSwapCache(page))
		restored = restore_cached(page);
	else if (!is_tagged(page) && !page_mapcount(page))
		restored = restore_uncached(page, vma, address, wait);
	if (restored > 0)
		count_restored(vma, address);
	return restored >= 0;
}

/* fork() never gives a child the root of a tree of anon_vmas: rmap.c:anon_vma_clone(). */
static bool is_inherited(const struct vm_area_struct *vma)
{
	return vma->anon_vma && vma->anon_vma->root != vma->anon_vma;
}

/*
 * KVM registers an MMU notifier for a VM's address space.  mm_has_notifiers() is true from
 * then on, until the address space is gone.  A page of another process is a guest's only if
 * the process has inherited the memory, or if the page is in the swap cache, from where the
 * VMM may take it too.  The caller of the hooked function holds mmap_lock.
 */
static bool may_be_of_guest(const struct page *page, const struct vm_area_struct *vma)
{
	return atomic_read(&vms_active) &&
	       (mm_has_notifiers(vma->vm_mm) || PageSwapCache((struct page *)page) ||
		is_inherited(vma));
}

/*
 * Restores the tags here, because the call of a wrapper costs more.  With PREEMPT_RT a
 * spinlock is a lock that sleeps, which must not be taken here.
 */
static notrace bool must_wait(const u64 *x)
{
	struct page *page = (struct page *)x[0];
	struct vm_area_struct *vma = (struct vm_area_struct *)x[1];
	unsigned long address = x[2];

	if (!may_be_of_guest(page, vma))
		return false;
	return IS_ENABLED(CONFIG_PREEMPT_RT) || !restore(page, vma, address, false);
}

/* Called by do_swap_page() and unuse_pte() for every page they map. */
HOOK_WRAP_IF(ksm_might_need_to_copy, must_wait, struct page *,
	     (struct page *page, struct vm_area_struct *vma, unsigned long address),
	     (page, vma, address))
{
	restore(page, vma, address, true);
	return original(ksm_might_need_to_copy)(page, vma, address);
}
