// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the machine must have before any kernel function is hooked.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/kernel.h>

#include <asm/cpufeature.h>
#include <asm/sysreg.h>

#include "kvm_mte.h"
#include "vm/backend.h"

/* ID_AA64PFR1_EL1.MTE (ARM DDI 0487): a CPU can store tags if it is 2 or more. */
#define PFR1_MTE_SHIFT	8
#define PFR1_MTE_MTE2	2

static u64 gmid;
static enum cpuhp_state gmid_state;

static int check_mte(void)
{
	u64 pfr1 = read_sysreg(id_aa64pfr1_el1);

	if (!IS_ENABLED(CONFIG_ARM64_MTE)) {
		pr_err("no guest MTE: this kernel is built without CONFIG_ARM64_MTE\n");
		return -ENODEV;
	}
	if (system_supports_mte())
		return 0;
	if (cpuid_feature_extract_unsigned_field(pfr1, PFR1_MTE_SHIFT) <
	    PFR1_MTE_MTE2)
		pr_err("no guest MTE: the CPU has no MTE (ID_AA64PFR1_EL1.MTE is %u, not 2 or more)\n",
		       cpuid_feature_extract_unsigned_field(pfr1, PFR1_MTE_SHIFT));
	else
		pr_err("no guest MTE: the CPU has it but the kernel does not use it (arm64.nomte, or not all CPUs have it)\n");
	return -ENODEV;
}

/**
 * cpu_check_host - can this machine's guests have MTE at all?
 *
 * Context: module init.
 * Return: 0; -ENODEV, with the exact reason in the log.
 */
int cpu_check_host(void)
{
	return check_mte() ?: vm_backend->check_host();
}

static int check_gmid(unsigned int cpu)
{
	u64 here = read_sysreg_s(SYS_GMID_EL1);

	if (here == gmid)
		return 0;
	pr_err("CPU%u: GMID_EL1 is %llx, that of the others %llx: a guest could not move between them\n",
	       cpu, here, gmid);
	return -ENODEV;
}

/**
 * cpu_watch_gmid - ensure that all CPUs transfer tags in blocks of one size
 *
 * LDGM and STGM move as many tags as GMID_EL1.BS says, and a guest reads GMID_EL1 only
 * once.  Kernels before 5.14 do not compare it between CPUs.  A CPU that comes online
 * later is refused if its GMID_EL1 differs.
 *
 * Context: module init, after cpu_check_host(); may sleep.
 * Return: 0; -ENODEV if CPUs differ; or another error of cpuhp_setup_state().
 */
int cpu_watch_gmid(void)
{
	int state;

	gmid = read_sysreg_s(SYS_GMID_EL1);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "kvm_mte:gmid",
				  check_gmid, NULL);
	if (state < 0)
		return state;
	gmid_state = state;
	return 0;
}

/**
 * cpu_unwatch_gmid - the reverse of cpu_watch_gmid()
 *
 * Context: module exit or a failed init; may sleep.
 */
void cpu_unwatch_gmid(void)
{
	cpuhp_remove_state(gmid_state);
}
