/* SPDX-License-Identifier: GPL-2.0-only */
/* The standard interface to guest MTE, and the host's policy of who may use it */
#ifndef UAPI_H
#define UAPI_H

#include "kvm.h"
#include "mem.h"

#define TAG_GRANULE	16UL
#define TAGS_PER_PAGE	(HOST_PAGE / TAG_GRANULE)

int cap_enable(int fd, u32 cap, u32 flags);
int tags_ioctl(int fd, struct kvm_arm_copy_mte_tags *c);
int tags_copy(struct vm *vm, u64 ipa, void *buf, u64 length, u64 flags);
int tags_get(struct vm *vm, u64 ipa, void *buf, u64 length);
int tags_put(struct vm *vm, u64 ipa, void *buf, u64 length);
void tags_make(unsigned char *buf, u64 ipa, u64 length, u64 seed);
long tags_differ(const unsigned char *buf, u64 ipa, u64 length, u64 seed);
long tags_nonzero(const unsigned char *buf, u64 length);

const char *policy_default(void);
void policy_set_default(const char *word);
void policy_set_migration(const char *word);

#endif
