// SPDX-License-Identifier: GPL-2.0-only
/*
 * The knob of one VM through the VM's life. Needs the module. States and words are those of the
 * module's documentation.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "life.h"

/**
 * life_is() - state and origin of a VM
 * @vm: the VM
 * @state: what its state must be
 * @origin: what its origin must be
 * @when: for the name of the point
 */
void life_is(struct vm *vm, const char *state, const char *origin, const char *when)
{
	is_text(module_read(vm, "state"), state, "state %s", when);
	is_text(module_read(vm, "origin"), origin, "origin %s", when);
}

/**
 * life_write() - write to the knob, which must work
 * @vm: the VM
 * @on: whether to write 1 or 0
 * @when: for the name of the point
 */
void life_write(struct vm *vm, bool on, const char *when)
{
	is_text(errno_name(module_enable(vm, on)), "0", "writing %d %s", on, when);
}

/**
 * life_guest() - whether a guest has MTE, in everything that it and its VMM can see
 * @v: a vCPU of it
 * @on: whether it must have MTE
 * @when: for the name of the points
 */
void life_guest(struct vcpu *v, bool on, const char *when)
{
	u64 want = on ? host_pfr1() & PFR1_MTE : 0, val;

	is(reg_must_get(v, REG_PFR1) & PFR1_MTE, want, "vCPU %d, VMM's ID register %s", v->id,
	   when);
	is(guest_pfr1(v) & PFR1_MTE, want, "vCPU %d, guest's ID register %s", v->id, when);
	is(!reg_get(v, mte_reg_id[MTE_GCR], &val), on, "vCPU %d, GCR_EL1 by KVM_GET_ONE_REG %s",
	   v->id, when);
	vcpu_cmd(v, CMD_MTE_GET);
	is(v->mb->ret[MTE_REGS], !on, "vCPU %d, GCR_EL1 UNDEFINED for the guest %s", v->id, when);
	vcpu_cmd(v, CMD_TAG_FILL, GUEST_DATA, GUEST_DATA + 4096, 3);
	is(vcpu_cmd(v, CMD_TAG_READ, GUEST_DATA, GUEST_DATA + 4096), on ? 256 : 0,
	   "vCPU %d, tags stored %s", v->id, when);
}

static void before_first_run(void)
{
	struct vm *vm = vm_create();

	life_is(vm, "off", "none", "of a new VM");
	is(module_number(vm, "pid"), getpid(), "its pid");
	is(module_number(vm, "vcpus"), 0, "it has no vCPU");
	is_text(module_read(vm, "enable"), "0", "its enable");
	is(module_number(vm, "stats/pages_tagged"), 0, "no page tagged");
	is(module_number(vm, "stats/tags_restored"), 0, "no tags restored");
	life_write(vm, true, "without vCPUs");
	life_is(vm, "on", "admin", "without vCPUs");
	is_text(module_read(vm, "enable"), "1", "enable reads back");
	life_write(vm, false, "without vCPUs");
	is_text(module_read(vm, "state"), "off", "state after 0 without vCPUs");
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	vcpu_create(vm);
	vcpu_create(vm);
	is(module_number(vm, "vcpus"), 2, "vCPUs are counted");
	life_write(vm, true, "with vCPUs");
	life_is(vm, "on", "admin", "with vCPUs");
	life_write(vm, false, "with vCPUs");
	is_text(module_read(vm, "state"), "off", "state after 0 with vCPUs");
	vm_init_all(vm);
	life_write(vm, true, "with initialised vCPUs");
	life_is(vm, "on", "admin", "with initialised vCPUs");
	life_guest(&vm->vcpu[0], true, "(on between init and first run)");
	life_guest(&vm->vcpu[1], true, "(on between init and first run)");
	vm_destroy(vm);
}

/* On after init, off again before the first run: nothing of MTE must be left. */
static void on_and_off(void)
{
	struct vm *vm = vm_off(1);

	life_write(vm, true, "before the first run");
	life_write(vm, false, "before the first run");
	is_text(module_read(vm, "state"), "off", "state after 1 and 0 before the first run");
	life_guest(&vm->vcpu[0], false, "(on and off before the first run)");
	vm_destroy(vm);
}

static void after_run(void)
{
	struct vm *vm = vm_off(2);
	struct vcpu *a = &vm->vcpu[0], *b = &vm->vcpu[1];

	life_guest(a, false, "(off)");
	life_guest(b, false, "(off)");
	life_write(vm, true, "to a VM that has run");
	life_is(vm, "turning-on", "admin", "of a VM that has run");
	life_guest(a, false, "(turning on)");
	life_is(vm, "turning-on", "admin", "after more of it");
	vm_init_all(vm);
	life_is(vm, "on", "admin", "after the reboot");
	is_text(module_read(vm, "enable"), "1", "enable after the reboot");
	life_guest(a, true, "(after the reboot)");
	life_guest(b, true, "(after the reboot)");
	vm_init_all(vm);
	life_guest(a, true, "(after another reboot)");
	vm_destroy(vm);
}

static void only_one_ran(void)
{
	struct vm *vm = vm_off(2);

	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	life_write(vm, true, "when one of two vCPUs has run");
	life_is(vm, "turning-on", "admin", "when one of two vCPUs has run");
	vm_init_all(vm);
	life_is(vm, "on", "admin", "after both are initialised again");
	life_guest(&vm->vcpu[1], true, "(the one that had not run)");
	vm_destroy(vm);
}

/* Pages that the guest had before it had MTE hold tags of an earlier owner until it gets MTE. */
static void tags_of_others(void)
{
	/* Much more than the guest needs, so that the guest surely gets some of it. */
	size_t n, more = 8 * opt.size;
	unsigned long *theirs = malloc(more / 4096 * sizeof(long));
	unsigned long *ours = malloc(opt.size / 4096 * sizeof(long));
	void *p = host_tagged_map(more);
	struct vm *vm;
	struct vcpu *v;

	host_tag_fill(p, more, opt.seed);
	n = mem_pfns(p, more, theirs);
	munmap(p, more);
	vm = vm_off(1);
	v = &vm->vcpu[0];
	vm_touch(v);
	n = mem_overlap(theirs, n, ours, mem_pfns(vm->data, opt.size, ours));
	diag("%zu of %zu pages were tagged", n, opt.size / 4096);
	ok(mem_is_hugetlb(opt.mem) || n > 0, "the guest has pages that a process had tagged");
	life_write(vm, true, "with all of memory mapped");
	vm_init_all(vm);
	is(vm_tag_count(v), 0, "no tag in memory mapped before MTE was on");
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), 4096, opt.seed), 0,
	   "and its data is still there");
	vm_tag_fill(v, opt.seed);
	is(vm_tag_verify(v, opt.seed), 0, "tags stay then");
	free(theirs);
	free(ours);
	vm_destroy(vm);
}

static void directory(void)
{
	struct vm *vm = vm_create();
	char path[128];
	struct stat st;

	module_vm_path(vm, "", path, sizeof(path));
	is(stat(path, &st), 0, "a new VM has a directory");
	vm_destroy(vm);
	is(stat(path, &st), -1, "the directory goes with the VM");
}

CASE(life,
     "wrong states of the knob: before the first run, pending, after the guest's reboot")
{
	module_needed();
	directory();
	before_first_run();
	on_and_off();
	after_run();
	only_one_ran();
	tags_of_others();
	return 0;
}
