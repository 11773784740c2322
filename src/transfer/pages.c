// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of a guest's memory, reached through the address space of its VMM.
 *
 * Memory that is swapped out is read in, and its tags come back with it.  Memory that was
 * never used has no tags, and is not populated; the exception is a private mapping of a
 * file, which is populated in spite of FOLL_DUMP.  Memory that is not mapped any more is an
 * error: it may have had tags.
 *
 * Tags are read without mmap_lock.  A reference on the page keeps it from being swapped out,
 * migrated and split, and no vCPU is in the guest.  Tags are written with mmap_lock held:
 * if the VMM forked in between, the page could become that of the child.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/userfaultfd_k.h>

#include "compat.h"
#include "transfer/entry.h"
#include "transfer/pages.h"
#include "vm/backend.h"

/**
 * pages_put - drop the references on the pages of a batch
 * @b: the batch; has no pages then
 *
 * Context: any.
 */
void pages_put(struct batch *b)
{
	while (b->nr)
		put_page(b->page[--b->nr]);
}

/* Returns the number of bytes from @addr to the next higher multiple of @align. */
static u64 up_to(unsigned long addr, unsigned long align)
{
	return ALIGN(addr + 1, align) - addr;
}

/*
 * Shared memory, except hugetlb memory.  Pages that are in memory or in swap may have no
 * PTE, and get_user_pages_remote() would populate memory that was never used.  So ask
 * the file, and not the page table.
 */
static bool is_shared(const struct vm_area_struct *vma)
{
	return vma->vm_file && vma->vm_flags & VM_SHARED &&
	       !is_vm_hugetlb_page((struct vm_area_struct *)vma);
}

/*
 * How many pages of shared memory, from @addr on, are used?  At most @nr.  If it is none,
 * @unused is set to the number of pages, at most @max, that are not used.
 */
static unsigned long used_pages(struct vm_area_struct *vma, unsigned long addr,
				unsigned long nr, unsigned long max, unsigned long *unused)
{
	struct xarray *pages = &vma->vm_file->f_mapping->i_pages;
	unsigned long first = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	unsigned long index = first, used = 0;

	if (!xa_find(pages, &index, first + max - 1, XA_PRESENT))
		index = first + max;
	*unused = index > first ? index - first : 0;
	if (!*unused)
		while (used < nr && xa_load(pages, first + used))
			used++;
	return used;
}

/* Does KVM map this memory without tags?  It does so for device memory only. */
static bool is_device(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_PFNMAP;
}

/* Hugetlb memory passes, because some of its pages may hold tags: write_tags() checks each page. */
static bool can_hold_tags(struct vm_area_struct *vma, unsigned long addr, u64 size)
{
	return is_vm_hugetlb_page(vma) ||
	       vm_backend->vma_can_hold_tags(vma, addr, addr + size);
}

/* Finds the mapping of @addr; *size becomes at most the rest of it. */
static struct vm_area_struct *find_mapping(struct mm_struct *mm, unsigned long addr, u64 *size)
{
	struct vm_area_struct *vma;

	/* The OOM killer frees the memory of a process although it is still referenced. */
	if (check_stable_address_space(mm))
		return ERR_PTR(-EIO);
	vma = find_vma(mm, addr);
	if (!vma || vma->vm_start > addr)
		return ERR_PTR(-EFAULT);
	*size = min_t(u64, *size, vma->vm_end - addr);
	if (is_device(vma))
		return vma;
	if (!can_hold_tags(vma, addr, *size))
		return ERR_PTR(-EFAULT);
	/* get_user_pages_remote() would make a fault that no guest has caused. */
	return userfaultfd_armed(vma) ? ERR_PTR(-EBUSY) : vma;
}

/*
 * The zero page?  Its tags need not be read.  If the entry is the same before and after the
 * look-up, it maps the huge zero page and nothing else: a huge page that was split, and unmapped
 * in part, does not get its entry back.
 */
static void skip_zero_page(struct batch *b, struct vm_area_struct *vma, unsigned long addr,
			   const struct entry *before, u64 size)
{
	struct entry after;

	if (!vma_is_anonymous(vma) || PageAnon(b->page[0]))
		return;
	after = entry_find(vma->vm_mm, addr);
	pages_put(b);
	b->size = pmd_val(before->val) == pmd_val(after.val) ? size : PAGE_SIZE;
}

/* Does the file of a private mapping have this page, in memory or in swap? */
static bool file_has(struct vm_area_struct *vma, unsigned long addr)
{
	return vma->vm_file && !is_vm_hugetlb_page(vma) &&
	       xa_load(&vma->vm_file->f_mapping->i_pages, linear_page_index(vma, addr));
}

/*
 * get_user_pages_remote() has failed.  May the memory count as never used?  Not if it was
 * used and cannot be read from swap or from the file: its tags are unknown.
 */
static int explain(struct vm_area_struct *vma, unsigned long addr, bool huge, long err)
{
	/* The page is lost, and so is its content. */
	if (err == -EHWPOISON)
		return 0;
	if (huge || err != -EFAULT)
		return err ?: -EFAULT;
	return is_shared(vma) || entry_in_swap(vma, addr) || file_has(vma, addr) ? -EIO : 0;
}

/*
 * With FOLL_DUMP, memory that was never used gives -EFAULT, and so does the zero page.  A huge
 * page that is being migrated would give it too.  So FOLL_DUMP is left out if there is an entry
 * of a huge page.  Memory that gets its entry only after that was not used before, and so has
 * no tags.
 */
static int look_up(struct batch *b, struct vm_area_struct *vma, unsigned long addr, u64 size,
		   unsigned long max)
{
	struct entry e = { .size = PAGE_SIZE };
	unsigned int flags = FOLL_FORCE | FOLL_GET | FOLL_HWPOISON;
	bool huge;
	u64 rest;
	long nr;
	int err;

	if (!entries_may_be_shared(vma))
		e = entry_find(vma->vm_mm, addr);
	huge = !pmd_none(e.val) && !entry_is_table(&e);
	rest = min_t(u64, size, up_to(addr, e.size));
	if (pmd_none(e.val) && vma_is_anonymous(vma)) {
		b->size = rest;
		return 0;
	}
	if (huge)
		max = min_t(u64, max, rest >> PAGE_SHIFT);
	else
		flags |= FOLL_DUMP;
	/* Does not drop mmap_lock, so what was checked stays true. */
	nr = compat_get_user_pages(vma->vm_mm, addr, max, flags, b->page);
	if (nr > 0) {
		b->nr = nr;
		b->size = (u64)nr << PAGE_SHIFT;
		if (huge)
			skip_zero_page(b, vma, addr, &e, rest);
		return 0;
	}
	err = explain(vma, addr, huge, nr);
	if (!err)
		b->size = min_t(u64, size, up_to(addr, vma_kernel_pagesize(vma)));
	return err;
}

static int get_pages(struct batch *b, struct vm_area_struct *vma, unsigned long addr,
		     u64 size)
{
	unsigned long max = min_t(u64, size >> PAGE_SHIFT, BATCH), unused;

	if (is_shared(vma)) {
		max = used_pages(vma, addr, max, size >> PAGE_SHIFT, &unused);
		b->size = (u64)unused << PAGE_SHIFT;
		if (!max)
			return 0;
	}
	return look_up(b, vma, addr, size, max);
}

static int get_locked(struct batch *b, struct mm_struct *mm, unsigned long addr, u64 size)
{
	struct vm_area_struct *vma = find_mapping(mm, addr, &size);
	int err;

	if (IS_ERR(vma))
		return PTR_ERR(vma);
	b->size = size;
	err = is_device(vma) ? 0 : get_pages(b, vma, addr, size);
	/*
	 * The OOM killer holds mmap_lock for reading too.  It sets MMF_UNSTABLE before it
	 * frees the first page, so pages that were freed meanwhile do not count as never used.
	 */
	if (!err && check_stable_address_space(mm)) {
		pages_put(b);
		err = -EIO;
	}
	return err;
}

/* Killable: the VMM decides how long its mmap_lock is held. */
static int lock(struct mm_struct *mm)
{
	return fatal_signal_pending(current) || mmap_read_lock_killable(mm) ? -EINTR : 0;
}

/**
 * pages_get - get pages of a guest's memory, to read their tags
 * @b: filled; pages_put() drops the references; has no pages after an error
 * @mm: the VMM's address space, with a reference on its memory (mm_users)
 * @addr: the address of the first page in it
 * @size: at most so many bytes, at least a page
 *
 * Context: may sleep; takes mmap_lock.
 * Return: 0; -EBUSY, -EIO, -EFAULT, -EINTR: tags_uapi.h; -ENOMEM.
 */
int pages_get(struct batch *b, struct mm_struct *mm, unsigned long addr, u64 size)
{
	int err = lock(mm);

	b->nr = 0;
	if (err)
		return err;
	err = get_locked(b, mm, addr, size);
	mmap_read_unlock(mm);
	return err;
}

/* Also marks the page dirty: a copy of it in swap has the old tags, and must not be used. */
static int write_locked(struct mm_struct *mm, unsigned long addr,
			const struct page_tags *tags)
{
	u64 size = PAGE_SIZE;
	struct vm_area_struct *vma = find_mapping(mm, addr, &size);
	struct page *page;
	long nr;
	int err;

	if (IS_ERR(vma))
		return PTR_ERR(vma);
	if (is_device(vma))
		return -EFAULT;
	nr = compat_get_user_pages(mm, addr, 1, FOLL_WRITE | FOLL_GET, &page);
	if (nr != 1)
		return nr ?: -EFAULT;
	err = vm_backend->write_tags(page, tags);
	set_page_dirty_lock(page);
	put_page(page);
	return err;
}

/**
 * page_write - give a page of a guest's memory new tags
 * @mm: the VMM's address space, with a reference on its memory (mm_users)
 * @addr: the page's address in it; the page is populated; if it is shared copy-on-write,
 *	it is copied
 * @tags: the tags
 *
 * Context: may sleep; takes mmap_lock.
 * Return: 0; -EBUSY, -EIO, -EFAULT, -EINTR: tags_uapi.h; -ENOMEM.
 */
int page_write(struct mm_struct *mm, unsigned long addr, const struct page_tags *tags)
{
	int err = lock(mm);

	if (err)
		return err;
	err = write_locked(mm, addr, tags);
	mmap_read_unlock(mm);
	return err;
}
