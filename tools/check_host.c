// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte check: the CPU, its firmware, the kernel and KVM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define IN_FIRMWARE	"look for MTE or memory tagging in the firmware's setup, or ask its vendor"

/* If the register says 0, it cannot be told whether the CPU or the firmware is the reason. */
static void no_mte(void)
{
	int field = cpu_mte_field();

	if (field == 1) {
		checked(CHECK_NO, "CPU", NULL, "it has only the instructions of MTE (ID_AA64PFR1_EL1.MTE is 1, not 2 or more)");
		checked(CHECK_NO, "firmware", IN_FIRMWARE,
			"there is no memory for tags: the machine has none, or its firmware leaves it off");
	} else if (field > 1) {
		checked(CHECK_OK, "CPU", NULL, "it has MTE (ID_AA64PFR1_EL1.MTE is %d)", field);
		checked(CHECK_NO, "kernel uses MTE", "remove arm64.nomte from the kernel's command line if it is there, and reboot; otherwise not all CPUs have MTE",
			"it does not, though the CPU has MTE");
	} else {
		checked(CHECK_NO, "CPU", "MTE needs Armv8.5 or later, and memory for tags",
			field < 0 ? "processes have no MTE here" :
				    "processes have no MTE here (ID_AA64PFR1_EL1.MTE is 0)");
		checked(CHECK_UNKNOWN, "firmware", IN_FIRMWARE,
			"user space cannot see whether it hides the MTE that the CPU has");
	}
}

/* The register is not for user space, and the kernel does not emulate it. */
static void check_gmid(void)
{
	const char *said = klog_last("kvm_mte: CPU");

	if (is_loaded())
		checked(CHECK_OK, "GMID_EL1", NULL, "the module has found the same on all CPUs");
	else if (said && strstr(said, "GMID_EL1"))
		checked(CHECK_NO, "GMID_EL1", "take the CPUs of one kind offline, and load the module again",
			"the module said: %s", said);
	else
		checked(CHECK_UNKNOWN, "GMID_EL1", NULL,
			"user space cannot read it; the module compares it on all CPUs when it loads");
}

/**
 * check_cpu - check the CPU, the firmware, and whether the kernel uses MTE
 *
 * Return: false if this is no arm64 machine.
 */
bool check_cpu(void)
{
	int field = cpu_mte_field();

	if (!cpu_is_arm64()) {
		checked(CHECK_NO, "CPU", NULL, "this is no arm64 machine");
		return false;
	}
	if (!cpu_has_mte()) {
		no_mte();
		return true;
	}
	if (field < 0)
		checked(CHECK_OK, "CPU", NULL, "processes can use MTE, so all CPUs have it");
	else
		checked(CHECK_OK, "CPU", NULL, "processes can use MTE, so all CPUs have it (ID_AA64PFR1_EL1.MTE is %d)",
			field);
	checked(CHECK_OK, "firmware", NULL, "the kernel can store tags, so the firmware allows it");
	check_gmid();
	return true;
}

static void check_command_line(void)
{
	static const char * const against[] = { "arm64.nomte", "id_aa64pfr1.mte=0" };
	char *text = read_all(below_root("/proc/cmdline"), NULL);
	bool there = text;
	size_t i;

	free(text);
	for (i = 0; i < ARRAY_SIZE(against); i++) {
		if (!booted_with(against[i]))
			continue;
		if (cpu_has_mte())
			checked(CHECK_OK, "kernel command line", NULL,
				"%s is there, but this kernel does not know it", against[i]);
		else
			checked(CHECK_NO, "kernel command line", "remove it, and reboot",
				"%s is there", against[i]);
		return;
	}
	if (there)
		checked(CHECK_OK, "kernel command line", NULL, "nothing there switches MTE off");
	else
		checked(CHECK_UNKNOWN, "kernel command line", NULL, "/proc/cmdline cannot be read");
}

/* Adds a word to a list; frees the old one. */
static char *add(char *list, const char *word)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s", list ?: "", list ? ", " : "", word) < 0)
		longer = NULL;
	free(list);
	return need(longer);
}

/* Returns the option by which the kernel checks where indirect calls go; NULL if it does not. */
static const char *cfi_option(void)
{
	static const char * const options[] = { "CONFIG_CFI_CLANG", "CONFIG_CFI" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (config_has(options[i]) == YES)
			return options[i];
	return NULL;
}

/**
 * check_configuration - check the kernel's command line and configuration
 */
void check_configuration(void)
{
	static const char * const needed[] = {
		"CONFIG_ARM64_MTE", "CONFIG_KVM", "CONFIG_MODULES", "CONFIG_KPROBES",
		"CONFIG_KALLSYMS",
	};
	const char *cfi = cfi_option();
	char *missing = NULL;
	size_t i;

	check_command_line();
	if (config_has(needed[0]) == UNKNOWN) {
		if (is_loaded())
			checked(CHECK_OK, "configuration", NULL, "the module is loaded, so the kernel has what it needs");
		else
			checked(CHECK_UNKNOWN, "configuration", "install the kernel's configuration in /boot, or: modprobe configs",
				"no file that can be read has it");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (config_has(needed[i]) == NO)
			missing = add(missing, needed[i]);
	if (missing)
		checked(CHECK_NO, "configuration", "use another kernel, or another flavour of it",
			"the kernel is built without %s (%s)", missing, config_source());
	else if (cfi)
		checked(CHECK_NO, "configuration", "use another kernel, or another flavour of it",
			"the kernel is built with %s (%s)", cfi, config_source());
	else
		checked(CHECK_OK, "configuration", NULL, "all options that the module needs are on (%s)",
			config_source());
	free(missing);
}

static void check_inject(enum kvm_mode mode, const char *lacks)
{
	if (!lacks)
		checked(CHECK_OK, "KVM's guest MTE", NULL, "KVM has none: backend inject");
	else
		checked(CHECK_NO, "KVM's guest MTE", mode == MODE_NVHE ?
			"remove kvm-arm.mode=nvhe from the kernel's command line if it is there; otherwise the CPU has no VHE" :
			"use a kernel without CONFIG_KASAN_HW_TAGS",
			"KVM has no guest MTE itself, and %s", lacks);
}

/* If the module is loaded, it has looked, and it answers for KVM. */
static void check_backend(enum kvm_mode mode)
{
	char *lacks = inject_lacks(mode);
	enum tribool own;
	int err;

	own = kvm_has_mte(&err);
	if (own == YES)
		checked(CHECK_OK, "KVM's guest MTE", NULL, "KVM has guest MTE itself: backend native");
	else if (own == NO)
		check_inject(mode, lacks);
	else
		checked(err == EACCES ? check_hidden() : CHECK_UNKNOWN, "KVM's guest MTE", kvm_advice(err),
			"KVM cannot be asked whether it has guest MTE itself (/dev/kvm: %s)%s%s",
			strerror(err), lacks ? "; it must have, because " : "", lacks ?: "");
	free(lacks);
}

static void check_mode(enum kvm_mode mode)
{
	static const char * const words[] = {
		[MODE_VHE] = "VHE", [MODE_NVHE] = "nVHE",
	};

	if (mode == MODE_PROTECTED)
		checked(CHECK_NO, "KVM mode", "remove kvm-arm.mode=protected from the kernel's command line, and reboot",
			"protected, where a VM's features cannot be changed");
	else if (mode != MODE_UNKNOWN)
		checked(CHECK_OK, "KVM mode", NULL, "%s", words[mode]);
	else if (is_loaded())
		checked(CHECK_OK, "KVM mode", NULL, "the module has found it fit");
	else if (klog_readable())
		checked(CHECK_UNKNOWN, "KVM mode", LOADS_ANYWAY,
			"it is only in the kernel log, and that line is gone");
	else
		checked(check_hidden(), "KVM mode", NULL,
			"only the kernel log has it, which this user cannot read");
}

/* Returns false if there is no KVM. */
static bool check_device(void)
{
	char *dev = below_root("/dev/kvm"), *why;
	int err = access(dev, F_OK) ? errno : 0;

	free(dev);
	if (kvm_is_missing()) {
		why = why_no_kvm();
		checked(CHECK_NO, "/dev/kvm", NULL, "%s", why);
		free(why);
		return false;
	}
	if (err)
		checked(CHECK_UNKNOWN, "/dev/kvm", kvm_advice(err),
			"it cannot be reached (%s), but the kernel has KVM", strerror(err));
	else
		checked(CHECK_OK, "/dev/kvm", NULL, "it is there");
	return true;
}

/**
 * check_kvm - check /dev/kvm, KVM's mode, and whether KVM has guest MTE itself
 */
void check_kvm(void)
{
	enum kvm_mode mode = kvm_mode();
	char backend[16], *path;

	if (!check_device())
		return;
	check_mode(mode);
	if (!is_loaded()) {
		check_backend(mode);
		return;
	}
	path = below_root(MTE_DIR "/backend");
	if (read_word(AT_FDCWD, path, backend, sizeof(backend)))
		strcpy(backend, "unknown");
	free(path);
	checked(CHECK_OK, "KVM's guest MTE", NULL, "backend %s", backend);
}
