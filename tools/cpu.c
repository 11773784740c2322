// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space can find out about the CPU's MTE.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>

#include "kvm-mte.h"

#ifndef HWCAP2_MTE
#define HWCAP2_MTE	(1 << 18)
#endif
#ifndef HWCAP_CPUID
#define HWCAP_CPUID	(1 << 11)
#endif

/* With --root, /proc/cpuinfo is the only file that describes the other host's CPU. */
static bool cpuinfo_has(const char *key, const char *word)
{
	char *text = read_all(below_root("/proc/cpuinfo"), NULL);
	char *line, *w, *next, *next_word;
	bool has = false;

	for (line = strtok_r(text ?: need(text = calloc(1, 1)), "\n", &next); line && !has;
	     line = strtok_r(NULL, "\n", &next)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		has = !word;
		for (w = strtok_r(line, " \t:", &next_word); w && !has;
		     w = strtok_r(NULL, " \t:", &next_word))
			has = !strcmp(w, word);
	}
	free(text);
	return has;
}

/**
 * cpu_is_arm64 - is this a 64-bit Arm machine?
 *
 * Return: true if it is.
 */
bool cpu_is_arm64(void)
{
	struct utsname name;

	if (*root)
		return cpuinfo_has("CPU implementer", NULL);
	/* aarch64 or aarch64_be; a 32-bit program sees armv8l. */
	return !uname(&name) && !strncmp(name.machine, "aarch64", 7);
}

/**
 * cpu_has_mte - does the kernel let processes use MTE?
 *
 * If so, the CPUs have MTE, and the kernel knows and uses it.
 *
 * Return: true if it does.
 */
bool cpu_has_mte(void)
{
	if (*root)
		return cpuinfo_has("Features", "mte");
#ifdef __aarch64__
	return getauxval(AT_HWCAP2) & HWCAP2_MTE;
#else
	return false;
#endif
}

/**
 * cpu_mte_field - ID_AA64PFR1_EL1.MTE
 *
 * The kernel emulates the read.  It returns what all CPUs have in common, without what is
 * switched off: 0 with arm64.nomte, or without CONFIG_ARM64_MTE.
 *
 * Return: the field; -1 if it cannot be read.
 */
int cpu_mte_field(void)
{
#ifdef __aarch64__
	unsigned long pfr1;

	if (!*root && getauxval(AT_HWCAP) & HWCAP_CPUID) {
		asm("mrs %0, s3_0_c0_c4_1" : "=r" (pfr1));
		return pfr1 >> 8 & 0xf;
	}
#endif
	return -1;
}
