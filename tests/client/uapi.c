// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "module.h"
#include "uapi.h"

#define POLICY_DEFAULT	MODULE_DIR "/policy/default"

/**
 * cap_enable() - KVM_ENABLE_CAP
 * @fd: of a VM or a vCPU
 * @cap: the capability
 * @flags: its flags
 *
 * Return: 0 or -errno
 */
int cap_enable(int fd, u32 cap, u32 flags)
{
	struct kvm_enable_cap c = { .cap = cap, .flags = flags };

	return kvm_ioctl(fd, KVM_ENABLE_CAP, &c);
}

/**
 * tags_ioctl() - KVM_ARM_MTE_COPY_TAGS
 * @fd: of a VM
 * @c: the argument, or any pointer
 *
 * Return: bytes of guest memory done, or -errno
 */
int tags_ioctl(int fd, struct kvm_arm_copy_mte_tags *c)
{
	return kvm_ioctl(fd, KVM_ARM_MTE_COPY_TAGS, c);
}

/**
 * tags_copy() - KVM_ARM_MTE_COPY_TAGS without the odd fields
 * @vm: the VM
 * @ipa: guest address
 * @buf: one byte for each granule
 * @length: bytes of guest memory
 * @flags: the direction
 *
 * Return: bytes of guest memory done, or -errno
 */
int tags_copy(struct vm *vm, u64 ipa, void *buf, u64 length, u64 flags)
{
	struct kvm_arm_copy_mte_tags c = {
		.guest_ipa = ipa,
		.length = length,
		.addr = buf,
		.flags = flags,
	};

	return tags_ioctl(vm->fd, &c);
}

/**
 * tags_get() - copy tags out of a guest
 * @vm: the VM
 * @ipa: guest address
 * @buf: one byte for each granule
 * @length: bytes of guest memory
 *
 * Return: bytes of guest memory done, or -errno
 */
int tags_get(struct vm *vm, u64 ipa, void *buf, u64 length)
{
	return tags_copy(vm, ipa, buf, length, KVM_ARM_TAGS_FROM_GUEST);
}

/**
 * tags_put() - copy tags into a guest
 * @vm: the VM
 * @ipa: guest address
 * @buf: one byte for each granule
 * @length: bytes of guest memory
 *
 * Return: bytes of guest memory done, or -errno
 */
int tags_put(struct vm *vm, u64 ipa, void *buf, u64 length)
{
	return tags_copy(vm, ipa, buf, length, KVM_ARM_TAGS_TO_GUEST);
}

/**
 * tags_make() - what CMD_TAG_FILL would leave in a range
 * @buf: where to put the tags
 * @ipa: guest address
 * @length: bytes of guest memory
 * @seed: the command's seed
 */
void tags_make(unsigned char *buf, u64 ipa, u64 length, u64 seed)
{
	u64 i;

	for (i = 0; i < length / TAG_GRANULE; i++)
		buf[i] = guest_tag(ipa + i * TAG_GRANULE, seed);
}

/**
 * tags_differ() - compare with what CMD_TAG_FILL leaves
 * @buf: the tags
 * @ipa: guest address
 * @length: bytes of guest memory
 * @seed: the command's seed
 *
 * Return: how many bytes are not as they must be; the high halves must be 0
 */
long tags_differ(const unsigned char *buf, u64 ipa, u64 length, u64 seed)
{
	long bad = 0;
	u64 i;

	for (i = 0; i < length / TAG_GRANULE; i++)
		bad += buf[i] != guest_tag(ipa + i * TAG_GRANULE, seed);
	return bad;
}

/**
 * tags_nonzero() - count
 * @buf: the tags
 * @length: bytes of guest memory
 *
 * Return: how many bytes are not 0
 */
long tags_nonzero(const unsigned char *buf, u64 length)
{
	long bad = 0;
	u64 i;

	for (i = 0; i < length / TAG_GRANULE; i++)
		bad += !!buf[i];
	return bad;
}

/**
 * policy_default() - the default policy now
 *
 * Return: its word, valid until the next call
 */
const char *policy_default(void)
{
	static char buf[32];
	int fd = open(POLICY_DEFAULT, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		die(POLICY_DEFAULT ": cannot be read");
	close(fd);
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return buf;
}

static void set_policy(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, word, strlen(word)) != (ssize_t)strlen(word))
		die("%s: '%s' cannot be written", path, word);
	close(fd);
}

/**
 * policy_set_default() - change it
 * @word: the new one, which must be right
 */
void policy_set_default(const char *word)
{
	set_policy(POLICY_DEFAULT, word);
}

/**
 * policy_set_migration() - change what migrations without tags do, for new VMs
 * @word: the new one, which must be right
 */
void policy_set_migration(const char *word)
{
	set_policy(MODULE_DIR "/policy/migration", word);
}
