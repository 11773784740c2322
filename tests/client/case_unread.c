// SPDX-License-Identifier: GPL-2.0-only
/* swapoff reads guest memory back while it is PROT_NONE. The host must have swap space. */
#include <errno.h>
#include <sys/mman.h>

#include "client.h"
#include "swapping.h"

static void protect(struct vm *vm, int prot)
{
	if (mprotect(vm->data, vm->data_size, prot))
		die("mprotect: %s", errno_name(errno));
}

CASE(unread,
     "tags lost by a swapoff while memory is PROT_NONE; the host must have swap space")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	struct vm *vm = v->vm;

	vm_touch(v);
	vm_tag_fill(v, opt.seed);
	page_out(vm);
	protect(vm, PROT_NONE);
	swap_spaces(true);
	protect(vm, PROT_READ | PROT_WRITE);
	is(in_swap(vm), 0, "PROT_NONE during swapoff: all pages are back");
	is(vm_tag_verify(v, opt.seed), 0, "PROT_NONE during swapoff: the guest finds its tags");
	vm_destroy(vm);
	return 0;
}
