/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between VMMs and guest MTE, with the numbers and the layout of
 * mainline 5.14 (include/uapi/linux/kvm.h, arch/arm64/include/uapi/asm/kvm.h).
 * compat.h includes it for kernels that do not define it.
 */
#ifndef _KVM_MTE_UAPI_H
#define _KVM_MTE_UAPI_H

#include <linux/kvm.h>
#include <linux/types.h>

#define KVM_CAP_ARM_MTE			205

#define KVM_ARM_TAGS_TO_GUEST		0
#define KVM_ARM_TAGS_FROM_GUEST		1

/**
 * struct kvm_arm_copy_mte_tags - argument of KVM_ARM_MTE_COPY_TAGS
 * @guest_ipa: start in guest memory, in bytes, page aligned
 * @length: length in guest memory, in bytes, page aligned
 * @addr: the VMM's buffer, one byte for each granule of 16 bytes
 * @flags: KVM_ARM_TAGS_TO_GUEST or KVM_ARM_TAGS_FROM_GUEST
 * @reserved: zero
 */
struct kvm_arm_copy_mte_tags {
	__u64 guest_ipa;
	__u64 length;
	void __user *addr;
	__u64 flags;
	__u64 reserved[2];
};

#define KVM_ARM_MTE_COPY_TAGS	_IOR(KVMIO, 0xb4, struct kvm_arm_copy_mte_tags)

#endif /* _KVM_MTE_UAPI_H */
