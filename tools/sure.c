// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the VM that a load has chosen the one that is meant?  A guest's name is what its process
 * says, and every user who may open /dev/kvm can start a process with the same name.  So the
 * tags go only to libvirt's domain of this name, or, if libvirt has none, to a VM that is the
 * only one of its name, before and after they were written.
 */
#include <stdlib.h>
#include <string.h>

#include "tags.h"

static const struct vm *chosen;

/* A VM without vCPUs cannot run: VMMs create such VMs to look what KVM can do. */
static bool may_be_meant(const struct vm *vm)
{
	return vm->vcpus > 0 || !strcmp(vm->dir, chosen->dir);
}

/**
 * libvirt_process - if a VM has this name, which process has libvirt's domain of the name?
 * @vm: the VM
 * @name: the name
 *
 * libvirt writes this file before its VM is there, and only root can write it.
 *
 * Return: its process ID; 0 if the VM has another name, or libvirt has no such domain.
 */
long long libvirt_process(const struct vm *vm, const char *name)
{
	char *text = NULL;
	long long pid;

	if (vm->name && !strcmp(vm->name, name) && !strchr(name, '/'))
		text = read_all(below_root("/run/libvirt/qemu/%s.pid", name), NULL);
	pid = text ? atoll(text) : 0;
	free(text);
	return pid;
}

/* If libvirt knows the VM by this name, then other VMs may have it, too. */
static int check(struct stream *stream, const struct vms *vms, const char *which)
{
	long long pid = libvirt_process(chosen, which);
	const struct vm *vm;

	if (pid && pid != chosen->pid)
		return stream_bad(stream, "it is not libvirt's domain of this name, whose process is %lld",
				  pid);
	if (pid)
		return 0;
	if (find_vms(vms, which, may_be_meant, &vm) < 0)
		return stream_bad(stream, "it is not the only VM that the command line names");
	if (!vm || strcmp(vm->dir, chosen->dir))
		return stream_bad(stream, "the command line does not name it any more");
	return 0;
}

/**
 * load_is_sure - is the VM of a load the only one that the command line names?
 * @load: the load, with a VM
 *
 * Return: 0, also if the VM is gone; -1 with @load->stream.why.
 */
int load_is_sure(struct load *load)
{
	struct vms vms;
	int err = 0;

	chosen = load->dev.vm;
	if (vms_read(&vms))
		err = stream_bad(&load->stream, "the VMs cannot be read");
	else if (vm_is_there(chosen))
		err = check(&load->stream, &vms, load->which);
	vms_free(&vms);
	return err;
}
