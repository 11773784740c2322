// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that logs its guest's dirty memory is about to migrate the guest. A VMM that has not asked
 * for MTE does not carry the tags: the module counts that. Needs the module.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"
#include "life.h"

#define LOG	KVM_MEM_LOG_DIRTY_PAGES
#define SMALL	(opt.size / 8)
#define QUARTER	(opt.size / 4)
#define OTHER	(GUEST_DATA + (1UL << 30))
#define THIRD	(GUEST_DATA + (2UL << 30))

/*
 * Slots: 0 the guest's code, which is small beside its memory; 1 its memory; 2 and 3 further
 * memory.
 */
static void slot(struct vm *vm, int nr, u64 ipa, void *p, size_t size, u32 flags)
{
	int r = vm_slot(vm, nr, ipa, p, size, flags);

	if (r)
		die("slot %d: %s", nr, errno_name(r));
}

static void log_memory(struct vm *vm, bool on)
{
	slot(vm, 1, GUEST_DATA, vm->data, vm->data_size, on ? LOG : 0);
}

static void count_is(struct vm *vm, long want, const char *when)
{
	is(module_number(vm, "stats/untracked_migrations"), want, "untracked_migrations %s", when);
}

static struct vm *furnished(struct vm *vm)
{
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	vcpu_init(vcpu_create(vm));
	return vm;
}

static struct vm *by_admin(void)
{
	struct vm *vm = furnished(vm_create());

	if (strcmp(module_read(vm, "state"), "on"))
		life_write(vm, true, "by an admin");
	return vm;
}

static void again_and_again(void)
{
	struct vm *vm = by_admin();
	void *p = mem_map(MEM_ANON4K, opt.size, NULL);

	count_is(vm, 0, "at first");
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	log_memory(vm, true);
	count_is(vm, 1, "when logging starts");
	slot(vm, 2, OTHER, p, opt.size, LOG);
	count_is(vm, 1, "when another slot is logged, too");
	log_memory(vm, false);
	count_is(vm, 1, "when one of two stops");
	log_memory(vm, true);
	count_is(vm, 1, "when it starts again, and the other has gone on");
	log_memory(vm, false);
	slot(vm, 2, OTHER, p, opt.size, 0);
	count_is(vm, 1, "when both have stopped");
	slot(vm, 2, OTHER, p, opt.size, LOG);
	count_is(vm, 2, "when the other starts");
	slot(vm, 2, OTHER, NULL, 0, 0);
	log_memory(vm, true);
	count_is(vm, 3, "when that slot is removed and the first starts");
	is(module_number(vm, "stats/untracked_migrations"), 3, "reading does not count");
	vm_destroy(vm);
	munmap(p, opt.size);
}

/* A frame buffer is logged all the time. That is no migration. */
static void small_ones(void)
{
	struct vm *vm = by_admin();
	void *p = mem_map(MEM_ANON4K, opt.size, NULL);

	slot(vm, 2, OTHER, p, SMALL, LOG);
	count_is(vm, 0, "when a small slot is logged");
	slot(vm, 3, THIRD, p + QUARTER, QUARTER, 0);
	count_is(vm, 0, "with a slot of a quarter of the memory");
	slot(vm, 3, THIRD, p + QUARTER, QUARTER, LOG);
	count_is(vm, 1, "when that is logged");
	slot(vm, 3, THIRD, p + QUARTER, QUARTER, 0);
	log_memory(vm, true);
	count_is(vm, 2, "when the memory is logged beside the small slot");
	vm_destroy(vm);
	munmap(p, opt.size);
}

/* A VM that is off may log. If it is turned on meanwhile, that counts. */
static void turned_on_late(void)
{
	struct vm *vm = furnished(vm_create());

	/* Under policy on the VM is on. */
	if (!strcmp(module_read(vm, "state"), "on"))
		life_write(vm, false, "by an admin");
	log_memory(vm, true);
	count_is(vm, 0, "of a VM without MTE");
	life_write(vm, true, "by an admin, while memory is logged");
	count_is(vm, 1, "when it is turned on meanwhile");
	log_memory(vm, false);
	life_write(vm, false, "by an admin");
	log_memory(vm, true);
	count_is(vm, 1, "when it is off again and logs");
	vm_destroy(vm);
}

/* At the guest's reboot, not before */
static void turned_on_later(void)
{
	struct vm *vm = furnished(vm_create());

	if (!strcmp(module_read(vm, "state"), "on"))
		life_write(vm, false, "by an admin");
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	log_memory(vm, true);
	life_write(vm, true, "by an admin, after a run");
	is_text(module_read(vm, "state"), "turning-on", "state");
	count_is(vm, 0, "while the change is pending");
	vm_init_all(vm);
	is_text(module_read(vm, "state"), "on", "state after the reboot");
	count_is(vm, 1, "once the guest has MTE");
	vm_destroy(vm);
}

/* The VMM has asked for MTE, so it knows of tags: nothing is counted. */
static void by_its_vmm(void)
{
	struct vm *vm = vm_create();

	is(vm_enable_mte(vm), 0, "KVM_ENABLE_CAP");
	furnished(vm);
	log_memory(vm, true);
	log_memory(vm, false);
	log_memory(vm, true);
	count_is(vm, 0, "of a VM whose VMM asked itself");
	vm_destroy(vm);
}

/* The messages are rate-limited. The count is not. */
static void many(unsigned int n)
{
	struct vm *vm = by_admin();
	unsigned int i;

	for (i = 0; i < n; i++) {
		log_memory(vm, true);
		log_memory(vm, false);
	}
	count_is(vm, n, "when logging was started that often");
	vm_destroy(vm);
}

CASE(dirtylog,
     "VMMs that log dirty memory but do not know of its tags, not counted or counted wrongly")
{
	module_needed();
	if (opt.rounds) {
		many(opt.rounds);
		return 0;
	}
	again_and_again();
	small_ones();
	turned_on_late();
	turned_on_later();
	if (opt.policy != POLICY_OFF)
		by_its_vmm();
	return 0;
}
