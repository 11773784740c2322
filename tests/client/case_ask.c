// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints what KVM tells a VMM about guest MTE: its main thread, another thread, and a child.
 *
 *   WHO: dev N vm N born N enable ERROR
 *
 * dev, vm: KVM_CHECK_EXTENSION on /dev/kvm and on a VM; born: whether a VM has MTE without asking;
 * enable: KVM_ENABLE_CAP.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

static bool born_with_mte(void)
{
	struct vm *vm = vm_create();
	struct vcpu *v = vcpu_create(vm);
	bool mte;

	if (vcpu_try_init(v, 0))
		die("KVM_ARM_VCPU_INIT");
	mte = reg_must_get(v, REG_PFR1) & PFR1_MTE;
	vm_destroy(vm);
	return mte;
}

static void *ask(void *who)
{
	int dev = kvm_check(kvm_dev(), KVM_CAP_ARM_MTE);
	bool born = born_with_mte();
	struct vm *vm = vm_create();

	printf("%s: dev %d vm %d born %d", (const char *)who, dev,
	       kvm_check(vm->fd, KVM_CAP_ARM_MTE), born);
	printf(" enable %s\n", errno_name(vm_enable_mte(vm)));
	fflush(stdout);
	vm_destroy(vm);
	return NULL;
}

static void *rest(void *arg)
{
	(void)arg;
	/* The process is one whose first thread has ended. */
	ask("thread");
	if (!fork()) {
		ask("child");
		_exit(0);
	}
	wait(NULL);
	_exit(0);
}

CASE(ask,
     "no points: prints what KVM tells a VMM about guest MTE")
{
	pthread_t t;

	ask("main");
	pthread_create(&t, NULL, rest, NULL);
	pthread_exit(NULL);
}

/* Only asks, --rounds times, and creates no VM. */
CASE(offered,
     "no points: prints what KVM_CHECK_EXTENSION says on /dev/kvm, asked --rounds times")
{
	unsigned int i;
	int offered = 0;

	for (i = 0; i < rounds_or(1); i++)
		offered = kvm_check(kvm_dev(), KVM_CAP_ARM_MTE);
	printf("dev %d\n", offered);
	return 0;
}

static void *linger(void *arg)
{
	char line[64];

	(void)arg;
	printf("ready %d\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n"))
		ask("thread");
	_exit(0);
}

/* A process that goes on when its first thread has ended. Answers each line on stdin like ask. */
CASE(linger,
     "no points: like ask, for each line on stdin, by a process whose first thread has ended")
{
	pthread_t t;

	pthread_create(&t, NULL, linger, NULL);
	pthread_exit(NULL);
}
