// SPDX-License-Identifier: GPL-2.0
/* Tags of guest memory that is swapped out. The host must have swap space. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "client.h"

#define PAGE		4096UL
#define PAGEOUT_TRIES	10
#define PAGEMAP_SWAP	(1UL << 62)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

static size_t in_swap(struct vm *vm)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned long entry;
	size_t i, n = 0;

	for (i = 0; i < vm->data_size / PAGE; i++) {
		if (pread(fd, &entry, 8, ((unsigned long)vm->data / PAGE + i) * 8) != 8)
			die("/proc/self/pagemap: %s", errno_name(errno));
		n += !!(entry & PAGEMAP_SWAP);
	}
	close(fd);
	return n;
}

/* Pages in all swap spaces; off: and that is the end of these. */
static size_t swap_spaces(bool off)
{
	FILE *f = fopen("/proc/swaps", "r");
	char line[256], path[128];
	size_t used, sum = 0;

	if (!f)
		die("/proc/swaps: %s", errno_name(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%127s %*s %*s %zu", path, &used) != 2)
			continue;
		sum += used / 4;
		if (off && swapoff(path))
			die("swapoff %s: %s", path, errno_name(errno));
	}
	fclose(f);
	return sum;
}

/*
 * Pages that the guest has used a moment ago are spared once. Returns how many pages of the
 * VMM's private memory have gone; of shared memory only the swap space knows.
 */
static size_t page_out(struct vm *vm)
{
	size_t pages = vm->data_size / PAGE, before = swap_spaces(false), out = 0;
	int i;

	for (i = 0; i < PAGEOUT_TRIES && out < pages * 9 / 10; i++) {
		if (madvise(vm->data, vm->data_size, MADV_PAGEOUT))
			die("MADV_PAGEOUT: %s", errno_name(errno));
		out = swap_spaces(false) - before;
	}
	diag("%zu of %zu pages are swapped out", out, pages);
	ok(out > pages / 2, "most of the guest's memory is swapped out");
	return in_swap(vm);
}

static void check(struct vcpu *v, long restored, const char *how)
{
	struct vm *vm = v->vm;

	is(vm_tag_verify(v, opt.seed), 0, "%s: the guest finds its tags", how);
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), PAGE, opt.seed), 0,
	   "%s: and its data", how);
	is(in_swap(vm), 0, "%s: all pages are back", how);
	if (module_injects() && !mem_is_shared(opt.mem))
		is(module_number(vm, "stats/tags_restored"), restored,
		   "%s: stats/tags_restored counts them", how);
}

int case_swap(void)
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	size_t n;

	vm_touch(v);
	vm_tag_fill(v, opt.seed);
	n = page_out(v->vm);
	check(v, n, "touched again");
	n += page_out(v->vm);
	swap_spaces(true);
	check(v, n, "swapoff");
	vm_destroy(v->vm);
	return 0;
}
