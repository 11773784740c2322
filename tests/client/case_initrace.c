// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM whose threads initialise their vCPUs themselves, all at the same time, at a reboot that
 * turns the VM on or off. The last of them must complete the change, and none may wait for
 * another.
 */
#include <pthread.h>
#include <string.h>

#include "client.h"
#include "life.h"

#define VCPUS	4

static pthread_barrier_t barrier;

static void *reboot(void *arg)
{
	pthread_barrier_wait(&barrier);
	vcpu_init(arg);
	return NULL;
}

static void reboot_all(struct vm *vm)
{
	pthread_t t[VCPUS];
	int i;

	for (i = 0; i < VCPUS; i++)
		if (pthread_create(&t[i], NULL, reboot, &vm->vcpu[i]))
			die("pthread_create");
	for (i = 0; i < VCPUS; i++)
		pthread_join(t[i], NULL);
}

/* Whether the VM is as requested after a reboot. */
static bool changes(struct vm *vm, bool on)
{
	int i;

	for (i = 0; i < VCPUS; i++)
		vcpu_cmd(&vm->vcpu[i], CMD_NOP);
	if (module_enable(vm, on))
		die("enable cannot be written");
	reboot_all(vm);
	return !strcmp(module_read(vm, "state"), on ? "on" : "off");
}

CASE(initrace,
     "a reboot that does not change the VM, because its vCPUs are initialised at the same time")
{
	int rounds = opt.rounds > 1 ? opt.rounds : 50, round, i, wrong = 0;
	struct vm *vm;

	module_needed();
	vm = vm_off(VCPUS);
	pthread_barrier_init(&barrier, NULL, VCPUS);
	for (round = 0; round < rounds; round++)
		wrong += !changes(vm, true) + !changes(vm, false);
	is(wrong, 0, "reboots with all vCPUs at once that did not change the VM");
	is(!changes(vm, true), 0, "on at the end");
	for (i = 0; i < VCPUS; i++)
		life_guest(&vm->vcpu[i], true, "(at the end)");
	vm_destroy(vm);
	return 0;
}
