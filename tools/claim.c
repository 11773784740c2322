// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM for this program alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "jobs.h"
#include "tags.h"

/**
 * claim_vm - from now on, no other kvm-mte migrates, saves or restores a VM
 * @vm: the VM
 *
 * The lock is on a byte of the device, which only root can open: no other user can take it.
 * It belongs to the open file, so it ends with this program and with the children that have
 * not become another program.
 *
 * Return: exit status.
 */
int claim_vm(const struct vm *vm)
{
	struct flock byte = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = vm->pid, .l_len = 1
	};
	struct device dev = { .fd = -1 };
	int end = device_open(&dev, KVM_MTE_SAVE);

	if (end || !fcntl(dev.fd, F_OFD_SETLK, &byte))
		return end;
	if (errno == EAGAIN || errno == EACCES)
		complain_of(vm, "another kvm-mte migrates, saves or restores it");
	else
		complain_of(vm, "it cannot be locked: %s", strerror(errno));
	device_close(&dev);
	return END_ERROR;
}

/**
 * claim_whole_vm - claim a VM that is to be migrated or saved
 * @vm: the VM
 *
 * A VM that is held may have no tags: a load may have failed, or it is still to come.
 *
 * Return: exit status.
 */
int claim_whole_vm(const struct vm *vm)
{
	long long held;
	int end = claim_vm(vm);

	if (end || read_number(vm->fd, "hold", &held) || !held)
		return end;
	complain_of(vm, "held: load its tags, or release it first");
	return END_ERROR;
}
