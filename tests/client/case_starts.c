// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts as QEMU makes them: some VMs to look at what the host can do, then the real one, which
 * lives no longer here.
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
 * The module's folder of a VM, which has the name of the thread that made it. Only with one
 * thread: of several, the numbers of files come back at once, and names get suffixes.
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
	/* Not all of them come to run. */
	if (r % 4 == 0) {
		vcpu_cmd(v, CMD_TAG_FILL, GUEST_DATA, GUEST_DATA + 4096, r);
		if (vcpu_cmd(v, CMD_TAG_READ, GUEST_DATA, GUEST_DATA + SIZE) != (opt.on ? 256 : 0))
			wrong(r, "tags", "of another's, or lost");
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
     "VMs that live for milliseconds, as QEMU makes at each start")
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
	is(bad, 0, "each was as it must be");
	return 0;
}
