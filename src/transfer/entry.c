// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entries of a VMM's page tables.  This reads them only where get_user_pages_remote() does
 * not say enough: is the memory never used, huge, or in swap?
 */
#include <linux/hugetlb.h>
#include <linux/irqflags.h>
#include <linux/mm.h>

#include "compat.h"
#include "transfer/entry.h"

/* While an entry becomes a migration entry, it is none for a moment.  Its lock is held then. */
static pud_t read_pud_locked(struct mm_struct *mm, pud_t *pud)
{
	spinlock_t *ptl = pud_lock(mm, pud);
	pud_t val = READ_ONCE(*pud);

	spin_unlock(ptl);
	return val;
}

static pmd_t read_pmd_locked(struct mm_struct *mm, pmd_t *pmd)
{
	spinlock_t *ptl = pmd_lock(mm, pmd);
	pmd_t val = READ_ONCE(*pmd);

	spin_unlock(ptl);
	return val;
}

static pmd_t read_pmd(struct mm_struct *mm, pmd_t *pmd)
{
	pmd_t val = READ_ONCE(*pmd);

	return pmd_none(val) ? read_pmd_locked(mm, pmd) : val;
}

/**
 * entries_may_be_shared - may several processes share the page tables of this mapping?
 * @vma: the mapping
 *
 * Such tables of hugetlb memory are freed without this process's mmap_lock.  So they are not
 * looked at: there, get_user_pages_remote() asks the file whether memory was used, and the
 * file keeps its pages while they are migrated.
 *
 * Context: mmap_lock held.
 * Return: true if they may.
 */
bool entries_may_be_shared(struct vm_area_struct *vma)
{
	return is_vm_hugetlb_page(vma) && vma->vm_flags & VM_MAYSHARE;
}

/* @lock: if an entry is none, read it again under its lock */
static struct entry walk(struct mm_struct *mm, unsigned long addr, bool lock)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud, val;
	pmd_t *pmd;

	if (pgd_none(READ_ONCE(*pgd)))
		return (struct entry){ .size = PGDIR_SIZE };
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(READ_ONCE(*p4d)))
		return (struct entry){ .size = P4D_SIZE };
	pud = pud_offset(p4d, addr);
	val = READ_ONCE(*pud);
	if (pud_none(val) && lock)
		val = read_pud_locked(mm, pud);
	if (pud_none(val) || !pud_present(val) || pud_leaf(val))
		return (struct entry){ .val = __pmd(pud_val(val)), .size = PUD_SIZE };
	pmd = pmd_offset(pud, addr);
	return (struct entry){
		.val = lock ? read_pmd(mm, pmd) : READ_ONCE(*pmd), .size = PMD_SIZE,
	};
}

/**
 * entry_find - read an entry
 * @mm: the VMM's address space
 * @addr: the address in it; its tables are not shared
 *
 * Context: mmap_lock held, so tables down to those of PMDs are freed only with the mapping.
 * Takes the entry's lock.
 * Return: the entry of the PMD, or of a higher level if that has no table.
 */
struct entry entry_find(struct mm_struct *mm, unsigned long addr)
{
	return walk(mm, addr, true);
}

/**
 * entry_is_table - does the entry point to a table of PTEs?
 * @e: the entry
 *
 * Context: any.
 * Return: false also for a huge page that is being migrated.
 */
bool entry_is_table(const struct entry *e)
{
	return pmd_present(e->val) && !pmd_leaf(e->val);
}

/**
 * entry_in_swap - is the page at an address in swap?
 * @vma: the mapping
 * @addr: the address in it
 *
 * An entry that is none while it becomes a migration entry does not matter: a page in swap has
 * a table of PTEs.
 *
 * Context: mmap_lock held.  A table of PTEs may be freed without it, but not while interrupts
 * are off (mm/gup.c).
 * Return: true if it is.
 */
bool entry_in_swap(struct vm_area_struct *vma, unsigned long addr)
{
	struct entry e;
	unsigned long flags;
	bool yes;

	if (is_vm_hugetlb_page(vma))
		return false;
	local_irq_save(flags);
	e = walk(vma->vm_mm, addr, false);
	yes = entry_is_table(&e) && compat_pte_in_swap(READ_ONCE(*pte_offset_kernel(&e.val, addr)));
	local_irq_restore(flags);
	return yes;
}
