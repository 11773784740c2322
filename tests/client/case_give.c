// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two guests that are alive at once. One gives memory up, as by a balloon or free page reporting,
 * and the other gets the pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "client.h"

#define PAGE	HOST_PAGE

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

struct pages {
	unsigned long *pfn;
	size_t n;
};

static struct pages pages_of(void *p, size_t size)
{
	struct pages pages = { malloc(size / PAGE * sizeof(long)) };

	pages.n = mem_pfns(p, size, pages.pfn);
	return pages;
}

static struct vcpu *guest_with(size_t size)
{
	struct vm *vm = vm_new();

	vm_load_guest(vm);
	vm_memory(vm, opt.mem, size);
	vcpu_init(vcpu_create(vm));
	return &vm->vcpu[0];
}

static u64 lost(struct vcpu *v, u64 from, u64 to, u64 seed)
{
	return vcpu_cmd(v, CMD_TAG_VERIFY, from, to, seed);
}

static void give(void *p, size_t size, int advice, const char *how)
{
	if (madvise(p, size, advice))
		die("%s of %s: %s", how, mem_name[opt.mem], errno_name(errno));
}

/* The guest keeps the first half of its memory. */
static void give_and_take(int advice, const char *how)
{
	u64 half = opt.size / 2, mid = GUEST_DATA + half, end = GUEST_DATA + opt.size;
	struct vcpu *giver = guest_with(opt.size), *taker;
	char *given = (char *)giver->vm->data + half;
	struct pages had, got;

	vm_tag_fill(giver, opt.seed);
	had = pages_of(given, half);
	is(had.n, half / PAGE, "%s: the giver has them all", how);
	taker = guest_with(half);
	give(given, half, advice, how);
	vm_touch(taker);
	got = pages_of(taker->vm->data, half);
	is(vm_tag_count(taker), 0, "%s: the taker reads no tags", how);
	diag("%zu of %zu pages were the giver's", mem_overlap(had.pfn, had.n, got.pfn, got.n), got.n);
	ok(mem_overlap(had.pfn, had.n, got.pfn, got.n) > 0, "%s: pages changed hands", how);
	vm_tag_fill(taker, opt.seed + 1);

	is(lost(giver, GUEST_DATA, mid, opt.seed), 0, "%s: what the giver kept has its tags", how);
	vcpu_cmd(giver, CMD_STORE, mid, end, PAGE, opt.seed);
	is(vcpu_cmd(giver, CMD_TAG_READ, mid, end), 0, "%s: what it gave comes back without tags", how);
	vcpu_cmd(giver, CMD_TAG_FILL, mid, end, opt.seed + 2);
	is(lost(giver, mid, end, opt.seed + 2), 0, "%s: it can be tagged again", how);
	is(vm_tag_verify(taker, opt.seed + 1), 0, "%s: the taker's tags are the taker's", how);
	vm_destroy(giver->vm);
	is(vm_tag_verify(taker, opt.seed + 1), 0, "%s: also when the giver has ended", how);
	vm_destroy(taker->vm);
	free(had.pfn);
	free(got.pfn);
}

/*
 * MADV_FREE frees clean pages only when memory is short. Pages that the guest has written to by
 * then stay, with all their tags.
 */
static void freed_lazily(void)
{
	u64 half = opt.size / 2, mid = GUEST_DATA + half, a;
	struct vcpu *giver = guest_with(opt.size), *taker;
	char *data = giver->vm->data;
	struct pages had, left, got;
	size_t gone;

	vm_touch(giver);
	vm_tag_fill(giver, opt.seed);
	had = pages_of(data, half);
	give(data, opt.size, MADV_FREE, "MADV_FREE");
	is(lost(giver, GUEST_DATA, vm_data_end(giver->vm), opt.seed), 0,
	   "MADV_FREE: all tags can be read, so nothing is gone yet");
	give(data, opt.size, MADV_FREE, "MADV_FREE");
	vcpu_cmd(giver, CMD_STORE, mid, vm_data_end(giver->vm), PAGE, 7);
	give(data, opt.size, MADV_PAGEOUT, "MADV_PAGEOUT");
	give(data, opt.size, MADV_PAGEOUT, "MADV_PAGEOUT");
	left = pages_of(data, half);
	gone = half / PAGE - left.n;
	diag("%zu of %zu pages were reclaimed", gone, half / PAGE);
	ok(gone > half / PAGE / 2, "MADV_FREE: most that was clean is reclaimed");

	taker = guest_with(half);
	vm_touch(taker);
	is(vm_tag_count(taker), 0, "MADV_FREE: the taker reads no tags");
	got = pages_of(taker->vm->data, half);
	ok(mem_overlap(had.pfn, had.n, got.pfn, got.n) > 0, "MADV_FREE: pages changed hands");
	is(lost(giver, mid, vm_data_end(giver->vm), opt.seed), 0,
	   "MADV_FREE: what was written again keeps its tags");
	is(vcpu_cmd(giver, CMD_LOAD, mid, vm_data_end(giver->vm), PAGE, 7), 0, "MADV_FREE: and its words");
	/* A page is there with its tags, or gone with its tags. */
	for (a = GUEST_DATA; a < mid; a += PAGE)
		if (!vcpu_cmd(giver, CMD_LOAD, a, a + PAGE, PAGE, opt.seed))
			gone += lost(giver, a, a + PAGE, opt.seed);
		else
			gone -= !vcpu_cmd(giver, CMD_TAG_READ, a, a + PAGE);
	is(gone, 0, "MADV_FREE: the pages that are gone, and no others, have lost their tags");
	vm_destroy(giver->vm);
	vm_destroy(taker->vm);
	free(had.pfn);
	free(left.pfn);
	free(got.pfn);
}

CASE(give,
     "tags in pages that one guest gives up and another gets, or lost in those it keeps")
{
	if (mem_is_shared(opt.mem)) {
		give_and_take(MADV_REMOVE, "a hole punched");
		return 0;
	}
	give_and_take(MADV_DONTNEED, "MADV_DONTNEED");
	if (opt.mem == MEM_ANON4K)
		freed_lazily();
	return 0;
}
