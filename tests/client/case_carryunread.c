// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the VM is in swap, and the disk cannot be read any more. Its tags are not known, so
 * they must not be carried as tags that were never set.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "carry.h"
#include "client.h"
#include "swapping.h"

#define CGROUP		"/sys/fs/cgroup/unread/"

static void put(const char *file, const char *words)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, words, strlen(words)) < 0)
		die("%s: %s", file, errno_name(errno));
	close(fd);
}

#define DISK_SECTORS	(64UL << 20 >> 9)
#define RANGE_SECTORS	512UL	/* the most in one range */

/* opt.file: a null_blk disk's file badblocks. On 5.10 it takes only one range at a time right. */
static void all_sectors(char sign)
{
	char words[64];
	size_t i;

	for (i = 0; i < DISK_SECTORS; i += RANGE_SECTORS) {
		snprintf(words, sizeof(words), "%c%zu-%zu", sign, i, i + RANGE_SECTORS - 1);
		put(opt.file, words);
	}
}

/* The client's own memory stays, because it could not be read again. */
static struct vm *vm_in_cgroup(void)
{
	struct vm *vm;

	put(CGROUP "cgroup.procs", "0");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		die("mlockall: %s", errno_name(errno));
	vm = vm_ready(1);
	munlock(vm->data, vm->data_size);
	return vm;
}

/* Pages that have been written to the disk may still be in memory, in the swap cache. */
static void empty_swap_cache(void)
{
	put(CGROUP "memory.high", "0");
	put(CGROUP "memory.high", "max");
}

/*
 * Private memory of a file, as of a clone of another VM: the guest has tagged the pages in that
 * VM, and this one has never written to them. Here one VM gets the file's memory in both ways.
 */
static void make_private(struct vm *vm)
{
	unsigned long start = (unsigned long)vm->data;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", start, start + vm->data_size);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || mmap(vm->data, vm->data_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
			   fd, 0) == MAP_FAILED)
		die("%s: %s", path, errno_name(errno));
	close(fd);
	/* MAP_FIXED memory is locked again. */
	munlock(vm->data, vm->data_size);
}

CASE(carryunread,
     "a save that takes memory that cannot be read from swap for memory without tags")
{
	struct carried tags;
	struct vm *vm;
	int fd;

	module_needed();
	vm = vm_in_cgroup();
	/* Newer kernels do not write pages of zeros to the disk. */
	memset(vm->data, 1, vm->data_size);
	vm_tag_fill(&vm->vcpu[0], opt.seed);
	fd = carry_file();
	is(carry_open(fd, vm, KVM_MTE_SAVE), 0, "the file is open for a save");
	page_out(vm);
	empty_swap_cache();
	all_sectors('+');
	is(carry_all_out(fd, &tags), -EIO, "its tags cannot be read");
	carry_free(&tags);
	if (opt.mem == MEM_MEMFD) {
		make_private(vm);
		is(carry_all_out(fd, &tags), -EIO, "nor can they by a private mapping of the file");
		carry_free(&tags);
	}
	all_sectors('-');
	close(fd);
	vm_destroy(vm);
	return 0;
}
