// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte hold, kvm-mte release: keep a VM's vCPUs out of the guest, or let them in.
 */
#include <errno.h>
#include <string.h>

#include "kvm-mte.h"

static const char *reason(const struct vm *vm, int err)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		return "only root may change it";
	case EBUSY:
		return "the VM is busy";
	case ENOENT:
		return vm_is_there(vm) ? "this module's version cannot hold VMs" :
					 "the VM is gone";
	case ENODEV:
		return "the VM is gone";
	default:
		return strerror(-err);
	}
}

static int set(const struct vm *vm, const char *value, const char *done)
{
	size_t said = klog_said(vm);
	int err;

	err = write_word(vm->fd, "hold", value);
	if (err) {
		complain_of(vm, "%s", reason(vm, err));
		klog_explain(vm, said);
		return END_ERROR;
	}
	put_vm(stdout, vm);
	printf(": %s\n", done);
	return END_OK;
}

static int hold(const struct vm *vm)
{
	return set(vm, "1", "held");
}

static int release(const struct vm *vm)
{
	return set(vm, "0", "released");
}

/**
 * cmd_hold - "kvm-mte hold VM..."
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_hold(int argc, char **argv)
{
	return each_named_vm(argc, argv, "hold", hold);
}

/**
 * cmd_release - "kvm-mte release VM..."
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_release(int argc, char **argv)
{
	return each_named_vm(argc, argv, "release", release);
}
