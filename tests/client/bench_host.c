// SPDX-License-Identifier: GPL-2.0-only
/* The bench's rows that need no guest to run, and those of the module itself. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define PROCESS_SIZE	(4UL << 20)
#define LIVES		31
#define LOADS		3
#define MANY_VMS	64
#define MANY_VCPUS	3
#define MANY_TIMES	3
#define RCU_US		300000

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

/**
 * bench_swap_process() - swap-in of pages of a process that knows nothing of tags or VMs
 */
void bench_swap_process(void)
{
	size_t i, n = PROCESS_SIZE / PAGE;
	u64 *sample = calloc(n, sizeof(*sample)), t;
	char *p = mem_map(MEM_ANON4K, PROCESS_SIZE, NULL);

	for (i = 0; i < PROCESS_SIZE; i += PAGE)
		*(u64 *)(p + i) = 1;
	for (i = 0; i < 4; i++)
		madvise(p, PROCESS_SIZE, MADV_PAGEOUT);
	for (i = 0; i < n; i++) {
		t = bench_now();
		*(volatile char *)(p + i * PAGE);
		sample[i] = bench_now() - t;
	}
	bench_print("swap_process", bench_eighth(sample, n));
	munmap(p, PROCESS_SIZE);
	free(sample);
}

static struct vm *make_vm(int vcpus)
{
	struct vm *vm = vm_new();

	vm_load_guest(vm);
	while (vcpus--)
		vcpu_init(vcpu_create(vm));
	return vm;
}

/**
 * bench_vm_life() - create and destroy a VM with one slot and one vCPU, which never runs
 */
void bench_vm_life(void)
{
	u64 sample[LIVES], t;
	int i;

	vm_destroy(make_vm(1));
	for (i = 0; i < LIVES; i++) {
		t = bench_work();
		vm_destroy(make_vm(1));
		sample[i] = bench_work() - t;
	}
	bench_print("vm_life", bench_quartile(sample, LIVES));
}

/* Free objects in the slabs of a CPU count as in use: make the CPUs give them back. */
static void shrink_slabs(void)
{
	glob_t files;
	size_t i;
	int fd;

	/* Until RCU has freed its objects */
	usleep(RCU_US);
	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &files))
		die("/sys/kernel/slab: no slabs");
	for (i = 0; i < files.gl_pathc; i++) {
		fd = open(files.gl_pathv[i], O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "1", 1) != 1)
			die("%s: %s", files.gl_pathv[i], errno_name(errno));
		close(fd);
	}
	globfree(&files);
}

/* All objects that the kernel has allocated, in bytes */
static long slab_bytes(void)
{
	char line[512];
	long active, size, sum = 0;
	FILE *f;

	shrink_slabs();
	f = fopen("/proc/slabinfo", "r");
	if (!f)
		die("/proc/slabinfo: %s", errno_name(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %ld %*d %ld", &active, &size) == 2)
			sum += active * size;
	fclose(f);
	return sum;
}

static void memory_once(u64 *per_vm, u64 *per_vcpu)
{
	static struct vm *vm[MANY_VMS];
	long before = slab_bytes(), vms, vcpus;
	int i, j;

	for (i = 0; i < MANY_VMS; i++)
		vm[i] = vm_new();
	vms = slab_bytes();
	for (i = 0; i < MANY_VMS; i++)
		for (j = 0; j < MANY_VCPUS; j++)
			if (vcpu_try_init(vcpu_create(vm[i]), 0))
				die("KVM_ARM_VCPU_INIT");
	vcpus = slab_bytes();
	for (i = 0; i < MANY_VMS; i++)
		vm_destroy(vm[i]);
	*per_vm = (vms - before) / MANY_VMS;
	*per_vcpu = (vcpus - vms) / (MANY_VMS * MANY_VCPUS);
}

/**
 * bench_memory() - what the kernel allocates for a VM, and for a vCPU
 *
 * Stage 2 tables and struct kvm are not slab objects, and do not count.
 */
void bench_memory(void)
{
	u64 per_vm[MANY_TIMES], per_vcpu[MANY_TIMES];
	int i;

	for (i = 0; i < MANY_TIMES; i++)
		memory_once(&per_vm[i], &per_vcpu[i]);
	bench_print("mem_vm", bench_quartile(per_vm, MANY_TIMES));
	bench_print("mem_vcpu", bench_quartile(per_vcpu, MANY_TIMES));
}

CASE(benchload,
     "no points: prints what loading and unloading --file costs")
{
	const char *params = getenv("PARAMS") ?: "";
	u64 load[LOADS], unload[LOADS], t;
	int i, fd = open(opt.file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", opt.file, errno_name(errno));
	bench_spin();
	for (i = 0; i < LOADS; i++) {
		t = bench_work();
		if (syscall(SYS_finit_module, fd, params, 0))
			die("loading: %s", errno_name(errno));
		load[i] = bench_work() - t;
		t = bench_work();
		if (syscall(SYS_delete_module, "kvm_mte", O_NONBLOCK))
			die("unloading: %s", errno_name(errno));
		unload[i] = bench_work() - t;
	}
	bench_print("load", bench_quartile(load, LOADS));
	bench_print("unload", bench_quartile(unload, LOADS));
	return 0;
}
