// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the VM that a word on the command line names: its directory, its process, or its
 * guest's name.
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

static bool any(const struct vm *vm)
{
	(void)vm;
	return true;
}

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

/**
 * find_vms - find the VM that a word names
 * @vms: the VMs
 * @which: the word
 * @is_wanted: VMs for which it returns false are left out
 * @found: set to the VM, or to NULL
 *
 * Return: number of VMs that the word names, also of those that are left out; -1, after an
 * error message, if it is not clear which one is meant.
 */
int find_vms(const struct vms *vms, const char *which, bool (*is_wanted)(const struct vm *vm),
	     const struct vm **found)
{
	size_t i, m;
	int nr = 0;

	*found = NULL;
	for (m = 0; m < ARRAY_SIZE(matches) && !*found; m++) {
		for (i = 0; i < vms->nr; i++) {
			if (!matches[m](&vms->vm[i], which))
				continue;
			nr++;
			if (!is_wanted(&vms->vm[i]))
				continue;
			if (*found) {
				say_which(vms, which, matches[m]);
				return -1;
			}
			*found = &vms->vm[i];
		}
	}
	return nr;
}

/**
 * find_vm - find the VM that a word names
 * @vms: the VMs
 * @which: the word
 *
 * Return: the VM; NULL, after an error message, if there is none, or more than one.
 */
const struct vm *find_vm(const struct vms *vms, const char *which)
{
	const struct vm *found;

	if (find_vms(vms, which, any, &found) < 0)
		return NULL;
	if (found)
		return found;
	fputs("kvm-mte: ", stderr);
	put_safely(stderr, which);
	fputs(": no such VM; \"kvm-mte list\" shows them\n", stderr);
	return NULL;
}

/**
 * need_vms - read all VMs, or print why that fails
 * @vms: filled; the caller calls vms_free(), also after an error
 *
 * Return: exit status.
 */
int need_vms(struct vms *vms)
{
	int err = vms_read(vms);

	if (!err)
		return END_OK;
	if (err == -ENOENT)
		return not_loaded();
	complain("%s: %s", MTE_VMS, strerror(-err));
	return END_ERROR;
}

/**
 * each_named_vm - run a command for all VMs that its arguments name
 * @argc: number of arguments
 * @argv: the command and its arguments
 * @command: the command's name
 * @run: does it for a VM, and returns an exit status
 *
 * Return: exit status; an error for one VM does not keep the others from their turn.
 */
int each_named_vm(int argc, char **argv, const char *command, int (*run)(const struct vm *vm))
{
	const struct vm *vm;
	struct vms vms;
	int i, end;

	if (argc > 1 && argv[1][0] == '-' && strcmp(argv[1], "--"))
		return usage_error("%s: no such option: %s", command, argv[1]);
	i = argc > 1 && !strcmp(argv[1], "--") ? 2 : 1;
	if (i >= argc)
		return usage_error("%s: which VM?", command);
	end = need_vms(&vms);
	if (!end) {
		for (; i < argc; i++) {
			vm = find_vm(&vms, argv[i]);
			if (!vm || run(vm))
				end = END_ERROR;
		}
	}
	vms_free(&vms);
	return end;
}
