// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts like those of QEMU: some VMs only to ask what the host can do, then the real one. Here
 * the real one is short-lived, too.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define SIZE		(1UL << 20)
#define THROW_AWAY	3

static unsigned long bad, started;

static void wrong(unsigned int r, const char *what, const char *detail)
{
	if (__atomic_fetch_add(&bad, 1, __ATOMIC_RELAXED) < 20)
		diag("start %u: %s: %s", r, what, detail);
}

/*
 * Checks the module's directory of a VM. The name begins with the id of the thread that has
 * created the VM. So this needs a single thread: with several, descriptors are also reused at
 * once, and names get suffixes.
 */
static void look(struct vm *vm, unsigned int r, long vcpus)
{
	if (opt.threads > 1)
		return;
	if (strcmp(module_read(vm, "state"), opt.on ? "on" : "off"))
		wrong(r, "state", module_read(vm, "state"));
	if (strcmp(module_read(vm, "origin"), opt.on ? "vmm" : "none"))
		wrong(r, "origin", module_read(vm, "origin"));
	if (module_number(vm, "pid") != getpid())
		wrong(r, "pid", module_read(vm, "pid"));
	if (module_number(vm, "vcpus") != vcpus)
		wrong(r, "vcpus", module_read(vm, "vcpus"));
}

static void ask(struct vm *vm, unsigned int r)
{
	int err;

	if (kvm_check(vm->fd, KVM_CAP_ARM_MTE) != 1)
		wrong(r, "KVM_CHECK_EXTENSION", "not 1");
	err = vm_enable(vm);
	if (err)
		wrong(r, "enabling", errno_name(err));
}

static void throw_away(unsigned int r)
{
	struct vm *vm = vm_create();

	ask(vm, r);
	look(vm, r, 0);
	vm_destroy(vm);
}

static void real_one(unsigned int r)
{
	struct vm *vm = vm_create();
	struct vcpu *v;
	u64 want = opt.on ? host_pfr1() & PFR1_MTE : 0;

	ask(vm, r);
	vm_load_guest(vm);
	vm_memory(vm, MEM_ANON4K, SIZE);
	v = vcpu_create(vm);
	vcpu_init(v);
	if ((reg_must_get(v, REG_PFR1) & PFR1_MTE) != want)
		wrong(r, "ID_AA64PFR1_EL1", "not as it must be");
	free(reg_list(v));
	look(vm, r, 1);
	/* Not all VMs run. */
	if (r % 4 == 0) {
		vcpu_cmd(v, CMD_TAG_FILL, GUEST_DATA, GUEST_DATA + 4096, r);
		if (vcpu_cmd(v, CMD_TAG_READ, GUEST_DATA, GUEST_DATA + SIZE) != (opt.on ? 256 : 0))
			wrong(r, "tags", "of another VM, or lost");
	}
	vm_destroy(vm);
}

static void *starts(void *arg)
{
	unsigned int r, i;

	(void)arg;
	for (r = 0; r < rounds_or(50); r++) {
		if (kvm_check(kvm_dev(), KVM_CAP_ARM_MTE) != 1)
			wrong(r, "KVM_CHECK_EXTENSION on /dev/kvm", "not 1");
		for (i = 0; i < THROW_AWAY; i++)
			throw_away(r);
		real_one(r);
		__atomic_fetch_add(&started, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

CASE(starts,
     "short-lived VMs, as QEMU creates at each start, that are not as they must be")
{
	pthread_t *t = calloc(opt.threads, sizeof(*t));
	unsigned int i;

	module_needed();
	if (opt.threads == 1)
		starts(NULL);
	for (i = 0; i < opt.threads && opt.threads > 1; i++)
		if (pthread_create(&t[i], NULL, starts, NULL))
			die("pthread_create");
	for (i = 0; i < opt.threads && opt.threads > 1; i++)
		pthread_join(t[i], NULL);
	free(t);
	is(started, (long)opt.threads * rounds_or(50), "starts of %u threads", opt.threads);
	is(bad, 0, "each start was as it must be");
	return 0;
}
