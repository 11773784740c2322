// SPDX-License-Identifier: GPL-2.0-only
/* VMs that are created as the options say, and what cases often do with their memory. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "client.h"

#define DATA_SLOT	1

/**
 * vm_enable() - turn MTE on as --enable says
 * @vm: the VM
 *
 * Return: 0 or -errno
 */
int vm_enable(struct vm *vm)
{
	switch (opt.enable) {
	case ENABLE_CAP:
		return vm_enable_mte(vm);
	case ENABLE_SYSFS:
		return module_enable(vm, true);
	default:
		return 0;
	}
}

static void must_be_enabled(int r)
{
	if (r)
		die("MTE could not be enabled: %s", errno_name(r));
}

/**
 * vm_new() - an empty VM, with MTE if asked for
 *
 * Return: the VM
 */
struct vm *vm_new(void)
{
	struct vm *vm = vm_create();

	must_be_enabled(vm_enable(vm));
	return vm;
}

/**
 * vm_memory() - the guest's data memory
 * @vm: the VM
 * @kind: of which kind
 * @size: how much
 */
void vm_memory(struct vm *vm, enum mem_kind kind, size_t size)
{
	int r;

	vm->data = mem_map(kind, size, NULL);
	vm->data_size = size;
	r = vm_slot(vm, DATA_SLOT, GUEST_DATA, vm->data, size, 0);
	if (r)
		die("KVM_SET_USER_MEMORY_REGION of %s: %s", mem_name[kind], errno_name(r));
}

static void furnish(struct vm *vm, unsigned int vcpus)
{
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	while (vcpus--)
		vcpu_create(vm);
	vm_init_all(vm);
}

/**
 * vm_off() - a VM that is ready to run, and for which nobody has asked for MTE
 * @vcpus: how many vCPUs it has
 *
 * Return: the VM
 */
struct vm *vm_off(unsigned int vcpus)
{
	struct vm *vm = vm_create();

	furnish(vm, vcpus);
	return vm;
}

/**
 * vm_ready() - a VM ready to run, with MTE if asked for
 * @vcpus: how many vCPUs it has
 *
 * Return: the VM
 */
struct vm *vm_ready(unsigned int vcpus)
{
	struct vm *vm = vm_new();

	furnish(vm, vcpus);
	if (opt.enable == ENABLE_LATE)
		must_be_enabled(module_enable(vm, true));
	return vm;
}

/**
 * vm_init_all() - (re)initialise every vCPU, as a VMM does on a reboot of the guest
 * @vm: the VM
 */
void vm_init_all(struct vm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_init(&vm->vcpu[i]);
}

/**
 * vm_data_end() - the end of the guest's data memory
 * @vm: the VM
 *
 * Return: the first guest address after it
 */
u64 vm_data_end(struct vm *vm)
{
	return GUEST_DATA + vm->data_size;
}

/*
 * One command for all of the guest's data memory, or with --span for both ends of it. Arguments 2
 * and 3 are the caller's. Adds up the first results. The details come from the first range that
 * has any.
 */
static u64 on_data(struct vcpu *v, enum guest_cmd cmd, u64 a, u64 b, u64 *detail)
{
	u64 end = vm_data_end(v->vm), half = opt.span / 2, n;

	if (!half) {
		n = vcpu_cmd(v, cmd, GUEST_DATA, end, a, b);
		memcpy(detail, &v->mb->ret[1], 16);
		return n;
	}
	n = vcpu_cmd(v, cmd, GUEST_DATA, GUEST_DATA + half, a, b);
	memcpy(detail, &v->mb->ret[1], 16);
	vcpu_cmd(v, cmd, end - half, end, a, b);
	if (!n)
		memcpy(detail, &v->mb->ret[1], 16);
	return n + v->mb->ret[0];
}

/**
 * vm_data_used() - how much of its data memory the guest uses
 * @vm: the VM
 *
 * Return: bytes
 */
size_t vm_data_used(struct vm *vm)
{
	return opt.span ? opt.span : vm->data_size;
}

/**
 * vm_touch() - the guest writes to every page, because a read of fresh memory only finds the zero
 *	page
 * @v: by which vCPU
 */
void vm_touch(struct vcpu *v)
{
	u64 detail[2];

	on_data(v, CMD_STORE, 4096, opt.seed, detail);
}

/**
 * vm_tag_fill() - the guest tags every granule of its data memory, nonzero
 * @v: by which vCPU
 * @seed: other tags for another seed
 */
void vm_tag_fill(struct vcpu *v, u64 seed)
{
	u64 detail[2];

	on_data(v, CMD_TAG_FILL, seed, 0, detail);
}

/**
 * vm_tag_verify() - compare the tags with those of vm_tag_fill()
 * @v: by which vCPU
 * @seed: the seed
 *
 * Return: how many granules differ
 */
u64 vm_tag_verify(struct vcpu *v, u64 seed)
{
	u64 at[2], n = on_data(v, CMD_TAG_VERIFY, seed, 0, at);

	if (n)
		diag("%lu granules differ, the first at %#lx has tag %#lx", n, at[0], at[1]);
	return n;
}

/**
 * vm_tag_count() - the guest reads all tags of its data memory
 * @v: by which vCPU
 *
 * Return: how many are not zero
 */
u64 vm_tag_count(struct vcpu *v)
{
	u64 at[2], n = on_data(v, CMD_TAG_READ, 0, 0, at);

	if (n)
		diag("%lu of %zu granules have a tag, the first at %#lx has %#lx", n,
		     vm_data_used(v->vm) / 16, at[0], at[1]);
	return n;
}

/**
 * rounds_or() - --rounds, or a case's own number
 * @dflt: that number
 *
 * Return: how many rounds
 */
unsigned int rounds_or(unsigned int dflt)
{
	return opt.rounds ? opt.rounds : dflt;
}

/**
 * host_kernel() - version of the host's kernel, for what differs between versions of KVM's own
 *	guest MTE
 *
 * Return: comparable with KERNEL(major, minor)
 */
int host_kernel(void)
{
	struct utsname u;
	int a = 0, b = 0;

	uname(&u);
	if (sscanf(u.release, "%d.%d", &a, &b) != 2)
		die("uname: no version in '%s'", u.release);
	return KERNEL(a, b);
}

/**
 * pin_to() - bind the calling thread to a CPU
 * @cpu: its number
 */
void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("CPU %d: cannot be bound to", cpu);
}
