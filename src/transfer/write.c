// SPDX-License-Identifier: GPL-2.0-only
/* KVM_MTE_WRITE: gives a guest's memory tags.  Pages that the caller does not list get tag 0. */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "transfer/pages.h"
#include "vm/backend.h"

/**
 * struct tag_writer - KVM_MTE_WRITE
 * @t: the file
 * @range: the range of @ipa
 * @ipa: next byte of the guest's memory
 * @size: bytes from @ipa on
 * @from: next page of the caller's array
 * @nr: pages that are left in it
 * @next: IPA of *@from; U64_MAX if none is left
 * @b: space to work in
 */
struct tag_writer {
	struct transfer *t;
	const struct guest_range *range;
	u64 ipa;
	u64 size;
	const struct kvm_mte_page __user *from;
	u32 nr;
	u64 next;
	struct batch b;
};

/* Pages of the array must be in the order of IPAs, and in the memory that is written. */
static int peek(struct tag_writer *w, u64 least)
{
	w->next = U64_MAX;
	if (!w->nr)
		return 0;
	if (get_user(w->next, &w->from->ipa))
		return -EFAULT;
	if (w->next < least || w->next - w->ipa >= w->size ||
	    !IS_ALIGNED(w->next, KVM_MTE_PAGE_SIZE))
		return -EINVAL;
	return 0;
}

/* Takes the pages of the array that lie in the base page at @w->ipa. */
static int take_tags(struct tag_writer *w, struct page_tags *tags)
{
	int err = 0;

	memset(tags, 0, sizeof(*tags));
	while (w->next - w->ipa < PAGE_SIZE && !err) {
		if (copy_from_user((u8 *)tags + (w->next - w->ipa) / MTE_GRANULE_SIZE / 2,
				   w->from->tags, sizeof(w->from->tags)))
			return -EFAULT;
		w->from++;
		w->nr--;
		err = peek(w, w->next + KVM_MTE_PAGE_SIZE);
	}
	return err;
}

static unsigned long hva(const struct tag_writer *w)
{
	return w->range->hva + (w->ipa - w->range->ipa);
}

static int write_page(struct tag_writer *w)
{
	return page_write(w->t->mm, hva(w), &w->b.tags);
}

/* Returns the number of pages of the batch before the first that has a tag. */
static unsigned long count_untagged(struct batch *b)
{
	unsigned long i;

	for (i = 0; i < b->nr; i++) {
		vm_backend->read_tags(b->page[i], &b->tags);
		if (any_tag(&b->tags, sizeof(b->tags)))
			break;
	}
	return i;
}

/* Memory up to the next page of the array: tags that are there become zero. */
static int write_zeros(struct tag_writer *w)
{
	u64 size = min(w->size, round_down(w->next - w->ipa, PAGE_SIZE));
	unsigned long untagged;
	int err;

	err = pages_get(&w->b, w->t->mm, hva(w), size);
	if (err)
		return err;
	untagged = count_untagged(&w->b);
	size = w->b.nr ? (u64)untagged << PAGE_SHIFT : w->b.size;
	pages_put(&w->b);
	if (!size) {
		memset(&w->b.tags, 0, sizeof(w->b.tags));
		err = write_page(w);
		size = PAGE_SIZE;
	}
	w->ipa += size;
	w->size -= size;
	return err;
}

static int write_tagged(struct tag_writer *w)
{
	int err = take_tags(w, &w->b.tags) ?: write_page(w);

	if (err)
		return err;
	w->ipa += PAGE_SIZE;
	w->size -= PAGE_SIZE;
	return 0;
}

static int write_range(struct tag_writer *w)
{
	int err = peek(w, w->ipa);

	while (w->size && !err) {
		err = w->next - w->ipa < PAGE_SIZE ? write_tagged(w) : write_zeros(w);
		cond_resched();
	}
	return err;
}

/**
 * memory_write - KVM_MTE_WRITE
 * @t: the file, locked, with a VM that is held
 * @write: the ioctl's argument
 *
 * Context: may sleep; takes the VMM's mmap_lock.
 * Return: 0 or an error: tags_uapi.h.  After an error a part may have been written.
 */
int memory_write(struct transfer *t, const struct kvm_mte_write *write)
{
	struct tag_writer *w;
	int err;

	w = kmalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return -ENOMEM;
	w->t = t;
	w->ipa = write->ipa;
	w->size = write->size;
	w->from = u64_to_user_ptr(write->pages);
	w->nr = write->nr;
	/* Its policy may have fallen back, or an admin has turned it off. */
	err = write->reserved || !vm_has_mte(t->vm) ? -EINVAL :
	      range_check(t, w->ipa, w->size, &w->range);
	if (!err) {
		WRITE_ONCE(t->vm->tags_loaded, true);
		err = write_range(w);
	}
	kfree(w);
	return err;
}
