// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte check: the programs that run VMs (VMMs), and whether they ask for MTE.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define ASK_LIST	\
	"whether it asks for MTE is not known; if it does, \"kvm-mte list\" shows the origin vmm"

static const char * const dirs[] = {
	"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/usr/libexec",
};

static const struct vmm {
	const char *program;
	bool is_qemu;
	const char *asks;
} vmms[] = {
	{ "qemu-system-aarch64", true, NULL },
	{ "qemu-kvm", true, NULL },
	{ "kvm", true, NULL },
	{ "lkvm", false, "asks for MTE, unless it is older than 2022 or run with --disable-mte" },
	{ "cloud-hypervisor", false, ASK_LIST },
	{ "firecracker", false, ASK_LIST },
	{ "crosvm", false, ASK_LIST },
};

/* Is it as safe to run as any command of root?  With --root it is not for this machine. */
static bool may_run(const char *path)
{
	struct stat st;

	return !*root && !stat(path, &st) && S_ISREG(st.st_mode) && !st.st_uid &&
	       !(st.st_mode & 0022);
}

/* The first line; NULL if it is not known. */
static char *version_of(const char *path)
{
	char *text = NULL;

	if (may_run(path))
		text = output_of((char *[]){ (char *)path, "--version", NULL });
	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

static const char *qemu_asks(const char *version)
{
	int major, minor;

	if (!version || sscanf(version, "QEMU emulator version %d.%d", &major, &minor) != 2)
		return "asks for MTE with -machine virt,mte=on if it is 9.2 or newer";
	if (major > 9 || (major == 9 && minor >= 2))
		return "asks for MTE with -machine virt,mte=on";
	return "cannot ask for MTE: policy or \"kvm-mte enable\" gives it";
}

static bool check_vmm(const struct vmm *vmm, const char *dir)
{
	char *path = below_root("%s/%s", dir, vmm->program);
	char *version;
	bool there = !access(path, X_OK);

	if (there) {
		version = version_of(path);
		checked(CHECK_OK, "VMM", NULL, "%s/%s, %s: %s", dir, vmm->program,
			version ?: "version unknown",
			vmm->is_qemu ? qemu_asks(version) : vmm->asks);
		free(version);
	}
	free(path);
	return there;
}

/**
 * check_vmms - look for programs that run VMs
 */
void check_vmms(void)
{
	bool any = false;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(vmms); i++)
		for (j = 0; j < ARRAY_SIZE(dirs); j++)
			any |= check_vmm(&vmms[i], dirs[j]);
	if (!any)
		checked(CHECK_UNKNOWN, "VMM", NULL,
			"no program that is known is in the usual places; it may be elsewhere, or in a container");
}

/**
 * check_vmm_of - check whether a VM's program asks for MTE
 * @vm: the VM
 *
 * The program is another user's choice, so it is not run.
 */
void check_vmm_of(const struct vm *vm)
{
	char *link = below_root("/proc/%lld/exe", vm->pid), path[4096];
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	const char *asks;

	free(link);
	path[len < 0 ? 0 : len] = '\0';
	if (!strcmp(vm->origin, "vmm"))
		asks = "it has asked for MTE itself, so it knows of the tags";
	else if (*vm->origin)
		asks = "it has not asked for MTE: it does not carry tags when it migrates or saves the VM";
	else
		asks = "whether it asks for MTE is seen when the module is loaded";
	checked(CHECK_OK, "VMM", NULL, "%s: %s", len < 0 ? "program unknown" : path, asks);
}
