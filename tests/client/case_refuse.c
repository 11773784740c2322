// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file migration: a VMM that does not know of tags cannot log its guest's memory, so it cannot
 * migrate the guest. Needs the module.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "carry.h"
#include "client.h"
#include "life.h"

#define LOG	KVM_MEM_LOG_DIRTY_PAGES
#define OTHER	(GUEST_DATA + (1UL << 30))
#define SMALL	(opt.size / 8)

#define error_is(got, want, ...)	is_text(errno_name(got), want, __VA_ARGS__)

static int log_memory(struct vm *vm, bool on)
{
	return vm_slot(vm, 1, GUEST_DATA, vm->data, vm->data_size, on ? LOG : 0);
}

static void word(struct vm *vm, const char *word, const char *want)
{
	error_is(module_write(vm, "migration", word, strlen(word)), want, "write %.*s", (int)strcspn(word, "\n"), word);
}

static void count_is(struct vm *vm, long want, const char *when)
{
	is(module_number(vm, "stats/untracked_migrations"), want, "untracked_migrations %s", when);
}

static struct vm *furnished(void)
{
	struct vm *vm = vm_create();

	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	vcpu_init(vcpu_create(vm));
	return vm;
}

static struct vm *by_admin(void)
{
	struct vm *vm = furnished();

	life_write(vm, true, "by an admin");
	return vm;
}

static void refused(void)
{
	struct vm *vm = by_admin();
	void *p = mem_map(MEM_ANON4K, opt.size, NULL);
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = p };

	is_text(module_read(vm, "migration"), "warn", "at first");
	word(vm, "never\n", "EINVAL");
	is_text(module_read(vm, "migration"), "warn", "after a wrong word");
	word(vm, "refuse\n", "0");
	is_text(module_read(vm, "migration"), "refuse", "then");
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	error_is(log_memory(vm, true), "EPERM", "refuse: the memory is logged");
	count_is(vm, 0, "after that");
	error_is(kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), "ENOENT", "it has no log");
	error_is(log_memory(vm, false), "0", "the slot is set without a log");
	error_is(vm_slot(vm, 2, OTHER, p, opt.size, LOG), "EPERM", "a new slot that is logged");
	error_is(vm_slot(vm, 2, OTHER, p, SMALL, LOG), "0", "a small slot that is logged");
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	word(vm, "warn\n", "0");
	error_is(log_memory(vm, true), "0", "warn: the memory is logged");
	count_is(vm, 1, "after that");
	word(vm, "refuse", "0");
	error_is(log_memory(vm, true), "0", "refuse: what is logged already stays so");
	error_is(log_memory(vm, false), "0", "refuse: the log ends");
	error_is(log_memory(vm, true), "EPERM", "refuse: the log begins again");
	count_is(vm, 1, "after all");
	vm_destroy(vm);
	munmap(p, opt.size);
}

/* Somebody waits to save the tags, so this is no migration without tags. */
static void allowed_while_saved(void)
{
	struct vm *vm = by_admin();
	int fd = carry_file();

	word(vm, "refuse", "0");
	error_is(carry_open(fd, vm, KVM_MTE_SAVE_AT_END), "0", "a file waits for the VM's end");
	error_is(log_memory(vm, true), "0", "the memory is logged meanwhile");
	count_is(vm, 1, "after that");
	error_is(log_memory(vm, false), "0", "the log ends");
	close(fd);
	count_is(vm, 1, "the file is closed when nothing is logged");
	error_is(log_memory(vm, true), "EPERM", "the memory is logged after that");
	fd = carry_file();
	error_is(carry_open(fd, vm, KVM_MTE_SAVE_AT_END), "0", "again a file waits");
	error_is(log_memory(vm, true), "0", "the memory is logged meanwhile");
	count_is(vm, 2, "after that");
	close(fd);
	count_is(vm, 3, "the file is closed while memory is logged");
	vm_destroy(vm);

	vm = by_admin();
	word(vm, "refuse", "0");
	fd = carry_file();
	error_is(carry_open(fd, vm, KVM_MTE_SAVE), "0", "a file reads the tags now");
	error_is(log_memory(vm, true), "EPERM", "the memory is logged meanwhile");
	close(fd);
	vm_destroy(vm);
}

static void turned_on_while_logged(void)
{
	struct vm *vm = furnished();

	word(vm, "refuse", "0");
	error_is(log_memory(vm, true), "0", "a VM without MTE is logged");
	error_is(module_write(vm, "enable", "1", 1), "EPERM", "it is turned on meanwhile");
	is_text(module_read(vm, "state"), "off", "state after that");
	error_is(log_memory(vm, false), "0", "the log ends");
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	life_write(vm, true, "by an admin, after a run");
	error_is(log_memory(vm, true), "0", "a VM that is turning on is logged");
	is_text(module_read(vm, "state"), "turning-on", "state");
	vm_init_all(vm);
	is_text(module_read(vm, "state"), "off", "state after the reboot");
	count_is(vm, 0, "after all");
	vm_destroy(vm);
}

static void by_its_vmm(void)
{
	struct vm *vm = vm_create();
	int fd;

	/* Memory before the capability */
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	word(vm, "refuse", "0");
	error_is(log_memory(vm, true), "0", "a VM without MTE is logged");
	is(vm_enable_mte(vm), 0, "its VMM asks for MTE");
	is_text(module_read(vm, "state"), "on", "state after that");
	count_is(vm, 0, "after that");
	life_write(vm, false, "by an admin");
	life_write(vm, true, "by an admin, while a VMM that knows of tags logs");
	vm_destroy(vm);
	vm = vm_create();

	is(vm_enable_mte(vm), 0, "KVM_ENABLE_CAP");
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	word(vm, "refuse", "0");
	error_is(log_memory(vm, true), "0", "a VM whose VMM asked itself is logged");
	count_is(vm, 0, "after that");
	fd = carry_file();
	error_is(carry_open(fd, vm, KVM_MTE_SAVE_AT_END), "0", "a file waits for its end");
	close(fd);
	count_is(vm, 0, "the file is closed while memory is logged");
	vm_destroy(vm);
}

static void load_no_tags(struct vm *vm)
{
	struct kvm_mte_write write = { .ipa = GUEST_DATA, .size = KVM_MTE_PAGE_SIZE };
	struct kvm_mte_range range[8];
	int fd = carry_file();

	error_is(carry_open(fd, vm, KVM_MTE_LOAD_INCOMING), "0", "a file loads the tags");
	is(carry_ranges(fd, range, 8), 2, "of the code and the memory");
	error_is(ioctl(fd, KVM_MTE_WRITE, &write) ? -errno : 0, "0", "of a page");
	error_is(ioctl(fd, KVM_MTE_RELEASE) ? -errno : 0, "0", "and releases the VM");
	close(fd);
}

/* A VM that policy turned on, and that has not run */
static void by_policy(void)
{
	struct vm *before = furnished(), *vm;

	policy_set_migration("refuse");
	policy_set_default("on");
	vm = furnished();
	is_text(module_read(before, "migration"), "warn", "a VM from before");
	is_text(module_read(vm, "migration"), "refuse", "a new VM");
	is_text(module_read(vm, "state"), "on", "its state");
	error_is(log_memory(vm, true), "0", "its memory is logged before it runs");
	is_text(module_read(vm, "state"), "off", "its state after that");
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	vm_destroy(vm);

	/* A guest's tags have come, and it has not run yet. */
	vm = furnished();
	load_no_tags(vm);
	error_is(log_memory(vm, true), "EPERM", "one whose tags were loaded is logged");
	is_text(module_read(vm, "state"), "on", "its state after that");
	vm_destroy(vm);

	vm = furnished();
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	error_is(log_memory(vm, true), "EPERM", "another one is logged after it has run");
	is_text(module_read(vm, "state"), "on", "its state after that");
	policy_set_default("request");
	policy_set_migration("warn");
	vm_destroy(vm);
	vm_destroy(before);
}

CASE(refuse,
     "VMMs that do not know of tags and migrate all the same, although an admin forbids it; and others that cannot migrate because of that")
{
	module_needed();
	refused();
	allowed_while_saved();
	turned_on_while_logged();
	by_its_vmm();
	by_policy();
	return 0;
}
