// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hugetlb pages that go from one VM to the next. The next VM gets them in part: in pieces, under
 * and after dirty logging, where HVA and IPA are not aligned alike, and by KVM_ARM_MTE_COPY_TAGS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define SLOT	1
#define LOG	KVM_MEM_LOG_DIRTY_PAGES

static size_t page;	/* of the host's page tables */

/* The last owner. It leaves tags in all pages of the pool. */
static void leave_tags(void)
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];

	vm_tag_fill(v, opt.seed);
	is(vm_tag_verify(v, opt.seed), 0, "a VM tags its memory");
	vm_destroy(v->vm);
}

/* The next owner. Its slot begins @skip bytes into the memory. */
static struct vm *next_owner(size_t skip, u32 flags)
{
	struct vm *vm;

	leave_tags();
	vm = vm_new();
	vm_load_guest(vm);
	vm->data = mem_map(opt.mem, opt.size, NULL);
	vm->data_size = opt.size;
	is(vm_slot(vm, SLOT, GUEST_DATA, vm->data + skip, opt.size - skip, flags), 0,
	   "the next VM: slot at %zu, flags %#x", skip, flags);
	vcpu_init(vcpu_create(vm));
	return vm;
}

static u64 stale(struct vm *vm, size_t skip)
{
	u64 end = GUEST_DATA + opt.size - skip;
	u64 n = vcpu_cmd(&vm->vcpu[0], CMD_TAG_READ, GUEST_DATA, end);

	if (n)
		diag("%lu of %zu granules have a tag", n, (opt.size - skip) / 16);
	return n;
}

static void mapped(size_t skip, u32 flags, const char *how)
{
	struct vm *vm = next_owner(skip, flags);

	is(stale(vm, skip), 0, "%s: no tags of the last owner", how);
	vm_destroy(vm);
}

/* Pieces become blocks again when dirty logging ends. */
static void after_log(void)
{
	struct vm *vm = next_owner(0, LOG);
	size_t step = mem_page(opt.mem);

	vcpu_cmd(&vm->vcpu[0], CMD_LOAD, GUEST_DATA, vm_data_end(vm), step, 0);
	is(vm_slot(vm, SLOT, GUEST_DATA, vm->data, opt.size, 0), 0, "dirty logging ends");
	vcpu_cmd(&vm->vcpu[0], CMD_STORE, GUEST_DATA, vm_data_end(vm), step, opt.seed);
	is(stale(vm, 0), 0, "after dirty logging: no tags of the last owner");
	vm_destroy(vm);
}

/* The VMM sets the tags of the first base page of each huge page, and reads those of the others. */
static void copied(void)
{
	struct vm *vm = next_owner(0, 0);
	unsigned char *tags = calloc(1, opt.size / 16);
	long wrong = 0;
	u64 at;

	for (at = GUEST_DATA; at < vm_data_end(vm); at += mem_page(opt.mem))
		wrong += tags_put(vm, at, tags, page) != (int)page;
	is(wrong, 0, "copy: to the first page of each");
	is(tags_get(vm, GUEST_DATA, tags, opt.size), opt.size, "copy: from all of it");
	is(tags_nonzero(tags, opt.size), 0, "copy: the VMM reads no tags of the last owner");
	is(stale(vm, 0), 0, "copy: nor does the guest");
	free(tags);
	vm_destroy(vm);
}

CASE(reuse,
     "tags of the last owner in hugetlb pages that are mapped, or copied to, in part")
{
	page = getpagesize();
	pin_to(0);
	mapped(0, 0, "plain");
	mapped(0, LOG, "under dirty logging");
	after_log();
	mapped(page, 0, "not aligned alike");
	copied();
	return 0;
}
