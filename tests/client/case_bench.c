// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest costs on this host: one line "bench ROW VALUE" for each row of the table in
 * docs/bench.md, by --enable with or without MTE. For a host with one CPU that counts instructions.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "carry.h"
#include "swapping.h"

/* Guest addresses of the GIC, in the guest's device mapping */
#define GICD		0x08000000UL
#define GICR		0x080a0000UL
#define GICD_TYPER	4
#define USER_MMIO	(GUEST_DOORBELL + 0x1000)

#define SIZE_4K		(4UL << 20)
#define SIZE_BLOCKS	(64UL << 20)
#define BLOCK		(2UL << 20)
#define EXITS		201
#define PREEMPTIONS	101
#define PREEMPT_NS	150000
/* Shorter than an interrupt */
#define LEAST_GAP	400
#define COPIES		15

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

static u64 overhead;

static void device_attr(int fd, u32 group, u64 attr, void *value)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (u64)value };

	if (ioctl(fd, KVM_SET_DEVICE_ATTR, &a))
		die("GIC: group %u, attribute %lu: %s", group, attr, errno_name(errno));
}

static void make_gic(struct vm *vm)
{
	struct kvm_create_device gic = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	u64 dist = GICD, redist = GICR;

	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &gic))
		die("GIC: %s", errno_name(errno));
	device_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist);
	device_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist);
	device_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	close(gic.fd);
}

/* A VM with a GIC and one vCPU, as VMMs make them */
static struct vm *make_vm(enum mem_kind kind, size_t size)
{
	struct vm *vm = vm_new();

	vm_load_guest(vm);
	vm_memory(vm, kind, size);
	vcpu_create(vm);
	make_gic(vm);
	vcpu_init(&vm->vcpu[0]);
	memset(vm->code + GUEST_SAMPLES, 0, GUEST_CODE_SIZE - GUEST_SAMPLES);
	/* The guest touches the memory of the samples before it measures. */
	vcpu_cmd(&vm->vcpu[0], CMD_STORE, GUEST_CODE + GUEST_SAMPLES, GUEST_CODE + GUEST_CODE_SIZE,
		 PAGE, 0);
	return vm;
}

/* Runs the guest's samples; answers MMIO exits as a VMM would */
static u64 *sample(struct vm *vm, enum sample op, u64 n, u64 addr, u64 step)
{
	struct vcpu *v = &vm->vcpu[0];
	u64 arg[] = { op, n, addr, step };

	v->mb->cmd = CMD_SAMPLE;
	memcpy(v->mb->arg, arg, sizeof(arg));
	for (;;) {
		if (ioctl(v->fd, KVM_RUN, NULL))
			die("KVM_RUN: %s", errno_name(errno));
		if (v->run->exit_reason != KVM_EXIT_MMIO)
			die("exit %u", v->run->exit_reason);
		if (v->run->mmio.phys_addr == GUEST_DOORBELL)
			break;
	}
	if (v->mb->fatal)
		die("the guest took an exception");
	return vm->code + GUEST_SAMPLES;
}

static void row(struct vm *vm, const char *name, enum sample op, u64 n, u64 addr, u64 step,
		u64 pages)
{
	u64 *s = sample(vm, op, n, addr, step);

	bench_print(name, (double)(bench_quartile(s, n) - overhead) / pages);
}

static void exits(struct vm *vm)
{
	sample(vm, SAMPLE_NOTHING, EXITS, 0, 0);
	overhead = bench_quartile(sample(vm, SAMPLE_NOTHING, EXITS, 0, 0), EXITS);
	row(vm, "hypercall", SAMPLE_HVC, EXITS, 0, 0, 1);
	row(vm, "vgic", SAMPLE_READ, EXITS, GICD + GICD_TYPER, 0, 1);
	row(vm, "mmio_user", SAMPLE_READ, EXITS, USER_MMIO, 0, 1);
}

static void *preempt(void *stop)
{
	struct timespec t = { .tv_nsec = PREEMPT_NS };

	while (!__atomic_load_n((int *)stop, __ATOMIC_ACQUIRE))
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	return NULL;
}

/* Another thread, of higher priority, takes the CPU for a moment, again and again. */
static void preemption(struct vm *vm)
{
	struct sched_param param = { .sched_priority = 1 };
	pthread_t thread;
	int stop = 0;

	if (pthread_create(&thread, NULL, preempt, &stop) ||
	    pthread_setschedparam(thread, SCHED_FIFO, &param))
		die("a thread of higher priority");
	row(vm, "preempt", SAMPLE_GAPS, PREEMPTIONS, LEAST_GAP, 0, 1);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

/* The slot is write-protected page by page, as when a migration begins. */
static void write_faults(struct vm *vm)
{
	if (vm_slot(vm, 1, GUEST_DATA, vm->data, vm->data_size, KVM_MEM_LOG_DIRTY_PAGES))
		die("logging dirty pages");
	row(vm, "write_fault", SAMPLE_WRITE, SIZE_4K / PAGE, GUEST_DATA, PAGE, 1);
	if (vm_slot(vm, 1, GUEST_DATA, vm->data, vm->data_size, 0))
		die("no longer logging dirty pages");
}

static void swap_ins(struct vm *vm)
{
	size_t pages = SIZE_4K / PAGE;
	int i;

	if (opt.on)
		vm_tag_fill(&vm->vcpu[0], opt.seed);
	for (i = 0; i < 4 && in_swap(vm) < pages; i++)
		madvise(vm->data, vm->data_size, MADV_PAGEOUT);
	if (in_swap(vm) < pages * 9 / 10)
		die("only %zu of %zu pages are in swap", in_swap(vm), pages);
	row(vm, "swap_guest", SAMPLE_READ, pages, GUEST_DATA, PAGE, 1);
	if (opt.on && vm_tag_verify(&vm->vcpu[0], opt.seed))
		die("tags are lost");
}

static void copy_tags(struct vm *vm, const char *name, u64 flags)
{
	u64 s[COPIES], t;
	void *buf = calloc(SIZE_4K / 16, 1);
	int i;

	memset(buf, 1, SIZE_4K / 16);
	for (i = 0; i < COPIES; i++) {
		t = bench_now();
		if (tags_copy(vm, GUEST_DATA, buf, SIZE_4K, flags) != (int)SIZE_4K)
			die("KVM_ARM_MTE_COPY_TAGS");
		s[i] = bench_now() - t;
	}
	bench_print(name, (double)bench_quartile(s, COPIES) / (SIZE_4K / PAGE));
	free(buf);
}

/* All of the memory has tags. One ioctl for all, as "kvm-mte tags" makes them. */
static void carry(struct vm *vm)
{
	struct carried tags = { 0 };
	u64 out[COPIES], in[COPIES], t;
	int fd = carry_file(), i;

	/* Hosts without the module */
	if (fd < 0)
		return;
	vm_tag_fill(&vm->vcpu[0], opt.seed);
	if (module_write(vm, "hold", "1", 1) || carry_open(fd, vm, KVM_MTE_LOAD) ||
	    carry_ranges(fd, NULL, 0) < 0)
		die("the tags cannot be carried");
	for (i = 0; i < COPIES; i++) {
		tags.nr = 0;
		t = bench_now();
		if (carry_read(fd, GUEST_DATA, SIZE_4K, &tags) || tags.nr != SIZE_4K / PAGE)
			die("KVM_MTE_READ");
		out[i] = bench_now() - t;
		t = bench_now();
		if (carry_write(fd, GUEST_DATA, SIZE_4K, tags.page, tags.nr))
			die("KVM_MTE_WRITE");
		in[i] = bench_now() - t;
	}
	bench_print("carry_get", (double)bench_quartile(out, COPIES) / (SIZE_4K / PAGE));
	bench_print("carry_set", (double)bench_quartile(in, COPIES) / (SIZE_4K / PAGE));
	close(fd);
	if (module_write(vm, "hold", "0", 1))
		die("the VM cannot be released");
	carry_free(&tags);
}

static void small_pages(void)
{
	struct vm *vm = make_vm(MEM_ANON4K, SIZE_4K);

	exits(vm);
	preemption(vm);
	row(vm, "touch_4k", SAMPLE_WRITE, SIZE_4K / PAGE, GUEST_DATA, PAGE, 1);
	write_faults(vm);
	swap_ins(vm);
	if (opt.on) {
		copy_tags(vm, "tags_get", KVM_ARM_TAGS_FROM_GUEST);
		copy_tags(vm, "tags_set", KVM_ARM_TAGS_TO_GUEST);
		carry(vm);
	}
	vm_destroy(vm);
}

static void blocks(void)
{
	struct vm *vm = make_vm(MEM_THP, SIZE_BLOCKS);

	/* A first VM: which blocks the second gets must not depend on what the host did before. */
	sample(vm, SAMPLE_WRITE, SIZE_BLOCKS / BLOCK, GUEST_DATA, BLOCK);
	vm_destroy(vm);
	vm = make_vm(MEM_THP, SIZE_BLOCKS);
	row(vm, "touch_block", SAMPLE_WRITE, SIZE_BLOCKS / BLOCK, GUEST_DATA, BLOCK, BLOCK / PAGE);
	vm_destroy(vm);
}

CASE(bench,
     "no points: prints what guests cost on this host, see tests/bench")
{
	bench_swap_process();
	small_pages();
	blocks();
	bench_memory();
	bench_spin();
	bench_vm_life();
	return 0;
}
