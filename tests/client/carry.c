// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "carry.h"
#include "check.h"

#define MAX_RANGES	64
#define BUFFER		1024

/**
 * carry_file() - open /dev/kvm_mte
 *
 * Return: the file, or -errno
 */
int carry_file(void)
{
	int fd = open("/dev/" KVM_MTE_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * carry_open_name() - KVM_MTE_OPEN
 * @fd: the file
 * @name: of the VM's directory
 * @mode: enum kvm_mte_mode
 *
 * Return: 0 or -errno
 */
int carry_open_name(int fd, const char *name, u32 mode)
{
	struct kvm_mte_open how = { .mode = mode };

	snprintf(how.vm, sizeof(how.vm), "%s", name);
	return ioctl(fd, KVM_MTE_OPEN, &how) ? -errno : 0;
}

/**
 * carry_open() - KVM_MTE_OPEN for a VM of this process
 * @fd: the file
 * @vm: the VM
 * @mode: enum kvm_mte_mode
 *
 * Return: 0 or -errno
 */
int carry_open(int fd, struct vm *vm, u32 mode)
{
	char name[32];

	snprintf(name, sizeof(name), "%d-%d", getpid(), vm->fd);
	return carry_open_name(fd, name, mode);
}

/**
 * carry_ranges() - KVM_MTE_RANGES
 * @fd: the file
 * @range: where to put the ranges
 * @max: how much room there is
 *
 * Return: how many there are, or -errno
 */
int carry_ranges(int fd, struct kvm_mte_range *range, u32 max)
{
	struct kvm_mte_ranges ranges = { .ranges = (u64)range, .max = max };

	return ioctl(fd, KVM_MTE_RANGES, &ranges) ? -errno : (int)ranges.nr;
}

static int read_some(int fd, struct kvm_mte_read *read, struct carried *to)
{
	to->page = realloc(to->page, (to->nr + BUFFER) * sizeof(*to->page));
	if (!to->page)
		die("out of memory");
	read->pages = (u64)(to->page + to->nr);
	read->max = BUFFER;
	if (ioctl(fd, KVM_MTE_READ, read))
		return -errno;
	to->nr += read->nr;
	return 0;
}

/**
 * carry_read() - KVM_MTE_READ until all is read
 * @fd: the file
 * @ipa: first byte
 * @size: how much
 * @to: where to add the tags
 *
 * Return: 0 or -errno
 */
int carry_read(int fd, u64 ipa, u64 size, struct carried *to)
{
	struct kvm_mte_read read = { .ipa = ipa, .size = size };
	int r = 0;

	while (!r && read.size)
		r = read_some(fd, &read, to);
	return r;
}

/**
 * carry_write() - KVM_MTE_WRITE
 * @fd: the file
 * @ipa: first byte
 * @size: how much
 * @page: the pages with tags
 * @nr: how many
 *
 * Return: 0 or -errno
 */
int carry_write(int fd, u64 ipa, u64 size, const struct kvm_mte_page *page, u32 nr)
{
	struct kvm_mte_write write = { .ipa = ipa, .size = size, .pages = (u64)page, .nr = nr };

	return ioctl(fd, KVM_MTE_WRITE, &write) ? -errno : 0;
}

/**
 * carry_all_out() - read all tags of the VM
 * @fd: the file
 * @to: set to the tags
 *
 * Return: 0 or -errno
 */
int carry_all_out(int fd, struct carried *to)
{
	struct kvm_mte_range range[MAX_RANGES];
	int nr = carry_ranges(fd, range, MAX_RANGES), i, r = 0;

	to->page = NULL;
	to->nr = 0;
	for (i = 0; i < nr && !r; i++)
		r = carry_read(fd, range[i].ipa, range[i].size, to);
	return nr < 0 ? nr : r;
}

static int range_in(int fd, const struct kvm_mte_range *range, const struct carried *from)
{
	u64 ipa, end = range->ipa + range->size, size;
	size_t first = 0, nr;
	int r = 0;

	for (ipa = range->ipa; ipa < end && !r; ipa += size) {
		size = end - ipa < CARRY_CHUNK ? end - ipa : CARRY_CHUNK;
		while (first < from->nr && from->page[first].ipa < ipa)
			first++;
		for (nr = 0; first + nr < from->nr &&
		     from->page[first + nr].ipa - ipa < size; nr++)
			;
		r = carry_write(fd, ipa, size, from->page + first, nr);
	}
	return r;
}

static int by_ipa(const void *a, const void *b)
{
	const struct kvm_mte_page *pa = a, *pb = b;

	return (pa->ipa > pb->ipa) - (pa->ipa < pb->ipa);
}

/**
 * carry_all_in() - write all tags of the VM
 * @fd: the file
 * @from: the tags
 *
 * Return: 0 or -errno
 */
int carry_all_in(int fd, const struct carried *from)
{
	struct kvm_mte_range range[MAX_RANGES];
	int nr = carry_ranges(fd, range, MAX_RANGES), i, r = 0;

	qsort(from->page, from->nr, sizeof(*from->page), by_ipa);
	for (i = 0; i < nr && !r; i++)
		r = range_in(fd, &range[i], from);
	return nr < 0 ? nr : r;
}

static size_t wrong_in_page(const struct kvm_mte_page *page, u64 seed)
{
	size_t bad = 0;
	u64 i, tag;

	for (i = 0; i < 256; i++) {
		tag = page->tags[i / 2] >> i % 2 * 4 & 0xf;
		bad += tag != guest_tag(page->ipa + 16 * i, seed);
	}
	return bad;
}

/**
 * carry_wrong() - compare carried tags with those of CMD_TAG_FILL
 * @c: the tags
 * @start: where the guest has filled from
 * @end: and to
 * @seed: the seed
 *
 * Return: how many granules differ, a missing page counts as 256; pages elsewhere count, too
 */
size_t carry_wrong(const struct carried *c, u64 start, u64 end, u64 seed)
{
	size_t i, bad = 0, seen = 0;

	for (i = 0; i < c->nr; i++) {
		if (c->page[i].ipa < start || c->page[i].ipa >= end) {
			bad += 256;
			continue;
		}
		seen++;
		bad += wrong_in_page(&c->page[i], seed);
	}
	return bad + ((end - start) / 4096 - seen) * 256;
}

/**
 * carry_free() - forget the tags
 * @c: the tags
 */
void carry_free(struct carried *c)
{
	free(c->page);
}
