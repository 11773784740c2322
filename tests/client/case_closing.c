// SPDX-License-Identifier: GPL-2.0-only
/*
 * An admin writes to the knob while the VMM closes its VM, which has memory and has never run. KVM
 * destroys stage 2 long before the module hears that the VM ends. KVM warns if mappings are dropped
 * after that.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "client.h"

static char path[256];
static int writes, wrong;

static void *admin(void *arg)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0, i;

	if (fd < 0)
		die("%s: %s", path, errno_name(errno));
	*(volatile int *)arg = 1;
	for (i = 0; !err; i++) {
		err = pwrite(fd, i % 2 ? "0" : "1", 1, 0) == 1 ? 0 : errno;
		writes++;
	}
	wrong += err != ENODEV;
	if (err != ENODEV)
		diag("%s", errno_name(err));
	close(fd);
	return NULL;
}

CASE(closing,
     "a host that warns, because the knob is written while a VM ends")
{
	int rounds = opt.rounds > 1 ? opt.rounds : 40, i;

	module_needed();
	for (i = 0; i < rounds; i++) {
		struct vm *vm = vm_off(1);
		volatile int ready = 0;
		pthread_t t;

		module_vm_path(vm, "enable", path, sizeof(path));
		if (pthread_create(&t, NULL, admin, (void *)&ready))
			die("pthread_create");
		while (!ready)
			usleep(100);
		vm_destroy(vm);
		pthread_join(t, NULL);
	}
	diag("%d writes", writes);
	is(wrong, 0, "the last write to a VM that ends gives ENODEV");
	return 0;
}
