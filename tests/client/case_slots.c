// SPDX-License-Identifier: GPL-2.0-only
/* Which memory a VM with MTE may have. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define SIZE	(4UL << 20)
#define PROT_TAGGED	(PROT_READ | PROT_WRITE | 0x20)

/*
 * KVM's own guest MTE takes no shared memory up to 6.1, and no hugetlb from 6.2 to 6.12. The
 * module makes it take hugetlb memory.
 */
static bool native_takes(enum mem_kind kind)
{
	int k = host_kernel();

	if (k < KERNEL(6, 2))
		return !mem_is_shared(kind);
	return !mem_is_file(kind) &&
	       (k >= KERNEL(6, 13) || module_repairs("hugetlb_slots") || !mem_is_hugetlb(kind));
}

static bool may_hold_tags(enum mem_kind kind)
{
	return module_injects() ? !mem_is_file(kind) : native_takes(kind);
}

/* @when: of the VM that has the memory, for the names of the points */
static void use(struct vm *vm, enum mem_kind kind, const char *when)
{
	const char *name = mem_name[kind];
	struct vcpu *v = vcpu_create(vm);

	vcpu_init(v);
	vcpu_cmd(v, CMD_STORE, GUEST_DATA, GUEST_DATA + SIZE, 4096, 7);
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, GUEST_DATA + SIZE, 4096, 7), 0,
	   "%s%s: the guest uses it", name, when);
	if (!opt.on)
		return;
	is(vcpu_cmd(v, CMD_TAG_READ, GUEST_DATA, GUEST_DATA + SIZE), 0, "%s%s: no tags at first",
	   name, when);
	vcpu_cmd(v, CMD_TAG_FILL, GUEST_DATA, GUEST_DATA + SIZE, 7);
	is(vcpu_cmd(v, CMD_TAG_VERIFY, GUEST_DATA, GUEST_DATA + SIZE, 7), 0, "%s%s: tags stay",
	   name, when);
	/* KVM of 6.12 takes hugetlb memory, but no process may map it PROT_MTE. */
	if (mem_is_hugetlb(kind) && module_repairs("hugetlb_slots"))
		is_text(mprotect(vm->data, SIZE, PROT_TAGGED) ? errno_name(errno) : "0", "EINVAL",
			"%s%s: the VMM cannot map it PROT_MTE", name, when);
}

static void one_kind(enum mem_kind kind)
{
	bool fine = !opt.on || may_hold_tags(kind);
	struct vm *vm = vm_new();
	int r;

	vm_load_guest(vm);
	vm->data = mem_map(kind, SIZE, NULL);
	vm->data_size = SIZE;
	r = vm_slot(vm, 1, GUEST_DATA, vm->data, SIZE, 0);
	is_text(errno_name(r), fine ? "0" : "EINVAL", "%s: slot %s", mem_name[kind],
		fine ? "accepted" : "refused");
	if (fine && !r)
		use(vm, kind, "");
	vm_destroy(vm);
}

/* The VM gets MTE when it has the slot already. Then KVM checks the memory in faults only. */
static void slot_first(enum mem_kind kind)
{
	struct vm *vm = vm_create();

	vm_load_guest(vm);
	vm_memory(vm, kind, SIZE);
	is_text(errno_name(vm_enable(vm)), "0", "%s, slot first: MTE is enabled", mem_name[kind]);
	use(vm, kind, ", slot first");
	vm_destroy(vm);
}

/* The knob refuses to turn on a VM with a slot that cannot hold tags. The VM is as before. */
static void on_too_late(enum mem_kind kind)
{
	struct vm *vm = vm_create();
	struct vcpu *v;

	vm_load_guest(vm);
	vm_memory(vm, kind, SIZE);
	v = vcpu_create(vm);
	vcpu_init(v);
	is_text(errno_name(module_enable(vm, true)), "EINVAL", "%s: MTE cannot be turned on",
		mem_name[kind]);
	is_text(module_read(vm, "state"), "off", "%s: the VM is still off", mem_name[kind]);
	is_text(module_read(vm, "origin"), "none", "%s: its origin is none", mem_name[kind]);
	is(guest_pfr1(v) & PFR1_MTE, 0, "%s: the guest runs without MTE", mem_name[kind]);
	is_text(errno_name(module_enable(vm, true)), "EINVAL", "%s: nor can it be after a run",
		mem_name[kind]);
	is_text(module_read(vm, "state"), "off", "%s: the VM is off then, too", mem_name[kind]);
	/* Without that slot the VM can be turned on. */
	is(vm_slot(vm, 1, GUEST_DATA, vm->data, 0, 0), 0, "%s: slot removed", mem_name[kind]);
	is_text(errno_name(module_enable(vm, true)), "0", "%s: MTE can be turned on without it",
		mem_name[kind]);
	is_text(module_read(vm, "state"), "turning-on", "%s: pending", mem_name[kind]);
	vm_destroy(vm);
}

#define DEVICE_PHYS	0x10000000

static void pfnmap(void *p, u32 flags, bool fine, bool stays, const char *what)
{
	struct vm *vm = vm_new();

	vm_load_guest(vm);
	is_text(errno_name(vm_slot(vm, 1, GUEST_DATA, p, getpagesize(), flags)), fine ? "0" : "EINVAL",
		"%s: slot %s", what, fine ? "accepted" : "refused");
	if (opt.policy == POLICY_ON)
		is_text(module_read(vm, "state"), stays ? "on" : "off", "%s: state under policy on",
			what);
	vm_destroy(vm);
}

/* Memory that KVM maps as device. KVM's own guest MTE refuses it without the module. */
static void device(void)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED :
		  mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, DEVICE_PHYS);

	close(fd);
	if (p == MAP_FAILED) {
		skip("no device memory can be mapped", "device memory");
		return;
	}
	pfnmap(p, 0, true, true, "device memory");
	pfnmap(p, KVM_MEM_LOG_DIRTY_PAGES, false, true, "device memory, logged");
	munmap(p, getpagesize());
}

/* The kernel's data page of the vDSO, which every process has: RAM in a VM_PFNMAP mapping. */
static void *vvar(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start = 0;
	char line[256];
	struct timespec now;

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "[vvar]"))
			start = strtoul(line, NULL, 16);
	if (maps)
		fclose(maps);
	/* It is mapped when it is read. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (void *)start;
}

static void driver_memory(void)
{
	bool taken = !opt.on;
	void *p = vvar();

	if (!p) {
		skip("no [vvar]", "RAM of a driver");
		return;
	}
	/* Only the answer is tested, not what KVM does with such memory if it takes it. */
	if (opt.on || opt.policy == POLICY_ON)
		pfnmap(p, KVM_MEM_READONLY, taken, false, "RAM of a driver");
}

/* Not every host has hugetlb pages of each size. */
static bool host_has(enum mem_kind kind)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB", mem_page(kind) >> 10);
	return !mem_is_hugetlb(kind) || !access(path, F_OK);
}

CASE(slots,
     "memory that cannot hold tags accepted, or good memory refused")
{
	int kind;

	for (kind = 0; kind < MEM_KINDS; kind++)
		if (mem_page(kind) <= SIZE && host_has(kind)) {
			one_kind(kind);
			if (opt.on && may_hold_tags(kind))
				slot_first(kind);
		}
	device();
	driver_memory();
	if (opt.enable == ENABLE_SYSFS) {
		if (!may_hold_tags(MEM_PRIVATE_FILE))
			on_too_late(MEM_PRIVATE_FILE);
		on_too_late(MEM_SHARED_FILE);
	}
	return 0;
}

static void slip(enum mem_kind kind, enum guest_cmd cmd, const char *how)
{
	const u64 access[6] = { GUEST_DATA, GUEST_DATA + SIZE, 4096, 7 };
	struct vm *vm = vm_new();
	struct vcpu *v;
	int i;

	vm_load_guest(vm);
	vm_memory(vm, MEM_ANON4K, SIZE);
	v = vcpu_create(vm);
	vcpu_init(v);
	is(vcpu_try_cmd(v, cmd, access), 0, "%s, %s: fine at first", mem_name[kind], how);
	mem_map(kind, SIZE, vm->data);
	for (i = 0; i < 2; i++)
		is_text(errno_name(vcpu_try_cmd(v, cmd, access)), opt.on ? "EFAULT" : "0",
			"%s, %s: KVM_RUN once the slot's mapping is replaced", mem_name[kind], how);
	mem_map(MEM_ANON4K, SIZE, vm->data);
	if (opt.on)
		is(vcpu_run(v), 0, "%s, %s: the guest goes on with good memory", mem_name[kind], how);
	vm_destroy(vm);
}

CASE(slip,
     "memory that cannot hold tags, mapped into a slot later and given to the guest")
{
	slip(MEM_SHARED_FILE, CMD_LOAD, "read");
	slip(MEM_SHARED_FILE, CMD_STORE, "written");
	/*
	 * A write to a private mapping gives an anonymous page, which can hold tags. KVM up to
	 * 6.1 refuses shared memory only.
	 */
	if (module_injects() || host_kernel() >= KERNEL(6, 2))
		slip(MEM_PRIVATE_FILE, CMD_LOAD, "read");
	return 0;
}
