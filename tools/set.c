// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte enable, kvm-mte disable: turn MTE of a VM on or off.
 */
#include <errno.h>
#include <string.h>

#include "kvm-mte.h"

static const char *reason(int err)
{
	switch (-err) {
	case EACCES:
		return "only root may change it";
	case EPERM:
		return "its memory is logged, and migration is refused";
	case EBUSY:
		return "a vCPU, or the VM itself, is busy";
	case EINVAL:
		return "a vCPU is 32-bit or nested, or a memory slot cannot hold tags";
	case ENODEV:
	case ENOENT:
		return "the VM is gone";
	default:
		return strerror(-err);
	}
}

static int set(const struct vm *vm, const char *value)
{
	size_t said = klog_said(vm);
	char state[16];
	int err;

	err = write_word(vm->fd, "enable", value);
	if (!err)
		err = read_word(vm->fd, "state", state, sizeof(state));
	if (err) {
		complain_of(vm, "%s", reason(err));
		if (err == -EINVAL || err == -EBUSY || err == -EPERM)
			klog_explain(vm, said);
		return END_ERROR;
	}
	put_vm(stdout, vm);
	printf(": %s%s\n", state, !strncmp(state, "turning-", 8) ?
	       ": takes effect when the guest reboots" : "");
	return END_OK;
}

static int enable(const struct vm *vm)
{
	return set(vm, "1");
}

static int disable(const struct vm *vm)
{
	return set(vm, "0");
}

/**
 * cmd_enable - "kvm-mte enable VM..."
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_enable(int argc, char **argv)
{
	return each_named_vm(argc, argv, "enable", enable);
}

/**
 * cmd_disable - "kvm-mte disable VM..."
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_disable(int argc, char **argv)
{
	return each_named_vm(argc, argv, "disable", disable);
}
