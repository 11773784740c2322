// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls every ioctl that may be hooked, again and again, in several threads. The results must be
 * right whether hooks are set or not.
 */
#include <pthread.h>
#include <stdlib.h>

#include "client.h"

#define HAMMER_SIZE	(1UL << 20)
#define HVCS		100

static unsigned long made;

static void one_vm(unsigned int r)
{
	struct vm *vm = vm_create();
	struct vcpu *v;
	u64 pfr1;

	if (kvm_check(kvm_dev(), KVM_CAP_ARM_MTE) < 0 || kvm_check(vm->fd, KVM_CAP_ARM_MTE) < 0)
		die("round %u: KVM_CHECK_EXTENSION", r);
	vm_load_guest(vm);
	vm_memory(vm, MEM_ANON4K, HAMMER_SIZE);
	v = vcpu_create(vm);
	vcpu_init(v);
	free(reg_list(v));
	pfr1 = reg_must_get(v, REG_PFR1);
	reg_must_set(v, REG_PFR1, pfr1);
	if (vcpu_cmd(v, CMD_HVC, HVCS) != HVCS)
		die("round %u: hypercalls of the guest", r);
	if (guest_pfr1(v) != pfr1)
		die("round %u: the guest's ID_AA64PFR1_EL1", r);
	vcpu_cmd(v, CMD_STORE, GUEST_DATA, vm_data_end(vm), 4096, r);
	if (vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), 4096, r))
		die("round %u: the guest's memory", r);
	vcpu_init(v);
	vcpu_cmd(v, CMD_NOP);
	vm_destroy(vm);
	__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
}

static void *hammer(void *arg)
{
	unsigned int r;

	(void)arg;
	for (r = 0; r < rounds_or(50); r++)
		one_vm(r);
	return NULL;
}

CASE(hammer,
     "ioctls that fail while hooks are set and removed")
{
	pthread_t *t = calloc(opt.threads, sizeof(*t));
	unsigned int i;

	for (i = 0; i < opt.threads; i++)
		if (pthread_create(&t[i], NULL, hammer, NULL))
			die("pthread_create");
	for (i = 0; i < opt.threads; i++)
		pthread_join(t[i], NULL);
	free(t);
	is(made, (long)opt.threads * rounds_or(50), "VMs made and run by %u threads", opt.threads);
	return 0;
}

CASE(run,
     "a guest that does not run at all")
{
	struct vm *vm = vm_ready(opt.vcpus);
	unsigned int n = rounds_or(1000);
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		is(vcpu_cmd(&vm->vcpu[i], CMD_HVC, n), n, "vCPU %d: %u hypercalls", i, n);
	vm_destroy(vm);
	return 0;
}
