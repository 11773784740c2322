/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/kvm_mte: the tags of a VM's memory, read and written from outside its VMM. */
#ifndef _KVM_MTE_TRANSFER_H
#define _KVM_MTE_TRANSFER_H

#include <linux/kref.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "tags_uapi.h"
#include "vm/vm.h"

/**
 * struct guest_range - a memory slot that the guest can write to
 * @ipa: first byte
 * @size: in bytes
 * @hva: its address in the VMM
 */
struct guest_range {
	u64 ipa;
	u64 size;
	unsigned long hva;
};

/**
 * struct transfer - an open file of /dev/kvm_mte
 * @kref: one of the file, one of transfer_vm_ends(), which may wait for the file
 * @lock: one ioctl at a time
 * @mode: what the file does; 0 before KVM_MTE_OPEN
 * @vm: the module's struct of the VM; holds a reference
 * @kvm: the VM; holds a reference.  KVM_MTE_SAVE: always.  Loads: during an ioctl only.
 *	KVM_MTE_SAVE_AT_END: never.
 * @mm: the VMM's address space; holds a reference on its memory (mm_users)
 * @ranges: the guest's memory, as ranges_look() saw it last
 * @nr_ranges: length of @ranges
 * @ended: KVM_MTE_SAVE_AT_END: the VM or its process has ended.  Set under vm_hold.lock.
 *	After that @ranges does not change any more.
 * @end_err: valid if @ended: 0, or why the tags cannot be read
 * @node: in the list of files that have a VM
 * @look: looks whether the process has ended
 * @closed: the file has been closed
 * @queue: for poll(), and for @closed
 */
struct transfer {
	struct kref kref;
	struct mutex lock;		/* one ioctl at a time */
	u32 mode;
	struct mte_vm *vm;
	struct kvm *kvm;
	struct mm_struct *mm;
	struct guest_range *ranges;
	unsigned int nr_ranges;
	bool ended;
	int end_err;
	struct list_head node;
	struct delayed_work look;
	bool closed;
	wait_queue_head_t queue;
};

/* device.c */
int transfer_init(void);
void transfer_exit(void);

static inline bool transfer_is_load(const struct transfer *t)
{
	return t->mode == KVM_MTE_LOAD || t->mode == KVM_MTE_LOAD_INCOMING;
}

/* transfer.c */
struct transfer *transfer_alloc(void);
void transfer_put(struct transfer *t);

/* session.c */
int transfer_open(struct transfer *t, const struct kvm_mte_open *how);
void transfer_close(struct transfer *t);
int transfer_begin(struct transfer *t);
void transfer_finish(struct transfer *t);
int transfer_release_vm(struct transfer *t);

/* at_end.c */
void at_end_watch(struct transfer *t);
void at_end_unwatch(struct transfer *t);
bool transfer_has_ended(struct transfer *t);
void transfer_vm_ends(struct mte_vm *vm);

/* ranges.c */
int ranges_look(struct transfer *t, struct kvm *kvm);
int ranges_verify(struct transfer *t);
bool ranges_contained(const struct transfer *t, struct kvm *kvm);
int range_check(const struct transfer *t, u64 ipa, u64 size, const struct guest_range **range);

/* read.c */
int memory_read(struct transfer *t, struct kvm_mte_read *read);

/* write.c */
int memory_write(struct transfer *t, const struct kvm_mte_write *write);

#endif /* _KVM_MTE_TRANSFER_H */
