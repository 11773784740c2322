// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_ARM_MTE_COPY_TAGS: how a VMM saves, restores and migrates a guest's tags.
 *
 * Documentation/virt/kvm/api.rst 4.130; arch/arm64/kvm/guest.c upstream.  This has the
 * later fixes of upstream too.  It copies no tags to the guest while a slot is logged,
 * because the log would not record them.  If only a part of a page's tags can be read,
 * the page gets cleared tags, and does not keep those of an earlier owner.
 */
#include <linux/kernel.h>
#include <linux/kvm_host.h>
#include <linux/memory_hotplug.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/mte.h>

#include "calls.h"
#include "hook/hook.h"
#include "kvm_private.h"
#include "repair/tags.h"
#include "vm/vm.h"

/* Size of a page's tags in the VMM's buffer: one byte each. */
#define TAGS_PER_PAGE	(PAGE_SIZE / MTE_GRANULE_SIZE)

static int check_args(const struct kvm_arm_copy_mte_tags *copy)
{
	if (copy->reserved[0] || copy->reserved[1] ||
	    copy->flags & ~KVM_ARM_TAGS_FROM_GUEST ||
	    !PAGE_ALIGNED(copy->guest_ipa) || !PAGE_ALIGNED(copy->length) ||
	    copy->length > INT_MAX)
		return -EINVAL;
	return 0;
}

/**
 * struct tag_buffer - a page's tags while they are copied
 * @tags: in the format of tags_read() and tags_write()
 * @bytes: in the format of the VMM's buffer, eight tags in a word
 *
 * Too large for the stack: 6,144 bytes with pages of 64 KiB.
 */
struct tag_buffer {
	struct page_tags tags;
	__le64 bytes[TAGS_PER_PAGE / sizeof(__le64)];
};

/* Puts each of eight tags, of 4 bits, into a byte: in three steps, all tags at once. */
static __le64 tags_to_bytes(u32 tags)
{
	u64 v = tags;

	v = (v | v << 16) & 0x0000ffff0000ffffULL;
	v = (v | v << 8) & 0x00ff00ff00ff00ffULL;
	v = (v | v << 4) & 0x0f0f0f0f0f0f0f0fULL;
	return cpu_to_le64(v);
}

/* The reverse.  The upper bits of each byte are ignored, as STG does. */
static u32 tags_from_bytes(__le64 bytes)
{
	u64 v = le64_to_cpu(bytes) & 0x0f0f0f0f0f0f0f0fULL;

	v = (v | v >> 4) & 0x00ff00ff00ff00ffULL;
	v = (v | v >> 8) & 0x0000ffff0000ffffULL;
	return v | v >> 16;
}

static int from_page(struct page *page, u8 __user *to, struct tag_buffer *buf)
{
	unsigned int i;

	tags_read(page, &buf->tags);
	for (i = 0; i < ARRAY_SIZE(buf->tags.word); i++) {
		buf->bytes[2 * i] = tags_to_bytes(lower_32_bits(buf->tags.word[i]));
		buf->bytes[2 * i + 1] = tags_to_bytes(upper_32_bits(buf->tags.word[i]));
	}
	return copy_to_user(to, buf->bytes, sizeof(buf->bytes)) ? -EFAULT : 0;
}

static int to_page(struct page *page, const u8 __user *from,
		   struct tag_buffer *buf)
{
	unsigned int i;
	int err = 0;

	if (!page_can_hold_tags(page))
		return -EFAULT;
	if (copy_from_user(buf->bytes, from, sizeof(buf->bytes))) {
		memset(buf->bytes, 0, sizeof(buf->bytes));
		err = -EFAULT;
	}
	for (i = 0; i < ARRAY_SIZE(buf->tags.word); i++)
		buf->tags.word[i] = tags_from_bytes(buf->bytes[2 * i]) |
				    (u64)tags_from_bytes(buf->bytes[2 * i + 1]) << 32;
	tags_write(page, &buf->tags);
	return err;
}

static int copy_one(struct kvm *kvm, gfn_t gfn, u8 __user *addr, bool to_guest,
		    struct tag_buffer *buf)
{
	kvm_pfn_t pfn = gfn_to_pfn_prot(kvm, gfn, to_guest, NULL);
	struct page *page;
	int err;

	if (is_error_noslot_pfn(pfn))
		return -EFAULT;
	page = pfn_to_online_page(pfn);
	if (!page)
		err = -EFAULT;
	else if (to_guest)
		err = to_page(page, addr, buf);
	else
		err = from_page(page, addr, buf);
	/* After an error of to_page() the page may have changed too: its tags were cleared. */
	if (to_guest)
		kvm_release_pfn_dirty(pfn);
	else
		kvm_release_pfn_clean(pfn);
	return err;
}

static bool is_logged(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int bkt;

	compat_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
			return true;
	return false;
}

/* Returns the bytes of guest memory that were copied, or an error if there are none. */
static long copy_range(struct kvm *kvm, const struct kvm_arm_copy_mte_tags *copy,
		       struct tag_buffer *buf)
{
	bool to_guest = !(copy->flags & KVM_ARM_TAGS_FROM_GUEST);
	u8 __user *addr = copy->addr;
	u64 done;
	int err;

	lockdep_assert_held(&kvm->slots_lock);
	if (to_guest && is_logged(kvm))
		return -EBUSY;
	for (done = 0; done < copy->length; done += PAGE_SIZE) {
		err = fatal_signal_pending(current) ? -EINTR :
		      copy_one(kvm, gpa_to_gfn(copy->guest_ipa + done), addr,
				to_guest, buf);
		if (err)
			return done ?: err;
		addr += TAGS_PER_PAGE;
		cond_resched();
	}
	return done;
}

static long copy_tags(struct kvm *kvm, const void __user *arg)
{
	struct kvm_arm_copy_mte_tags copy;
	struct tag_buffer *buf;
	long ret;

	if (copy_from_user(&copy, arg, sizeof(copy)))
		return -EFAULT;
	ret = check_args(&copy);
	if (ret)
		return ret;
	buf = kmalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&kvm->slots_lock);
	ret = copy_range(kvm, &copy, buf);
	mutex_unlock(&kvm->slots_lock);
	kfree(buf);
	return ret;
}

/* An ioctl on the VM's file; current is its VMM. */
static notrace bool copies_tags(const u64 *x)
{
	const struct file *filp = (const struct file *)x[0];

	return (unsigned int)x[1] == KVM_ARM_MTE_COPY_TAGS &&
	       kvm_mte_enabled(filp->private_data);
}

HOOK_WRAP_WAITS(kvm_arch_vm_ioctl, copies_tags, long,
		(struct file *filp, unsigned int ioctl, unsigned long arg),
		(filp, ioctl, arg))
{
	struct kvm *kvm = filp->private_data;

	if (!kvm_mte_enabled(kvm))
		return original(kvm_arch_vm_ioctl)(filp, ioctl, arg);
	return copy_tags(kvm, (const void __user *)arg);
}
