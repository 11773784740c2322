// SPDX-License-Identifier: GPL-2.0-only
/*
 * All tags of a VM are read, again and again, while the host migrates its memory. A huge page that is
 * being migrated looks to the kernel's own core dumps like memory that was never used.
 */
#include <unistd.h>

#include "carry.h"
#include "client.h"

CASE(carrymove,
     "tags that are not carried because their page is being migrated")
{
	unsigned int r, rounds = rounds_or(100);
	size_t wrong = 0, pages;
	struct carried tags;
	struct vm *vm;
	int fd, err = 0;

	module_needed();
	vm = vm_ready(1);
	pages = vm->data_size / 4096;
	vm_tag_fill(&vm->vcpu[0], opt.seed);
	fd = carry_file();
	is(carry_open(fd, vm, KVM_MTE_SAVE), 0, "the file is open for a save");
	counters_start(opt.proof);
	churn_start(opt.churn, vm, opt.block);
	for (r = 0; r < rounds && !wrong && !err; r++) {
		err = carry_all_out(fd, &tags);
		if (!err)
			wrong = carry_wrong(&tags, GUEST_DATA, vm_data_end(vm), opt.seed);
		if (wrong)
			diag("round %u: %zu of %zu pages have tags", r, tags.nr, pages);
		carry_free(&tags);
	}
	churn_end();
	is(err, 0, "all tags are read each time");
	is(wrong, 0, "granules with wrong tags, of %zu pages, in %u rounds", pages, rounds);
	counters_check();
	close(fd);
	vm_destroy(vm);
	return 0;
}
