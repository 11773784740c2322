// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte check VM: can this VM have MTE?
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

static bool is_on(const struct vm *vm)
{
	return *vm->state && strcmp(vm->state, "off");
}

static void check_state(const struct vm *vm)
{
	if (is_on(vm))
		checked(CHECK_OK, "state", NULL, "%s, origin %s", vm->state, vm->origin);
	else
		checked(CHECK_OK, "state", NULL, "%s; \"kvm-mte enable %s\" turns it on", vm->state,
			vm->dir);
}

/* The module's last line about the VM, if that is why the VM is off; the caller frees it. */
static char *refusal(const struct vm *vm)
{
	static const char * const begins[] = {
		"not turned on: ", "no longer turning on: ", "policy asked for MTE, but ",
	};
	const char *said;
	char *mark;
	size_t i;

	if (is_on(vm))
		return NULL;
	if (asprintf(&mark, "kvm_mte: %.*s: ", (int)strcspn(vm->dir, "."), vm->dir) < 0)
		need(NULL);
	said = klog_last(mark);
	if (said)
		said += strlen(mark);
	free(mark);
	for (i = 0; said && i < ARRAY_SIZE(begins); i++)
		if (!strncmp(said, begins[i], strlen(begins[i])))
			return need(strdup(said));
	return NULL;
}

/* QEMU: -cpu host,aarch64=off */
static bool starts_32bit(const struct vm *vm)
{
	size_t len, i;
	char *text = read_all(below_root("/proc/%lld/cmdline", vm->pid), &len);
	bool found = false;

	for (i = 0; text && i < len && !found; i += strlen(text + i) + 1)
		found = strstr(text + i, ",aarch64=off");
	free(text);
	return found;
}

static void check_vcpus(const struct vm *vm, const char *refused)
{
	static const char todo[] = "start the guest with 64-bit vCPUs, and without nested virtualization";

	if (is_on(vm))
		checked(CHECK_OK, "vCPUs", NULL, "%lld, and the module has accepted them", vm->vcpus);
	else if (refused && (strstr(refused, "32-bit") || strstr(refused, "nested")))
		checked(CHECK_NO, "vCPUs", todo, "the module said: %s", refused);
	else if (starts_32bit(vm))
		checked(CHECK_NO, "vCPUs", todo, "32-bit: its command line has aarch64=off");
	else
		checked(CHECK_UNKNOWN, "vCPUs", NULL,
			"whether one is 32-bit or nested is seen when MTE is turned on");
}

static void check_one(const struct vm *vm)
{
	char *refused = refusal(vm);
	bool memory = refused && strstr(refused, "memory slot");

	if (*vm->state)
		check_state(vm);
	check_vmm_of(vm);
	if (is_on(vm))
		checked(CHECK_OK, "memory", NULL, "the module has accepted it");
	else
		check_memory(vm, memory ? refused : NULL);
	check_vcpus(vm, refused);
	if (refused && strstr(refused, "migration"))
		checked(CHECK_UNKNOWN, "migration", "end the migration, or write \"warn\" to the VM's file migration",
			"the module said: %s", refused);
	free(refused);
}

static bool any(const struct vm *vm)
{
	(void)vm;
	return true;
}

/**
 * check_vm - check a VM
 * @which: its directory, its process or its guest's name
 *
 * Return: exit status; END_OK if there is something to report.
 */
int check_vm(const char *which)
{
	bool hidden = false;
	const struct vm *vm;
	struct vms vms;
	int end = END_OK;

	if (is_loaded()) {
		end = need_vms(&vms);
		if (end)
			goto out;
	} else {
		vms_scan(&vms, &hidden);
	}
	if (hidden && find_vms(&vms, which, any, &vm) == 0) {
		checked(check_hidden(), "VM", NULL, "the processes of other users cannot be looked at");
		goto out;
	}
	vm = find_vm(&vms, which);
	if (vm)
		check_one(vm);
	else
		end = END_ERROR;
out:
	vms_free(&vms);
	return end;
}
