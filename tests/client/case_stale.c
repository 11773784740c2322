// SPDX-License-Identifier: GPL-2.0-only
/* No owner of a page reads the tags of the previous owner. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

/* The pages that an owner had; in memory that child processes share */
struct pages {
	size_t n;
	unsigned long pfn[];
};

static struct pages *old, *new;

/* From whom to whom pages went, and how many over all rounds */
enum way { VM_TO_VM, VM_TO_OTHER_VM, PROCESS_TO_VM, VM_TO_PROCESS, WAYS };

static const char *const way_name[WAYS] = {
	[VM_TO_VM] = "a VM to a VM of the same process",
	[VM_TO_OTHER_VM] = "a VM to a VM of another process",
	[PROCESS_TO_VM] = "a process to a VM",
	[VM_TO_PROCESS] = "a VM to a process",
};

static size_t common[WAYS];

static struct pages *room_for_pages(void)
{
	size_t size = sizeof(struct pages) + opt.size / 4096 * sizeof(long);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("out of memory");
	return p;
}

static void note(struct pages *p, void *mem)
{
	p->n = mem_pfns(mem, opt.size, p->pfn);
}

static void count_common(enum way way)
{
	size_t n = mem_overlap(old->pfn, old->n, new->pfn, new->n);

	diag("%zu of %zu pages had been the previous owner's", n, new->n);
	common[way] += n;
}

static void vm_fills(u64 seed)
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];

	vm_tag_fill(v, seed);
	is(vm_tag_verify(v, seed), 0, "a VM tags its memory");
	note(old, v->vm->data);
	vm_destroy(v->vm);
}

static void in_child(void (*fn)(u64 seed), u64 seed)
{
	int status, before = checks_failed();
	pid_t pid = fork();

	if (!pid) {
		fn(seed);
		_exit(checks_failed() != before);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("fork");
	if (status)
		die("the process of the first VM failed: status %#x", status);
}

static size_t on_ends(size_t (*fn)(void *, size_t), char *p)
{
	size_t half = opt.span / 2;

	if (!half)
		return fn(p, opt.size);
	return fn(p, half) + fn(p + opt.size - half, half);
}

static size_t fill(void *p, size_t size)
{
	host_tag_fill(p, size, opt.seed);
	return host_tag_count(p, size);
}

static size_t touch(void *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += 4096)
		((char *)p)[i] = 1;
	return host_tag_count(p, size);
}

static void host_fills(void)
{
	void *p = mem_map_tagged(opt.mem, opt.size);

	is(on_ends(fill, p), (opt.span ? opt.span : opt.size) / 16,
	   "a host process tags its memory");
	note(old, p);
	munmap(p, opt.size);
}

static void vm_reads(enum way way)
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];

	vm_touch(v);
	is(vm_tag_count(v), 0, "no tag goes from %s", way_name[way]);
	note(new, v->vm->data);
	count_common(way);
	vm_destroy(v->vm);
}

static void host_reads(enum way way)
{
	void *p = mem_map_tagged(opt.mem, opt.size);

	is(on_ends(touch, p), 0, "no tag goes from %s", way_name[way]);
	note(new, p);
	count_common(way);
	munmap(p, opt.size);
}

static void one_round(unsigned int r)
{
	vm_fills(opt.seed + r);
	vm_reads(VM_TO_VM);
	in_child(vm_fills, opt.seed + r + 1000);
	vm_reads(VM_TO_OTHER_VM);
	if (!mem_may_be_tagged(opt.mem))
		return;
	host_fills();
	vm_reads(PROCESS_TO_VM);
	vm_fills(opt.seed + r);
	host_reads(VM_TO_PROCESS);
}

/*
 * A VM without MTE has pages whose tags nobody has cleared. When it gets MTE at its reboot, it
 * must see none of these tags.
 */
CASE(late,
     "tags of earlier owners in the memory of a VM that gets MTE at its reboot")
{
	struct vcpu *v;
	struct vm *vm;

	old = room_for_pages();
	new = room_for_pages();
	host_fills();
	vm = vm_off(1);
	v = &vm->vcpu[0];
	vm_touch(v);
	note(new, vm->data);
	is(vm_tag_count(v), 0, "without MTE the guest reads no tags");
	ok(mem_overlap(old->pfn, old->n, new->pfn, new->n) > 0, "it has pages that a process has tagged");
	is(module_enable(vm, true), 0, "the VM is to get MTE");
	vm_init_all(vm);
	is(vm_tag_count(v), 0, "with MTE the guest reads no tags either");
	vm_tag_fill(v, opt.seed);
	is(vm_tag_verify(v, opt.seed), 0, "tags that it sets stay");
	is(module_enable(vm, false), 0, "the VM is to lose MTE");
	vm_init_all(vm);
	is(vm_tag_count(v), 0, "without MTE it reads no tags again");
	is(module_enable(vm, true), 0, "the VM is to get MTE again");
	vm_init_all(vm);
	is(vm_tag_verify(v, opt.seed), 0, "the tags are still those that it had set");
	vm_destroy(vm);
	return 0;
}

CASE(stale,
     "tags that go with a page from a VM or process to the next VM or process")
{
	unsigned int r, way, ways = mem_may_be_tagged(opt.mem) ? WAYS : PROCESS_TO_VM;

	/* Newer kernels keep many free pages for the CPU on which they were freed. */
	pin_to(0);
	old = room_for_pages();
	new = room_for_pages();
	for (r = 0; r < rounds_or(3); r++)
		one_round(r);
	/* If no page went from one to the other, the case has shown nothing. */
	for (way = 0; way < ways; way++)
		ok(common[way], "pages went from %s", way_name[way]);
	return 0;
}
