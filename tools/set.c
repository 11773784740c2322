// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte enable, kvm-mte disable: turn MTE of a VM on or off.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-mte.h"

static bool by_dir(const struct vm *vm, const char *which)
{
	return !strcmp(vm->dir, which);
}

static bool by_pid(const struct vm *vm, const char *which)
{
	char pid[24];

	snprintf(pid, sizeof(pid), "%lld", vm->pid);
	return !strcmp(pid, which);
}

static bool by_name(const struct vm *vm, const char *which)
{
	return vm->name && !strcmp(vm->name, which);
}

/* The ways to name a VM, in the order in which they are tried. */
static bool (* const matches[])(const struct vm *vm, const char *which) = {
	by_dir, by_pid, by_name
};

static void say_which(const struct vms *vms, const char *which,
		      bool (*match)(const struct vm *vm, const char *which))
{
	size_t i;

	fputs("kvm-mte: ", stderr);
	put_safely(stderr, which);
	fputs(": several VMs, name one of these:", stderr);
	for (i = 0; i < vms->nr; i++) {
		if (match(&vms->vm[i], which)) {
			putc(' ', stderr);
			put_safely(stderr, vms->vm[i].dir);
		}
	}
	putc('\n', stderr);
}

/* Returns NULL after an error message if there is no such VM, or more than one. */
static const struct vm *find(const struct vms *vms, const char *which)
{
	const struct vm *found = NULL;
	size_t i, m;

	for (m = 0; m < ARRAY_SIZE(matches) && !found; m++) {
		for (i = 0; i < vms->nr; i++) {
			if (!matches[m](&vms->vm[i], which))
				continue;
			if (found) {
				say_which(vms, which, matches[m]);
				return NULL;
			}
			found = &vms->vm[i];
		}
	}
	if (found)
		return found;
	fputs("kvm-mte: ", stderr);
	put_safely(stderr, which);
	fputs(": no such VM; \"kvm-mte list\" shows them\n", stderr);
	return NULL;
}

static const char *reason(int err)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		return "only root may change it";
	case EBUSY:
		return "a vCPU, or the VM itself, is busy";
	case EINVAL:
		return "a vCPU is 32-bit, or a memory slot cannot hold tags";
	case ENODEV:
	case ENOENT:
		return "the VM is gone";
	default:
		return strerror(-err);
	}
}

/* The kernel's log has the exact reason, if it can be read. */
static void refused(const struct vm *vm, int err)
{
	const char *said = NULL;
	char *mark;

	fputs("kvm-mte: ", stderr);
	put_vm(stderr, vm);
	fprintf(stderr, ": %s\n", reason(err));
	if (err == -EINVAL || err == -EBUSY) {
		if (asprintf(&mark, "kvm_mte: %s: ", vm->dir) < 0)
			return;
		said = klog_last(mark);
		free(mark);
	}
	if (said) {
		fputs("kvm-mte: the kernel says: ", stderr);
		put_safely(stderr, said);
		putc('\n', stderr);
	}
}

static int set(const struct vm *vm, const char *value)
{
	char state[16];
	int err;

	err = write_word(vm->fd, "enable", value);
	if (!err)
		err = read_word(vm->fd, "state", state, sizeof(state));
	if (err) {
		refused(vm, err);
		return END_ERROR;
	}
	put_vm(stdout, vm);
	printf(": %s%s\n", state, !strncmp(state, "turning-", 8) ?
	       ": takes effect when the guest reboots" : "");
	return END_OK;
}

static int set_all(int argc, char **argv, const char *command, const char *value)
{
	const struct vm *vm;
	struct vms vms;
	int i, err, end = END_OK;

	if (argc > 1 && argv[1][0] == '-' && strcmp(argv[1], "--"))
		return usage_error("%s: no such option: %s", command, argv[1]);
	i = argc > 1 && !strcmp(argv[1], "--") ? 2 : 1;
	if (i >= argc)
		return usage_error("%s: which VM?", command);
	err = vms_read(&vms);
	if (err == -ENOENT) {
		end = not_loaded();
	} else if (err) {
		complain("%s: %s", MTE_VMS, strerror(-err));
		end = END_ERROR;
	} else {
		for (; i < argc; i++) {
			vm = find(&vms, argv[i]);
			if (!vm || set(vm, value))
				end = END_ERROR;
		}
	}
	vms_free(&vms);
	return end;
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
	return set_all(argc, argv, "enable", "1");
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
	return set_all(argc, argv, "disable", "0");
}
