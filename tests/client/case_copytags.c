// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_ARM_MTE_COPY_TAGS: errors, both directions, and copies that end in the middle. The guest
 * itself reads the tags with LDG.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"

#define TO	KVM_ARM_TAGS_TO_GUEST
#define FROM	KVM_ARM_TAGS_FROM_GUEST
#define PAGE	HOST_PAGE
#define JUNK	0xaa

static void error_is(int r, const char *want, const char *what)
{
	is_text(errno_name(r), want, "%s", what);
}

static unsigned char *room(size_t length)
{
	unsigned char *p = malloc(length / TAG_GRANULE);

	if (!p)
		die("out of memory");
	memset(p, JUNK, length / TAG_GRANULE);
	return p;
}

/* A buffer of @n bytes. Nothing is mapped after it. */
static unsigned char *short_room(size_t n)
{
	size_t whole = (n + PAGE - 1) / PAGE * PAGE;
	char *p = mmap(NULL, whole + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap: %s", errno_name(errno));
	munmap(p + whole, PAGE);
	memset(p, JUNK, whole);
	return (unsigned char *)p + whole - n;
}

static u64 verify(struct vcpu *v, u64 start, u64 end, u64 seed)
{
	return vcpu_cmd(v, CMD_TAG_VERIFY, start, end, seed);
}

static u64 count(struct vcpu *v, u64 start, u64 end)
{
	return vcpu_cmd(v, CMD_TAG_READ, start, end);
}

/* --- errors --- */

/* A valid buffer. A refused call must not write to it. */
static unsigned char good[2 * HOST_PAGE_MAX / TAG_GRANULE];

static void refused_calls(struct vm *vm)
{
	const struct {
		const char *what;
		struct kvm_arm_copy_mte_tags c;
		const char *error;
	} bad[] = {
		{ "reserved[0]", { GUEST_DATA, PAGE, NULL, FROM, { 1, 0 } }, "EINVAL" },
		{ "reserved[1]", { GUEST_DATA, PAGE, NULL, FROM, { 0, 1UL << 63 } }, "EINVAL" },
		{ "both reserved", { GUEST_DATA, PAGE, NULL, TO, { ~0UL, ~0UL } }, "EINVAL" },
		{ "reserved, length 0", { GUEST_DATA, 0, NULL, TO, { 1, 0 } }, "EINVAL" },
		{ "flag 2", { GUEST_DATA, PAGE, NULL, 2 }, "EINVAL" },
		{ "flag 2 and FROM_GUEST", { GUEST_DATA, PAGE, NULL, 3 }, "EINVAL" },
		{ "flag 1 << 63", { GUEST_DATA, PAGE, NULL, FROM | 1UL << 63 }, "EINVAL" },
		{ "flag 1 << 32", { GUEST_DATA, PAGE, NULL, TO | 1UL << 32 }, "EINVAL" },
		{ "flag 2, length 0", { GUEST_DATA, 0, NULL, 2 }, "EINVAL" },
		{ "length 1", { GUEST_DATA, 1, NULL, FROM }, "EINVAL" },
		{ "length 16", { GUEST_DATA, 16, NULL, TO }, "EINVAL" },
		{ "length 256", { GUEST_DATA, 256, NULL, FROM }, "EINVAL" },
		{ "a page less 1", { GUEST_DATA, PAGE - 1, NULL, TO }, "EINVAL" },
		{ "a page and 1", { GUEST_DATA, PAGE + 1, NULL, FROM }, "EINVAL" },
		{ "length 2G", { GUEST_DATA, 1UL << 31, NULL, FROM }, "EINVAL" },
		{ "length 2G to the guest", { GUEST_DATA, 1UL << 31, NULL, TO }, "EINVAL" },
		{ "length 4G", { GUEST_DATA, 1UL << 32, NULL, FROM }, "EINVAL" },
		{ "length 4G and a page", { GUEST_DATA, (1UL << 32) + PAGE, NULL, FROM }, "EINVAL" },
		{ "length 2^63", { GUEST_DATA, 1UL << 63, NULL, TO }, "EINVAL" },
		{ "length minus a page", { GUEST_DATA, -PAGE, NULL, FROM }, "EINVAL" },
		{ "length -1", { GUEST_DATA, ~0UL, NULL, FROM }, "EINVAL" },
		{ "address + 1", { GUEST_DATA + 1, PAGE, NULL, FROM }, "EINVAL" },
		{ "address + 16", { GUEST_DATA + 16, PAGE, NULL, TO }, "EINVAL" },
		{ "address + 2048", { GUEST_DATA + 2048, PAGE, NULL, TO }, "EINVAL" },
		{ "address -1", { ~0UL, PAGE, NULL, FROM }, "EINVAL" },
		{ "address unaligned, length 0", { GUEST_DATA + 1, 0, NULL, FROM }, "EINVAL" },
		{ "length 0", { GUEST_DATA, 0, NULL, FROM }, "0" },
		{ "length 0 to the guest", { GUEST_DATA, 0, NULL, TO }, "0" },
		{ "length 0 without memory", { GUEST_UNBACKED, 0, NULL, FROM }, "0" },
		{ "no buffer", { GUEST_DATA, PAGE, NULL, FROM }, "EFAULT" },
		{ "no buffer to the guest", { GUEST_DATA, PAGE, NULL, TO }, "EFAULT" },
		{ "a kernel address", { GUEST_DATA, PAGE, (void *)(-1UL << 46), FROM }, "EFAULT" },
		{ "the end of addresses", { GUEST_DATA, PAGE, (void *)-64L, FROM }, "EFAULT" },
		{ "no memory", { GUEST_UNBACKED, PAGE, NULL, FROM }, "EFAULT" },
		{ "no memory to the guest", { GUEST_UNBACKED, PAGE, NULL, TO }, "EFAULT" },
		{ "the last page of all", { -PAGE, PAGE, NULL, FROM }, "EFAULT" },
		{ "over the end of all", { -PAGE, 2 * PAGE, NULL, FROM }, "EFAULT" },
		{ "address 2^52", { 1UL << 52, PAGE, NULL, TO }, "EFAULT" },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kvm_arm_copy_mte_tags c = bad[i].c;

		/* Rows that are not about the buffer get a valid one. */
		if (!c.addr && !strstr(bad[i].what, "no buffer"))
			c.addr = good;
		is_text(errno_name(tags_ioctl(vm->fd, &c)), opt.on ? bad[i].error : "EINVAL",
			"%s", bad[i].what);
	}
}

static void errors(struct vcpu *v)
{
	struct vm *vm = v->vm;
	size_t i;

	vm_tag_fill(v, opt.seed);
	memset(good, JUNK, sizeof(good));
	refused_calls(vm);
	for (i = 0; i < sizeof(good) && good[i] == JUNK; i++)
		;
	is(i, sizeof(good), "no refused call has written to the buffer");
	error_is(tags_ioctl(vm->fd, NULL), opt.on ? "EFAULT" : "EINVAL", "no argument");
	error_is(tags_ioctl(vm->fd, (void *)(-1UL << 46)), opt.on ? "EFAULT" : "EINVAL",
		 "a kernel address as argument");
	error_is(tags_ioctl(v->fd, NULL), "EINVAL", "on a vCPU");
	error_is(tags_ioctl(kvm_dev(), NULL), "EINVAL", "on /dev/kvm");
	if (!opt.on)
		return;
	/* A failed copy into the guest leaves its first page without tags. */
	is(count(v, GUEST_DATA, GUEST_DATA + PAGE), 0, "the page that failed copies reached has no tags");
	is(verify(v, GUEST_DATA + PAGE, vm_data_end(vm), opt.seed), 0, "all others are as before");
}

/* The largest length that an int can return */
static void longest(struct vcpu *v)
{
	struct vm *vm = v->vm;
	unsigned char *p = room(vm->data_size);

	vm_tag_fill(v, opt.seed);
	is(tags_get(vm, GUEST_DATA, p, INT_MAX & -PAGE), vm->data_size,
	   "the largest length goes up to the end of the memory");
	is(tags_differ(p, GUEST_DATA, vm->data_size, opt.seed), 0, "with all tags");
	free(p);
}

/* --- both directions --- */

static void out_and_in(struct vcpu *v)
{
	struct vm *vm = v->vm;
	size_t i, n = vm->data_size;
	unsigned char *p = room(n);

	vm_touch(v);
	vm_tag_fill(v, opt.seed);
	is(tags_get(vm, GUEST_DATA, p, n), n, "all tags out of the guest");
	is(tags_differ(p, GUEST_DATA, n, opt.seed), 0, "they are the guest's");
	is(vm_tag_verify(v, opt.seed), 0, "the guest still has them");
	tags_make(p, GUEST_DATA, n, opt.seed + 1);
	/* Only the low four bits count. */
	for (i = 0; i < n / TAG_GRANULE; i++)
		p[i] |= guest_mix(i) & 0xf0;
	is(tags_put(vm, GUEST_DATA, p, n), n, "all tags into the guest");
	is(vm_tag_verify(v, opt.seed + 1), 0, "the guest finds them");
	is(tags_get(vm, GUEST_DATA, p, n), n, "all tags out of the guest again");
	is(tags_differ(p, GUEST_DATA, n, opt.seed + 1), 0, "they are the same, high bits 0");
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), PAGE, opt.seed), 0,
	   "the guest's data is untouched");
	free(p);
}

/* One page in the middle. Its neighbours do not change, in memory and in the buffer. */
static void one_page(struct vcpu *v)
{
	u64 a = GUEST_DATA + 3 * PAGE;
	unsigned char *p = room(3 * PAGE);

	vm_tag_fill(v, opt.seed);
	/* The buffer's address may be odd. */
	is(tags_get(v->vm, a, p + 1, PAGE), PAGE, "one page out");
	is(tags_differ(p + 1, a, PAGE, opt.seed), 0, "with its tags");
	ok(p[0] == JUNK && p[TAGS_PER_PAGE + 1] == JUNK, "nothing else of the buffer is written");
	tags_make(p + 1, a, PAGE, opt.seed + 1);
	is(tags_put(v->vm, a, p + 1, PAGE), PAGE, "one page in");
	is(verify(v, a, a + PAGE, opt.seed + 1), 0, "with its tags");
	is(verify(v, GUEST_DATA, a, opt.seed), 0, "the pages before have theirs");
	is(verify(v, a + PAGE, vm_data_end(v->vm), opt.seed), 0, "the pages after have theirs");
	free(p);
}

/* A process of the host tags memory and frees it. The guest's memory then comes from there. */
static void leave_tags(size_t n)
{
	void *p;

	if (!host_mte_present())
		return;
	p = host_tagged_map(n);
	host_tag_fill(p, n, opt.seed);
	munmap(p, n);
}

static void untouched(void)
{
	struct vm *vm;
	struct vcpu *v;
	unsigned char *p;
	size_t n, i;

	leave_tags(2 * opt.size);
	vm = vm_ready(1);
	v = &vm->vcpu[0];
	n = vm->data_size;
	p = room(n);
	is(tags_get(vm, GUEST_DATA, p, n), n, "out of memory that nobody has touched");
	is(tags_nonzero(p, n), 0, "no tags");
	/* Data by the VMM, in pages that may have tags of others */
	for (i = 0; i < n; i += PAGE)
		*(u64 *)(vm->data + i) = (GUEST_DATA + i) ^ opt.seed;
	memset(p, JUNK, n / TAG_GRANULE);
	is(tags_get(vm, GUEST_DATA, p, n), n, "out of memory that the guest has not touched");
	is(tags_nonzero(p, n), 0, "no tags there either");
	tags_make(p, GUEST_DATA, n / 2, opt.seed);
	is(tags_put(vm, GUEST_DATA, p, n / 2), n / 2, "into half of it");
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), PAGE, opt.seed), 0,
	   "the guest finds the VMM's data");
	is(verify(v, GUEST_DATA, GUEST_DATA + n / 2, opt.seed), 0, "the guest finds the tags");
	is(count(v, GUEST_DATA + n / 2, GUEST_DATA + n), 0, "no tags in the other half");
	free(p);
	vm_destroy(vm);
}

/* --- copies that end in the middle --- */

/* @n bytes of buffer for four pages */
static void short_out(struct vcpu *v, size_t n)
{
	long want = n / TAGS_PER_PAGE * PAGE;
	unsigned char *p = short_room(n);
	u64 a = GUEST_DATA + PAGE;
	long r = tags_get(v->vm, a, p, 4 * PAGE);

	is(r, want ?: -EFAULT, "out, with room for %zu tags", n);
	is(tags_differ(p, a, want, opt.seed), 0, "tags of whole pages");
	is(verify(v, GUEST_DATA, vm_data_end(v->vm), opt.seed), 0, "the guest keeps its own");
}

/*
 * The page in which the buffer ends has no tags afterwards. It must be marked as a page with tags:
 * tags that the guest then sets there must stay.
 */
static void short_in(struct vcpu *v, size_t n)
{
	u64 done = n / TAGS_PER_PAGE * PAGE, a = GUEST_DATA + PAGE, end = a + done + PAGE;
	unsigned char *p = short_room(n), *q = room(PAGE);
	struct vm *vm = v->vm;

	vm_tag_fill(v, opt.seed);
	tags_make(p, a, n / TAGS_PER_PAGE * PAGE, opt.seed + 1);
	memset(p + done / TAG_GRANULE, 0x5, n - done / TAG_GRANULE);
	is(tags_put(vm, a, p, 4 * PAGE), (long)done ?: -EFAULT, "in, of %zu tags", n);
	is(verify(v, a, a + done, opt.seed + 1), 0, "whole pages have the new tags");
	is(verify(v, GUEST_DATA, a, opt.seed), 0, "the page before has the old ones");
	is(verify(v, end, vm_data_end(vm), opt.seed), 0, "the pages after have the old ones, too");
	is(count(v, a + done, end), 0, "the page between has none");
	is(tags_get(vm, a + done, q, PAGE), PAGE, "the page between can be read");
	is(tags_nonzero(q, PAGE), 0, "the page between reads as zeros");
	vcpu_cmd(v, CMD_TAG_FILL, a + done, end, opt.seed + 2);
	is(tags_get(vm, a + done, q, PAGE), PAGE, "tags that the guest then sets can be read");
	is(tags_differ(q, a + done, PAGE, opt.seed + 2), 0, "they are the guest's new ones");
	free(q);
}

/* In a page that the guest has never touched */
static void short_in_fresh(void)
{
	struct vm *vm = vm_ready(1);
	unsigned char *p = short_room(100);
	struct vcpu *v = &vm->vcpu[0];

	memset(p, 0x7, 100);
	is(tags_put(vm, GUEST_DATA, p, PAGE), -EFAULT, "in, of 100 tags, a fresh page");
	is(count(v, GUEST_DATA, GUEST_DATA + PAGE), 0, "the fresh page has no tags");
	vm_destroy(vm);
}

/* A PROT_NONE buffer is like no buffer. A read-only buffer can be read, but not written. */
static void odd_buffers(struct vcpu *v)
{
	unsigned char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	vm_tag_fill(v, opt.seed);
	tags_make(p, GUEST_DATA, PAGE, opt.seed + 1);
	mprotect(p, PAGE, PROT_NONE);
	is(tags_get(v->vm, GUEST_DATA, p, PAGE), -EFAULT, "out to PROT_NONE");
	mprotect(p, PAGE, PROT_READ);
	is(tags_get(v->vm, GUEST_DATA, p, PAGE), -EFAULT, "out to PROT_READ");
	is(vm_tag_verify(v, opt.seed), 0, "the guest keeps its tags");
	is(tags_put(v->vm, GUEST_DATA, p, PAGE), PAGE, "in from PROT_READ");
	is(verify(v, GUEST_DATA, GUEST_DATA + PAGE, opt.seed + 1), 0, "with its tags");
	munmap(p, PAGE);
}

static void stock_answer(void)
{
	struct vm *vm = vm_ready(1);

	errors(&vm->vcpu[0]);
	vm_destroy(vm);
}

CASE(copytags,
     "KVM_ARM_MTE_COPY_TAGS: wrong errors, wrong tags, half copies")
{
	static const size_t ends[] = { 0, 1, 15, 100, 255, 256, 257, 511, 512, 700, 1023 };
	struct vcpu *v;
	size_t i;

	if (!opt.on) {
		stock_answer();
		return 0;
	}
	v = &vm_ready(1)->vcpu[0];
	errors(v);
	longest(v);
	out_and_in(v);
	one_page(v);
	odd_buffers(v);
	vm_tag_fill(v, opt.seed);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		short_out(v, ends[i]);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		short_in(v, ends[i]);
	vm_destroy(v->vm);
	untouched();
	short_in_fresh();
	return 0;
}
