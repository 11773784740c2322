// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs with the same thread and the same file descriptor: a process that creates one, forks a child
 * that keeps the descriptor, and closes it. KVM itself has a name for one of them only.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "client.h"

static void keep_in_child(void)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		die("fork");
	if (child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		pause();
	_exit(0);
}

CASE(given,
     "no points: --rounds VMs with the same name, until it is killed")
{
	unsigned int i, n = rounds_or(300);

	for (i = 0; i < n; i++) {
		int fd = kvm_ioctl(kvm_dev(), KVM_CREATE_VM, NULL);

		if (fd < 0)
			die("KVM_CREATE_VM: %s", errno_name(fd));
		keep_in_child();
		close(fd);
	}
	printf("given\n");
	fflush(stdout);
	pause();
	return 0;
}
