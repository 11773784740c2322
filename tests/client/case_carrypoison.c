// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page of the VM's memory is lost by a memory error. Its content and its tags are gone, but all
 * other tags must be carried.
 */
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "carry.h"
#include "client.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON	100
#endif

static void on_sigbus(int nr)
{
	(void)nr;
}

CASE(carrypoison,
     "a save that fails because one page was lost by a memory error")
{
	size_t lost = mem_page(opt.mem);
	struct carried tags;
	struct vm *vm;
	int fd;

	module_needed();
	vm = vm_ready(1);
	vm_tag_fill(&vm->vcpu[0], opt.seed);
	/* Newer kernels tell the process of the loss at once. */
	signal(SIGBUS, on_sigbus);
	is(madvise(vm->data, lost, MADV_HWPOISON), 0, "the first page is lost");
	fd = carry_file();
	is(carry_open(fd, vm, KVM_MTE_SAVE), 0, "the file is open for a save");
	is(carry_all_out(fd, &tags), 0, "all tags are read");
	is(carry_wrong(&tags, GUEST_DATA + lost, vm_data_end(vm), opt.seed), 0,
	   "each tag of the other pages, and no other");
	carry_free(&tags);
	close(fd);
	vm_destroy(vm);
	return 0;
}
