// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "client.h"
#include "swapping.h"

#define PAGE		HOST_PAGE
#define PAGEOUT_TRIES	10
#define PAGEMAP_SWAP	(1UL << 62)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

/**
 * in_swap() - how much of the guest's memory is swapped out, as the VMM's page tables say
 * @vm: the VM
 *
 * Return: pages
 */
size_t in_swap(struct vm *vm)
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

/**
 * swap_spaces() - how much of all swap space is in use
 * @off: also swapoff all of it
 *
 * Return: pages
 */
size_t swap_spaces(bool off)
{
	FILE *f = fopen("/proc/swaps", "r");
	char line[256], path[128];
	size_t used, sum = 0;

	if (!f)
		die("/proc/swaps: %s", errno_name(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%127s %*s %*s %zu", path, &used) != 2)
			continue;
		sum += used / (PAGE >> 10);
		if (off && swapoff(path))
			die("swapoff %s: %s", path, errno_name(errno));
	}
	fclose(f);
	return sum;
}

/**
 * page_out() - swap the guest's memory out
 * @vm: the VM
 *
 * The kernel spares pages once that were used a moment ago, so this tries again. A page that has
 * come back may still have its place in swap space. So for private memory the page tables count.
 *
 * Return: how many pages of private memory are swapped out; page tables do not show this for
 *	shared memory
 */
size_t page_out(struct vm *vm)
{
	size_t pages = vm->data_size / PAGE, before = swap_spaces(false), out = 0;
	int i;

	for (i = 0; i < PAGEOUT_TRIES && out < pages * 9 / 10; i++) {
		if (madvise(vm->data, vm->data_size, MADV_PAGEOUT))
			die("MADV_PAGEOUT: %s", errno_name(errno));
		out = mem_is_shared(opt.mem) ? swap_spaces(false) - before : in_swap(vm);
	}
	diag("%zu of %zu pages are swapped out", out, pages);
	ok(out > pages / 2, "most of the guest's memory is swapped out");
	return in_swap(vm);
}
