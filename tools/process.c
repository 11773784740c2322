// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM's process, which is about to end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jobs.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif

/**
 * process_open - from now on, the end of a VM's process is noticed
 * @vm: the VM
 *
 * Return: a file for process_ends(); -1 after an error message.
 */
int process_open(const struct vm *vm)
{
	int pidfd = syscall(SYS_pidfd_open, (pid_t)vm->pid, 0);

	if (pidfd < 0) {
		complain_of(vm, "its process: %s", strerror(errno));
		return -1;
	}
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	return pidfd;
}

/**
 * process_ends - has a VM's process ended?
 * @pidfd: from process_open()
 * @patience: wait so long for its end, in milliseconds
 *
 * Return: true if it has.
 */
bool process_ends(int pidfd, int patience)
{
	struct pollfd process = { .fd = pidfd, .events = POLLIN };

	return poll(&process, 1, patience) > 0;
}
