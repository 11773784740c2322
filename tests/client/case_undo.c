// SPDX-License-Identifier: GPL-2.0-only
/* The less common ways through the knob's states. */
#include <sys/mman.h>

#include "client.h"
#include "life.h"

#define PAGE	65536UL

static void undone_on(void)
{
	struct vm *vm = vm_off(1);
	struct vcpu *v = &vm->vcpu[0];

	vcpu_cmd(v, CMD_NOP);
	life_write(vm, true, "after a run");
	life_write(vm, true, "once more");
	life_is(vm, "turning-on", "admin", "after writing 1 twice");
	life_write(vm, false, "while turning on");
	life_is(vm, "off", "none", "undone");
	life_guest(v, false, "(undone)");
	vm_init_all(vm);
	life_is(vm, "off", "none", "undone, after the reboot");
	life_guest(v, false, "(undone, after the reboot)");
	vm_destroy(vm);
}

static void turned_off(void)
{
	struct vm *vm = vm_off(2);
	struct vcpu *a = &vm->vcpu[0], *b = &vm->vcpu[1];

	life_write(vm, true, "before the first run");
	life_guest(a, true, "(on)");
	life_guest(b, true, "(on)");
	life_write(vm, false, "after a run");
	life_is(vm, "turning-off", "admin", "while the guest runs");
	life_guest(a, true, "(turning off)");
	life_write(vm, true, "while turning off");
	life_is(vm, "on", "admin", "undone");
	vm_init_all(vm);
	life_is(vm, "on", "admin", "undone, after the reboot");
	life_guest(b, true, "(undone)");
	life_write(vm, false, "again");
	vm_init_all(vm);
	is_text(module_read(vm, "state"), "off", "state after the reboot");
	is_text(module_read(vm, "enable"), "0", "enable after the reboot");
	life_guest(a, false, "(off again)");
	life_guest(b, false, "(off again)");
	life_write(vm, true, "once more");
	vm_init_all(vm);
	life_guest(a, true, "(on again)");
	vm_destroy(vm);
}

/* It has no MTE yet, so it may have the memory. The change is dropped. */
static void dropped(void)
{
	struct vm *vm = vm_off(1);
	struct vcpu *v = &vm->vcpu[0];
	void *file = mem_map(MEM_SHARED_FILE, PAGE, NULL);

	vcpu_cmd(v, CMD_NOP);
	life_write(vm, true, "after a run");
	is(vm_slot(vm, 3, GUEST_DATA + (64UL << 30), file, PAGE, 0), 0,
	   "turning on: a slot of a file is accepted");
	life_is(vm, "off", "none", "with a slot that cannot hold tags");
	vm_init_all(vm);
	life_is(vm, "off", "none", "after the reboot");
	life_guest(v, false, "(with a slot that cannot hold tags)");
	vm_destroy(vm);
	munmap(file, PAGE);
}

/* One vCPU initialised again is no reboot. Nor are all of them if one ran in between. */
static void partly(bool on)
{
	const char *pending = on ? "turning-on" : "turning-off",
		   *when = on ? "(1 pending)" : "(0 pending)";
	struct vm *vm = vm_off(2);
	struct vcpu *a = &vm->vcpu[0], *b = &vm->vcpu[1];

	if (!on)
		life_write(vm, true, "before the first run");
	vcpu_cmd(a, CMD_NOP);
	vcpu_cmd(b, CMD_NOP);
	life_write(vm, on, "after a run");
	vcpu_init(a);
	life_is(vm, pending, "admin", "with one vCPU initialised again");
	life_guest(a, !on, when);
	life_is(vm, pending, "admin", "after that vCPU has run");
	vcpu_init(b);
	life_is(vm, pending, "admin", "with the other initialised again, too late");
	life_guest(b, !on, when);
	vcpu_init(b);
	vcpu_init(b);
	life_is(vm, pending, "admin", "with the same one initialised twice");
	vcpu_init(a);
	is_text(module_read(vm, "state"), on ? "on" : "off",
		"state once all are, with no run in between");
	life_guest(a, on, "(effective)");
	life_guest(b, on, "(effective)");
	vm_destroy(vm);
}

/* A guest whose MTE was turned off reads no tags. */
static void not_across_off(void)
{
	struct vm *vm = vm_off(1);
	struct vcpu *v = &vm->vcpu[0];

	life_write(vm, true, "before the first run");
	vm_touch(v);
	vm_tag_fill(v, opt.seed);
	vm_init_all(vm);
	is(vm_tag_verify(v, opt.seed), 0, "tags stay over a reboot with MTE on");
	life_write(vm, false, "after a run");
	vm_init_all(vm);
	is(vm_tag_count(v), 0, "no tags are read with MTE off");
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), 4096, opt.seed), 0,
	   "data stays over that");
	vm_destroy(vm);
}

static void stats(void)
{
	struct vm *vm = vm_new();
	long before, pages = opt.size / HOST_PAGE;
	struct vcpu *v;

	vm_load_guest(vm);
	vm_memory(vm, MEM_ANON4K, opt.size);
	v = vcpu_create(vm);
	if (module_number(vm, "stats/pages_tagged") != 0)
		diag("tags are cleared before the guest runs");
	life_write(vm, true, "to a fresh VM");
	vcpu_init(v);
	vcpu_cmd(v, CMD_NOP);
	before = module_number(vm, "stats/pages_tagged");
	vm_touch(v);
	is(module_number(vm, "stats/pages_tagged") - before, pages,
	   "each page that the guest touches is counted");
	vm_touch(v);
	vm_tag_fill(v, opt.seed);
	is(module_number(vm, "stats/pages_tagged") - before, pages, "each page is counted once");
	is(module_number(vm, "stats/tags_restored"), 0, "no tags restored");
	vm_destroy(vm);
}

CASE(undo,
     "wrong states of the knob: undone, turned off, guests rebooted in part; wrong stats")
{
	module_needed();
	undone_on();
	turned_off();
	dropped();
	partly(true);
	partly(false);
	not_across_off();
	if (module_injects())
		stats();
	return 0;
}
