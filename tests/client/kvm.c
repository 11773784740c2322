// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "kvm.h"
#include "regs.h"

#ifndef HWCAP2_MTE
#define HWCAP2_MTE	(1 << 18)
#endif

#define CODE_SLOT	0

/* Device, normal write-back, and tagged normal where the CPU has it (reserved where not) */
#define MAIR_UNTAGGED	0xffff00UL
#define MAIR_TAGGED	0xf0ff00UL

/**
 * kvm_ioctl() - an ioctl with the error in the result
 * @fd: file descriptor
 * @req: request
 * @arg: its argument
 *
 * Return: what the ioctl returned, or -errno
 */
int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	int r = ioctl(fd, req, arg);

	return r < 0 ? -errno : r;
}

static int must(int r, const char *what)
{
	if (r < 0)
		die("%s: %s", what, errno_name(r));
	return r;
}

/**
 * kvm_dev() - /dev/kvm, opened once
 *
 * Return: its file descriptor
 */
int kvm_dev(void)
{
	static int fd = -1;
	int new;

	if (__atomic_load_n(&fd, __ATOMIC_ACQUIRE) >= 0)
		return fd;
	new = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (new < 0)
		die("/dev/kvm: %s", errno_name(errno));
	__atomic_store_n(&fd, new, __ATOMIC_RELEASE);
	return new;
}

/**
 * kvm_check() - KVM_CHECK_EXTENSION
 * @fd: of /dev/kvm or of a VM
 * @cap: number of the capability
 *
 * Return: its value, or -errno
 */
int kvm_check(int fd, int cap)
{
	return kvm_ioctl(fd, KVM_CHECK_EXTENSION, (void *)(long)cap);
}

/**
 * vm_create() - an empty VM
 *
 * Return: the VM
 */
struct vm *vm_create(void)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		die("out of memory");
	vm->fd = must(kvm_ioctl(kvm_dev(), KVM_CREATE_VM, NULL), "KVM_CREATE_VM");
	return vm;
}

/**
 * vm_enable_mte() - KVM_ENABLE_CAP(KVM_CAP_ARM_MTE)
 * @vm: the VM
 *
 * Return: 0 or -errno
 */
int vm_enable_mte(struct vm *vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_MTE };

	return kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

/**
 * vm_slot() - set or (with size 0) remove a memory slot
 * @vm: the VM
 * @slot: its number
 * @ipa: guest physical address
 * @hva: the memory
 * @size: in bytes
 * @flags: KVM_MEM_*
 *
 * Return: 0 or -errno
 */
int vm_slot(struct vm *vm, int slot, u64 ipa, void *hva, size_t size, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = ipa,
		.memory_size = size,
		.userspace_addr = (unsigned long)hva,
	};

	return kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

static bool cpu_has_mte(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_MTE;
}

/**
 * vm_load_guest() - the guest's code, page tables and mailboxes
 * @vm: the VM
 */
void vm_load_guest(struct vm *vm)
{
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;

	vm->code = mmap(NULL, GUEST_CODE_SIZE, prot, flags, -1, 0);
	if (vm->code == MAP_FAILED)
		die("mmap: %s", errno_name(errno));
	madvise(vm->code, GUEST_CODE_SIZE, MADV_NOHUGEPAGE);
	memcpy(vm->code, payload_start, payload_end - payload_start);
	*(u64 *)(vm->code + GUEST_MAIR) = cpu_has_mte() ? MAIR_TAGGED : MAIR_UNTAGGED;
	must(vm_slot(vm, CODE_SLOT, GUEST_CODE, vm->code, GUEST_CODE_SIZE, 0),
	     "KVM_SET_USER_MEMORY_REGION for the guest's code");
}

/**
 * vm_destroy() - end a VM and free its memory; no thread may be running it
 * @vm: the VM
 */
void vm_destroy(struct vm *vm)
{
	size_t run = kvm_ioctl(kvm_dev(), KVM_GET_VCPU_MMAP_SIZE, NULL);
	int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpu[i].run, run);
		close(vm->vcpu[i].fd);
	}
	close(vm->fd);
	if (vm->code)
		munmap(vm->code, GUEST_CODE_SIZE);
	if (vm->data)
		munmap(vm->data, vm->data_size);
	free(vm);
}

/**
 * vcpu_create() - one more vCPU, not initialised
 * @vm: the VM
 *
 * Return: the vCPU
 */
struct vcpu *vcpu_create(struct vm *vm)
{
	struct vcpu *v = &vm->vcpu[vm->nr_vcpus];
	long size =
		must(kvm_ioctl(kvm_dev(), KVM_GET_VCPU_MMAP_SIZE, NULL), "KVM_GET_VCPU_MMAP_SIZE");

	if (vm->nr_vcpus == GUEST_MAX_VCPUS)
		die("too many vCPUs");
	v->vm = vm;
	v->id = vm->nr_vcpus++;
	v->fd = must(kvm_ioctl(vm->fd, KVM_CREATE_VCPU, (void *)(long)v->id), "KVM_CREATE_VCPU");
	v->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		die("mmap of kvm_run: %s", errno_name(errno));
	if (vm->code)
		v->mb = vm->code + GUEST_MAILBOXES + v->id * GUEST_MAILBOX_STRIDE;
	return v;
}

/**
 * vcpu_try_init() - KVM_ARM_VCPU_INIT for the host's preferred target
 * @v: the vCPU
 * @features: the first 32 feature bits, beside PSCI 0.2
 *
 * Return: 0 or -errno
 */
int vcpu_try_init(struct vcpu *v, u32 features)
{
	struct kvm_vcpu_init init = { 0 };

	must(kvm_ioctl(v->vm->fd, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
	init.features[0] = features | 1u << KVM_ARM_VCPU_PSCI_0_2;
	return kvm_ioctl(v->fd, KVM_ARM_VCPU_INIT, &init);
}

static u64 mailbox_ipa(struct vcpu *v)
{
	return GUEST_CODE + GUEST_MAILBOXES + v->id * GUEST_MAILBOX_STRIDE;
}

static void reset_mailbox(struct vcpu *v)
{
	memset(v->mb, 0, sizeof(*v->mb));
	v->mb->stack = mailbox_ipa(v) + GUEST_MAILBOX_STRIDE;
	v->mb->has_tco = cpu_has_mte();
}

/**
 * vcpu_init_with() - vcpu_init() with features
 * @v: the vCPU
 * @features: the first 32 feature bits, beside PSCI 0.2
 */
void vcpu_init_with(struct vcpu *v, u32 features)
{
	must(vcpu_try_init(v, features), "KVM_ARM_VCPU_INIT");
	reset_mailbox(v);
	reg_must_set(v, REG_CORE(regs.regs[0]), mailbox_ipa(v));
	reg_must_set(v, REG_CORE(regs.pc), GUEST_CODE);
}

/**
 * vcpu_init() - (re)initialise a vCPU so that it starts in the guest's entry at its next run
 * @v: the vCPU
 */
void vcpu_init(struct vcpu *v)
{
	vcpu_init_with(v, 0);
}

/**
 * vcpu_init_off() - like vcpu_init(), but the vCPU waits for a PSCI CPU_ON with the entry
 *	GUEST_CODE and its mailbox as context
 * @v: the vCPU
 */
void vcpu_init_off(struct vcpu *v)
{
	must(vcpu_try_init(v, 1 << KVM_ARM_VCPU_POWER_OFF), "KVM_ARM_VCPU_INIT");
	reset_mailbox(v);
}

/*
 * KVM completes an MMIO access at the next KVM_RUN. Do it at once, so that the vCPU's registers
 * are those after the doorbell. A completion after a KVM_ARM_VCPU_INIT would skip an instruction.
 */
static void complete_mmio(struct vcpu *v)
{
	int r;

	v->run->immediate_exit = 1;
	r = kvm_ioctl(v->fd, KVM_RUN, NULL);
	v->run->immediate_exit = 0;
	if (r != -EINTR)
		die("completing an MMIO exit: %s", errno_name(r));
}

static void die_of_guest(struct vcpu *v)
{
	struct exception *e = &v->mb->exc;

	die("guest, vCPU %d, command %lu: exception at vector %#lx, ESR %#lx, ELR %#lx, FAR %#lx",
	    v->id, v->mb->cmd, e->vector * 0x80, e->esr, e->elr, e->far);
}

/**
 * vcpu_run() - run until the guest rings the doorbell
 * @v: the vCPU
 *
 * Return: 0, or the -errno of KVM_RUN
 */
int vcpu_run(struct vcpu *v)
{
	int r;

	do {
		r = kvm_ioctl(v->fd, KVM_RUN, NULL);
	} while (r == -EINTR);
	if (r < 0)
		return r;
	if (v->run->exit_reason != KVM_EXIT_MMIO || v->run->mmio.phys_addr != GUEST_DOORBELL)
		die("guest, vCPU %d: exit %u instead of the doorbell", v->id, v->run->exit_reason);
	complete_mmio(v);
	if (v->mb->fatal)
		die_of_guest(v);
	return 0;
}

/**
 * vcpu_try_cmd() - let the guest do a command
 * @v: the vCPU
 * @cmd: the command
 * @arg: its six arguments
 *
 * Return: 0, or the -errno of KVM_RUN
 */
int vcpu_try_cmd(struct vcpu *v, enum guest_cmd cmd, const u64 *arg)
{
	v->mb->cmd = cmd;
	memcpy(v->mb->arg, arg, sizeof(v->mb->arg));
	return vcpu_run(v);
}

/**
 * vcpu_cmd_args() - let the guest do a command; KVM_RUN must not fail
 * @v: the vCPU
 * @cmd: the command
 * @arg: its six arguments
 *
 * Return: the command's first result
 */
u64 vcpu_cmd_args(struct vcpu *v, enum guest_cmd cmd, const u64 *arg)
{
	must(vcpu_try_cmd(v, cmd, arg), "KVM_RUN");
	return v->mb->ret[0];
}
