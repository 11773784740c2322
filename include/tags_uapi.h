/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/kvm_mte: reads and writes all tags of a VM's memory, from outside its VMM.
 *
 * One open file works on one VM.  KVM_MTE_OPEN chooses the VM; the other ioctls follow it.
 * Only root (CAP_SYS_ADMIN) may open the device.
 *
 * The format does not depend on the host's page size: a page here has 4 KiB.
 */
#ifndef _KVM_MTE_TAGS_UAPI_H
#define _KVM_MTE_TAGS_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KVM_MTE_DEVICE		"kvm_mte"

#define KVM_MTE_PAGE_SIZE	4096
/* Two tags in a byte; the tag of the lower address in the low four bits. */
#define KVM_MTE_PAGE_TAGS	128

/**
 * enum kvm_mte_mode - what a file is opened for
 * @KVM_MTE_SAVE: read the tags of a VM that is stopped: no vCPU is in KVM_RUN, except
 *	vCPUs that wait because the VM is held.  The VM is held until the file is closed.
 * @KVM_MTE_SAVE_AT_END: read the tags after the VM has been destroyed or its process has
 *	ended.  The file becomes readable (poll) then.  The memory is kept until the file is
 *	closed.
 * @KVM_MTE_LOAD: write the tags of a VM that is held and stopped
 * @KVM_MTE_LOAD_INCOMING: hold a VM whose vCPUs have never been in the guest, and write its
 *	tags.  The VM stays held after the file is closed, unless KVM_MTE_RELEASE was called.
 */
enum kvm_mte_mode {
	KVM_MTE_SAVE = 1,
	KVM_MTE_SAVE_AT_END = 2,
	KVM_MTE_LOAD = 3,
	KVM_MTE_LOAD_INCOMING = 4,
};

/**
 * struct kvm_mte_open - argument of KVM_MTE_OPEN
 * @vm: name of the VM's directory in /sys/kernel/kvm_mte/vms, zero-terminated
 * @mode: enum kvm_mte_mode
 * @reserved: zero
 */
struct kvm_mte_open {
	char vm[56];
	__u32 mode;
	__u32 reserved;
};

/**
 * struct kvm_mte_range - a part of the guest's memory: a memory slot that is not read-only
 * @ipa: its first byte
 * @size: in bytes
 */
struct kvm_mte_range {
	__u64 ipa;
	__u64 size;
};

/**
 * struct kvm_mte_ranges - argument of KVM_MTE_RANGES
 * @ranges: address of an array of struct kvm_mte_range
 * @max: in: its length
 * @nr: out: number of ranges, in no order; if it is more than @max, nothing is written to
 *	the array
 */
struct kvm_mte_ranges {
	__u64 ranges;
	__u32 max;
	__u32 nr;
};

/**
 * struct kvm_mte_page - the tags of 4 KiB of the guest's memory
 * @ipa: first byte
 * @tags: its 256 tags
 */
struct kvm_mte_page {
	__u64 ipa;
	__u8 tags[KVM_MTE_PAGE_TAGS];
};

/**
 * struct kvm_mte_read - argument of KVM_MTE_READ
 * @ipa: in: first byte to read, aligned to the host's page size; out: the first byte that
 *	was not read
 * @size: in: bytes to read, from @ipa on, in one range; out: bytes that are left
 * @pages: address of an array of struct kvm_mte_page, filled in the order of IPAs; pages
 *	whose tags are all zero are left out
 * @max: in: length of the array, at least 16
 * @nr: out: number of pages in it
 */
struct kvm_mte_read {
	__u64 ipa;
	__u64 size;
	__u64 pages;
	__u32 max;
	__u32 nr;
};

/**
 * struct kvm_mte_write - argument of KVM_MTE_WRITE
 * @ipa: first byte of the memory that gets tags, as in struct kvm_mte_read
 * @size: in bytes, in one range
 * @pages: address of an array of struct kvm_mte_page, in the order of IPAs, without
 *	duplicates; the pages of the memory that are not in it get tags of zero
 * @nr: length of the array
 * @reserved: zero
 */
struct kvm_mte_write {
	__u64 ipa;
	__u64 size;
	__u64 pages;
	__u32 nr;
	__u32 reserved;
};

/*
 * open(): EPERM without CAP_SYS_ADMIN.  A process that gets the open file may use it.
 *
 * All: EFAULT, EINVAL for a wrong argument, EINTR, ENOMEM.
 *
 * KVM_MTE_OPEN: ENOENT: there is no such VM.  EINVAL: the VM has no MTE.  EBUSY: another
 * file works on the VM; or a vCPU is in the guest; or a vCPU or the VM is in an ioctl;
 * or (KVM_MTE_LOAD) the VM is not held; or (KVM_MTE_LOAD_INCOMING) a vCPU has been in the guest;
 * or a function that must be hooked has another owner or rewritten text.  ENODEV: the VM is
 * being destroyed.  ESTALE: its memory slots change at this moment (KVM_MTE_SAVE_AT_END).
 * EEXIST: this file has a VM already.
 *
 * Call KVM_MTE_RANGES before the ioctls below: they work on the memory that it has shown.
 *
 * All but KVM_MTE_OPEN: ENOTCONN: before KVM_MTE_OPEN.  EAGAIN: the VM has not ended
 * (KVM_MTE_SAVE_AT_END).  EINVAL: the VM had no MTE at its end (KVM_MTE_SAVE_AT_END).
 * ENODEV: the VM has been destroyed (loads).  ESTALE: the memory slots have changed since
 * KVM_MTE_RANGES, or change at this moment; or (KVM_MTE_SAVE_AT_END) memory was removed from
 * the VM before its end, or a process other than the VMM destroyed the VM.
 *
 * KVM_MTE_READ, KVM_MTE_WRITE: EBUSY: a userfaultfd is registered for the memory.  EIO: the
 * kernel has freed the memory because it was short of memory, or cannot read it from swap.
 * EFAULT: a part of the memory is not mapped, or cannot hold tags.
 *
 * KVM_MTE_READ may return before it has read all: call it again.
 *
 * KVM_MTE_RELEASE: all tags have been written; the VM is not held any more when the file is
 * closed.
 *
 * KVM_MTE_WRITE, KVM_MTE_RELEASE: EINVAL: the VM has no MTE any more, or the file is open for a
 * save.
 */
#define KVM_MTE_IOC	0xaf
#define KVM_MTE_OPEN	_IOW(KVM_MTE_IOC, 0, struct kvm_mte_open)
#define KVM_MTE_RANGES	_IOWR(KVM_MTE_IOC, 1, struct kvm_mte_ranges)
#define KVM_MTE_READ	_IOWR(KVM_MTE_IOC, 2, struct kvm_mte_read)
#define KVM_MTE_WRITE	_IOW(KVM_MTE_IOC, 3, struct kvm_mte_write)
#define KVM_MTE_RELEASE	_IO(KVM_MTE_IOC, 4)

#endif /* _KVM_MTE_TAGS_UAPI_H */
