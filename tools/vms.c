// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMs that the module shows.  They may be created and destroyed meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

static void vm_free(struct vm *vm)
{
	close(vm->fd);
	free(vm->dir);
	free(vm->name);
}

/* Fails if the VM is destroyed meanwhile. */
static int vm_read(struct vm *vm, int vms, const char *dir)
{
	int err;

	memset(vm, 0, sizeof(*vm));
	vm->fd = openat(vms, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (vm->fd < 0)
		return -errno;
	vm->dir = need(strdup(dir));
	err = read_number(vm->fd, "pid", &vm->pid);
	if (!err)
		err = read_word(vm->fd, "state", vm->state, sizeof(vm->state));
	if (!err)
		err = read_word(vm->fd, "origin", vm->origin, sizeof(vm->origin));
	if (!err)
		err = read_number(vm->fd, "vcpus", &vm->vcpus);
	if (!err)
		err = read_number(vm->fd, "stats/pages_tagged", &vm->pages_tagged);
	if (err) {
		vm_free(vm);
		return err;
	}
	/* If one of these is missing, it counts as 0. */
	read_number(vm->fd, "stats/tags_restored", &vm->tags_restored);
	read_number(vm->fd, "stats/untracked_migrations", &vm->untracked);
	read_number(vm->fd, "hold", &vm->held);
	vm->name = guest_name(vm->pid);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return strverscmp(((const struct vm *)a)->dir, ((const struct vm *)b)->dir);
}

/**
 * vms_read - read all VMs
 * @vms: filled; the caller calls vms_free(), also after an error
 *
 * Return: 0 or a negative errno; -ENOENT if the module is not loaded.
 */
int vms_read(struct vms *vms)
{
	char *path = below_root(MTE_VMS);
	DIR *dir = opendir(path);
	int err = -errno;
	struct dirent *d;
	int failed = 0;

	free(path);
	vms->vm = NULL;
	vms->nr = 0;
	if (!dir)
		return err;
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		vms->vm = need(realloc(vms->vm, (vms->nr + 1) * sizeof(*vms->vm)));
		err = vm_read(&vms->vm[vms->nr], dirfd(dir), d->d_name);
		if (!err)
			vms->nr++;
		/* It is there all the same, and must not be taken for one that is gone. */
		else if (err == -EMFILE || err == -ENFILE)
			failed = err;
	}
	closedir(dir);
	if (vms->nr)
		qsort(vms->vm, vms->nr, sizeof(*vms->vm), by_number);
	return failed;
}

/**
 * vms_free - free what vms_read() has allocated
 * @vms: the VMs
 */
void vms_free(struct vms *vms)
{
	size_t i;

	for (i = 0; i < vms->nr; i++)
		vm_free(&vms->vm[i]);
	free(vms->vm);
}

/**
 * put_vm - print a VM's directory and its guest's name
 * @to: the file to print to
 * @vm: the VM
 */
void put_vm(FILE *to, const struct vm *vm)
{
	put_safely(to, vm->dir);
	if (!vm->name)
		return;
	fputs(" (", to);
	put_safely(to, vm->name);
	putc(')', to);
}

/**
 * complain_of - print an error that is about a VM
 * @vm: the VM
 * @fmt: printf() style
 */
void complain_of(const struct vm *vm, const char *fmt, ...)
{
	va_list args;

	fputs("kvm-mte: ", stderr);
	put_vm(stderr, vm);
	fputs(": ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	putc('\n', stderr);
}

/**
 * vm_is_there - does a VM still exist?
 * @vm: the VM
 *
 * Return: true if it does.
 */
bool vm_is_there(const struct vm *vm)
{
	char state[16];

	return !read_word(vm->fd, "state", state, sizeof(state));
}
