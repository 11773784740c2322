// SPDX-License-Identifier: GPL-2.0-only
/* Tags of guest memory that is swapped out. The host must have swap space. */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "client.h"
#include "swapping.h"

#define PAGE		HOST_PAGE

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

CASE(swap,
     "tags lost in swap; the host must have swap space")
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

/* A pipe has references on all pages of the guest's memory, so they stay in memory. */
static void pin(struct vm *vm)
{
	struct iovec iov = { vm->data, vm->data_size };
	int fd[2];

	if (pipe(fd) || fcntl(fd[1], F_SETPIPE_SZ, vm->data_size) < 0)
		die("a pipe: %s", errno_name(errno));
	if (vmsplice(fd[1], &iov, 1, 0) != (ssize_t)vm->data_size)
		die("vmsplice: %s", errno_name(errno));
}

CASE(swapcache,
     "pages that never left memory, and that stats/tags_restored counts; the host must have swap space")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];

	vm_touch(v);
	vm_tag_fill(v, opt.seed);
	pin(v->vm);
	page_out(v->vm);
	check(v, 0, "touched again");
	vm_destroy(v->vm);
	return 0;
}
