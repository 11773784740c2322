// SPDX-License-Identifier: GPL-2.0-only
/*
 * KSM and guests with MTE. Guests get merged memory, without tags. A guest that sets tags in a
 * page gets a page of its own. That page is never merged again, even if words and tags are equal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define PAGE		HOST_PAGE
#define KSM		"/sys/kernel/mm/ksm/"
#define WAIT_TENTHS	1200
#define FULL_SCANS	3

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die("%s: %s", path, errno_name(errno));
	close(fd);
}

static size_t common(void *p, void *q, size_t size)
{
	unsigned long *a = malloc(size / PAGE * sizeof(long)), *b = malloc(size / PAGE * sizeof(long));
	size_t n = mem_overlap(a, mem_pfns(p, size, a), b, mem_pfns(q, size, b));

	free(a);
	free(b);
	return n;
}

/* Pages at the same offset are equal. Pages at different offsets are not. */
static void *mergeable(void)
{
	char *p = mem_map(MEM_ANON4K, opt.size, NULL);
	size_t at;

	for (at = 0; at < opt.size; at += 8)
		*(u64 *)(p + at) = guest_mix(at);
	if (madvise(p, opt.size, MADV_MERGEABLE))
		die("MADV_MERGEABLE: %s", errno_name(errno));
	return p;
}

static struct vcpu *guest_of(void *p)
{
	struct vm *vm = vm_new();

	vm_load_guest(vm);
	vm->data = p;
	vm->data_size = opt.size;
	if (vm_slot(vm, 1, GUEST_DATA, p, opt.size, 0))
		die("KVM_SET_USER_MEMORY_REGION");
	vcpu_init(vcpu_create(vm));
	return &vm->vcpu[0];
}

static void scan(unsigned int times)
{
	long start = counter("ksm.full_scans");
	int i;

	set(KSM "pages_to_scan", "5000");
	set(KSM "sleep_millisecs", "1");
	set(KSM "run", "1");
	for (i = 0; i < WAIT_TENTHS && counter("ksm.full_scans") < start + (long)times; i++)
		usleep(100000);
	ok(counter("ksm.full_scans") >= start + (long)times, "KSM has looked at everything");
}

static u64 own_fill(struct vcpu *v, u64 end)
{
	vcpu_cmd(v, CMD_OWN_FILL, GUEST_DATA, end, opt.seed, 0, 1);
	return vcpu_cmd(v, CMD_OWN_VERIFY, GUEST_DATA, end, opt.seed, 0, 1);
}

CASE(ksm,
     "pages merged though they have tags, or tags that merged pages share")
{
	size_t half = opt.size / 2;
	u64 mid = GUEST_DATA + half, end = GUEST_DATA + opt.size;
	char *pa = mergeable(), *pb = mergeable();
	struct vcpu *a, *b;

	scan(FULL_SCANS);
	is(common(pa, pb, opt.size), opt.size / PAGE, "KSM merges two pieces of memory");
	a = guest_of(pa);
	b = guest_of(pb);
	is(vcpu_cmd(a, CMD_TAG_READ, GUEST_DATA, end), 0, "merged pages come to a guest without tags");
	is(vcpu_cmd(b, CMD_TAG_READ, GUEST_DATA, end), 0, "and to another guest");
	is(common(pa, pb, opt.size), opt.size / PAGE, "they stay merged");
	is(own_fill(a, mid), 0, "one guest sets tags in half of its memory");
	is(common(pa, pb, half), 0, "that half is not merged any more");
	is(vcpu_cmd(b, CMD_TAG_READ, GUEST_DATA, end), 0, "the other guest still has no tags");
	is(own_fill(b, mid), 0, "the other guest sets the same tags");
	scan(FULL_SCANS);
	is(common(pa, pb, half), 0, "pages with tags are not merged");
	is(common(pa + half, pb + half, half), half / PAGE, "the rest still is");
	set(KSM "run", "2");
	is(common(pa, pb, opt.size), 0, "all is unmerged");
	is(vcpu_cmd(a, CMD_OWN_VERIFY, GUEST_DATA, mid, opt.seed, 0, 1), 0, "one guest has its tags");
	is(vcpu_cmd(b, CMD_OWN_VERIFY, GUEST_DATA, mid, opt.seed, 0, 1), 0, "the other one, too");
	is(vcpu_cmd(a, CMD_TAG_READ, mid, end) + vcpu_cmd(b, CMD_TAG_READ, mid, end), 0,
	   "there are no tags where none were set");
	is(memcmp(pa, pb, opt.size), 0, "and all words are as they were");
	vm_destroy(a->vm);
	vm_destroy(b->vm);
	return 0;
}
