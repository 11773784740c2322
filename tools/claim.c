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

/* The bytes of processes are below, those of names above. */
#define NAMES	(1LL << 40)

/*
 * The lock is on a byte of the device, which only root can open: no other user can take it.
 * It belongs to the open file, so it ends with this program and with the children that have
 * not become another program.  Returns 0, -1 if the device cannot be opened, or an errno.
 */
static int lock(off_t at)
{
	struct flock byte = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1
	};
	struct device dev = { .fd = -1 };
	int err;

	if (device_open(&dev, KVM_MTE_SAVE))
		return -1;
	if (!fcntl(dev.fd, F_OFD_SETLK, &byte))
		return 0;
	err = errno;
	device_close(&dev);
	return err;
}

static const char *refusal(int err)
{
	if (err == EAGAIN || err == EACCES)
		return "another kvm-mte migrates, saves or restores it";
	return "it cannot be locked";
}

/**
 * claim_vm - from now on, no other kvm-mte migrates, saves or restores a VM
 * @vm: the VM
 *
 * Return: exit status.
 */
int claim_vm(const struct vm *vm)
{
	int err = lock(vm->pid);

	if (err > 0)
		complain_of(vm, "%s", refusal(err));
	return err ? END_ERROR : END_OK;
}

/**
 * claim_name - from now on, no other kvm-mte migrates, saves or restores a domain
 * @name: the domain's name; its VM may not be there yet
 *
 * Return: exit status.
 */
int claim_name(const char *name)
{
	int err = lock(NAMES + crc32(0, name, strlen(name)));

	if (err > 0)
		complain("%s: %s", name, refusal(err));
	return err ? END_ERROR : END_OK;
}

/**
 * claim_domain - claim libvirt's domain, which is to be migrated or saved
 * @jobs: what runs meanwhile
 * @vm: its VM, with a name
 *
 * If this fails later, it aborts libvirt's job with the domain.  So it must be the only one.
 *
 * Return: exit status.
 */
int claim_domain(struct jobs *jobs, const struct vm *vm)
{
	int end = claim_whole_vm(vm);

	if (!end)
		end = claim_name(vm->name);
	if (end || domain_has_job(jobs, vm->name) <= 0)
		return end;
	complain("%s: libvirt does something with it already (virsh domjobinfo)", vm->name);
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
