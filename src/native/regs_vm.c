// SPDX-License-Identifier: GPL-2.0
/*
 * What KVM sets up before a vCPU runs, where it keeps ID registers per VM (6.5 and
 * later): ID_AA64PFR1_EL1 at the first KVM_ARM_VCPU_INIT (sys_regs.c:
 * kvm_reset_id_regs()), and CLIDR_EL1 at each.  HCR_EL2 comes at the first run.
 */
#include <linux/bitfield.h>
#include <linux/kvm_host.h>

#include <asm/cache.h>
#include <asm/cpufeature.h>
#include <asm/sysreg.h>

#include "native.h"

#define CLIDR_LOC_MASK		GENMASK_ULL(26, 24)
/* Separate from data, in the same cache line: reset_clidr() */
#define TTYPE_UNIFIED_TAGS	2ULL
#define TTYPE_MASK		3ULL

/**
 * native_switch_id_regs - show a VM's guest MTE, or not
 * @kvm: the VM
 * @on: which
 *
 * Context: the VM's config_lock held.
 */
void native_switch_id_regs(struct kvm *kvm, bool on)
{
	u64 host = read_sanitised_ftr_reg(SYS_ID_AA64PFR1_EL1);
	u64 val;

	if (!test_bit(KVM_ARCH_FLAG_ID_REGS_INITIALIZED, &kvm->arch.flags))
		return;
	val = kvm_read_vm_id_reg(kvm, SYS_ID_AA64PFR1_EL1);
	val &= ~ID_AA64PFR1_EL1_MTE_MASK;
	if (on)
		val |= host & ID_AA64PFR1_EL1_MTE_MASK;
	kernel.set_vm_id_reg(kvm, SYS_ID_AA64PFR1_EL1, val);
}

/**
 * native_switch_vcpu - give a vCPU MTE, or take it away
 * @vcpu: the vCPU, which has never run and is held still
 * @on: which
 *
 * Context: the VM's config_lock held.
 */
void native_switch_vcpu(struct kvm_vcpu *vcpu, bool on)
{
	u64 clidr, loc;

	if (!compat_vcpu_is_initialised(vcpu))
		return;
	clidr = ctxt_sys_reg(&vcpu->arch.ctxt, CLIDR_EL1);
	loc = FIELD_GET(CLIDR_LOC_MASK, clidr);
	if (!loc)
		return;
	clidr &= ~(TTYPE_MASK << CLIDR_TTYPE_SHIFT(loc));
	if (on)
		clidr |= TTYPE_UNIFIED_TAGS << CLIDR_TTYPE_SHIFT(loc);
	ctxt_sys_reg(&vcpu->arch.ctxt, CLIDR_EL1) = clidr;
}
