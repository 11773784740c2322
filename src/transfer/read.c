// SPDX-License-Identifier: GPL-2.0-only
/* KVM_MTE_READ: the tags of a guest's memory, without pages whose tags are all zero. */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "transfer/pages.h"
#include "vm/backend.h"

/* Pages of the interface in a base page. */
#define PARTS		(PAGE_SIZE / KVM_MTE_PAGE_SIZE)

/*
 * How many times one call looks up pages.  Memory that was never used may take a round
 * for each page.
 */
#define MAX_ROUNDS	65536

static int put_record(struct kvm_mte_read *read, u64 ipa, const u8 *tags)
{
	struct kvm_mte_page __user *to = u64_to_user_ptr(read->pages);

	to += read->nr;
	if (put_user(ipa, &to->ipa) || copy_to_user(to->tags, tags, sizeof(to->tags)))
		return -EFAULT;
	read->nr++;
	return 0;
}

static int read_page(struct kvm_mte_read *read, struct page *page, struct page_tags *tags)
{
	const u8 *part = (const u8 *)tags;
	unsigned int i;
	int err = 0;

	vm_backend->read_tags(page, tags);
	for (i = 0; i < PARTS && !err; i++, part += KVM_MTE_PAGE_TAGS)
		if (any_tag(part, KVM_MTE_PAGE_TAGS))
			err = put_record(read, read->ipa + i * KVM_MTE_PAGE_SIZE, part);
	return err;
}

static void advance(struct kvm_mte_read *read, u64 size)
{
	read->ipa += size;
	read->size -= size;
}

static int read_batch(struct kvm_mte_read *read, struct batch *b)
{
	unsigned long i;
	int err = 0;

	if (!b->nr)
		advance(read, b->size);
	for (i = 0; i < b->nr && read->nr + PARTS <= read->max; i++) {
		err = read_page(read, b->page[i], &b->tags);
		if (err)
			break;
		advance(read, PAGE_SIZE);
	}
	pages_put(b);
	return err;
}

static int read_range(struct transfer *t, struct kvm_mte_read *read,
		      const struct guest_range *range, struct batch *b)
{
	unsigned int rounds = MAX_ROUNDS;
	int err = 0;

	while (read->size && read->nr + PARTS <= read->max && !err && rounds--) {
		err = pages_get(b, t->mm, range->hva + (read->ipa - range->ipa), read->size);
		if (!err)
			err = read_batch(read, b);
		cond_resched();
	}
	return err;
}

/**
 * memory_read - KVM_MTE_READ
 * @t: the file, locked, with a VM
 * @read: the ioctl's argument
 *
 * Context: may sleep; takes the VMM's mmap_lock.
 * Return: 0 or an error: tags_uapi.h.
 */
int memory_read(struct transfer *t, struct kvm_mte_read *read)
{
	const struct guest_range *range;
	struct batch *b;
	int err;

	read->nr = 0;
	if (read->max < PARTS)
		return -EINVAL;
	err = range_check(t, read->ipa, read->size, &range);
	if (err)
		return err;
	b = kmalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return -ENOMEM;
	err = read_range(t, read, range, b);
	kfree(b);
	return err;
}
