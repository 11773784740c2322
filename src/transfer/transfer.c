// SPDX-License-Identifier: GPL-2.0-only
/* Allocates and frees struct transfer, the state of an open file of /dev/kvm_mte. */
#include <linux/slab.h>

#include "transfer/transfer.h"

/**
 * transfer_alloc - allocate the state of a file that has no VM yet
 *
 * Context: may sleep.
 * Return: the file, with one reference; NULL if there is no memory.
 */
struct transfer *transfer_alloc(void)
{
	struct transfer *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return NULL;
	kref_init(&t->kref);
	mutex_init(&t->lock);
	init_waitqueue_head(&t->queue);
	return t;
}

static void free_transfer(struct kref *kref)
{
	struct transfer *t = container_of(kref, struct transfer, kref);

	kvfree(t->ranges);
	kfree(t);
}

/**
 * transfer_put - drop a reference on the state of a file
 * @t: the file; may be freed when this returns
 *
 * Context: any in which memory may be freed.
 */
void transfer_put(struct transfer *t)
{
	kref_put(&t->kref, free_transfer);
}
