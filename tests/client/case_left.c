// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tags in the hugetlb pool, as the kernel alone shows them. Without the module nothing drops tags
 * that a page has when it is freed. A process sees them by PROT_MTE (5.10), a VMM by
 * KVM_ARM_MTE_COPY_TAGS, if it has set the slot before it enables MTE.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "client.h"

static void process(void)
{
	void *p;

	host_mte_mode(HOST_TCF_NONE, 0xfffe);
	p = mem_map_tagged(opt.mem, opt.size);
	is(host_tag_count(p, opt.size), 0, "a process finds no tags in the pool");
	munmap(p, opt.size);
}

static void vmm(void)
{
	unsigned char *tags = calloc(1, opt.size / TAG_GRANULE);
	struct vm *vm = vm_create();

	vm_memory(vm, opt.mem, opt.size);
	is(vm_enable_mte(vm), 0, "a VM gets MTE when it has a slot");
	is(tags_get(vm, GUEST_DATA, tags, opt.size), opt.size, "its VMM reads the tags");
	is(tags_nonzero(tags, opt.size), 0, "the VMM finds no tags in the pool");
	free(tags);
	vm_destroy(vm);
}

CASE(left,
     "tags of a VM that had MTE, in hugetlb pages that are freed after the module was unloaded")
{
	if (mem_may_be_tagged(opt.mem))
		process();
	else
		vmm();
	return 0;
}
