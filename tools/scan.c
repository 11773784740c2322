// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs as /proc shows them: without the module, a process that has a VM is known by its
 * file descriptor.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

static bool is_number(const char *name)
{
	return *name && !name[strspn(name, "0123456789")];
}

static void add(struct vms *vms, const char *pid, const char *fd)
{
	struct vm *vm;

	vms->vm = need(realloc(vms->vm, (vms->nr + 1) * sizeof(*vms->vm)));
	vm = &vms->vm[vms->nr++];
	memset(vm, 0, sizeof(*vm));
	vm->fd = -1;
	vm->pid = atoll(pid);
	vm->name = guest_name(vm->pid);
	/* The name that KVM's debugfs and the module give it. */
	if (asprintf(&vm->dir, "%s-%s", pid, fd) < 0)
		need(NULL);
}

static void scan_process(struct vms *vms, const char *pid, bool *hidden)
{
	char *path = below_root("/proc/%s/fd", pid), link[32];
	DIR *dir = opendir(path);
	struct dirent *d;
	ssize_t len;

	*hidden |= !dir && errno == EACCES;
	free(path);
	while (dir && (d = readdir(dir))) {
		len = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);
		link[len < 0 ? 0 : len] = '\0';
		if (!strcmp(link, "anon_inode:kvm-vm"))
			add(vms, pid, d->d_name);
	}
	if (dir)
		closedir(dir);
}

/**
 * vms_scan - find all VMs without the module
 * @vms: filled with directory, process and name of each; the caller calls vms_free()
 * @hidden: set to whether there are processes that cannot be looked at
 */
void vms_scan(struct vms *vms, bool *hidden)
{
	char *path = below_root("/proc");
	DIR *dir = opendir(path);
	struct dirent *d;

	free(path);
	vms->vm = NULL;
	vms->nr = 0;
	*hidden = false;
	while (dir && (d = readdir(dir)))
		if (is_number(d->d_name))
			scan_process(vms, d->d_name, hidden);
	if (dir)
		closedir(dir);
}
