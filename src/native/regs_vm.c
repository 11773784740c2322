// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM sets up before a vCPU runs, where it keeps ID registers per VM (6.5 and
 * later): ID_AA64PFR1_EL1 at the first KVM_ARM_VCPU_INIT (sys_regs.c:
 * kvm_reset_id_regs()), and CLIDR_EL1 at each.  The bits of MTE in HCR_EL2 are set
 * in the first KVM_RUN (vcpu_set_hcr()).  That may fail later on, without an
 * interrupt controller or PMU that is ready, and is then repeated: KVM sets bits
 * there, and never clears any.
 */
#include <linux/bitfield.h>
#include <linux/kvm_host.h>

#include <asm/cache.h>
#include <asm/cpufeature.h>
#include <asm/sysreg.h>

#include "calls.h"
#include "native/native.h"

#define CLIDR_LOC_MASK		GENMASK_ULL(26, 24)
/* Separate from data, in the same cache line: reset_clidr() */
#define TTYPE_UNIFIED_TAGS	2ULL
#define TTYPE_MASK		3ULL

/* What sys_regs.c hides from VMs without MTE: sanitise_id_aa64pfr1_el1(), .._pfr2_el1(). */
static const struct {
	u32 reg;
	u64 fields;
} id_regs[] = {
	{ SYS_ID_AA64PFR1_EL1, COMPAT_PFR1_MTE_FIELDS },
#ifdef COMPAT_PFR2_MTE_FIELDS
	{ SYS_ID_AA64PFR2_EL1, COMPAT_PFR2_MTE_FIELDS },
#endif
};

/**
 * native_switch_id_regs - show a VM's guest MTE, or not
 * @kvm: the VM
 * @on: which
 *
 * Context: the VM's config_lock held.
 */
void native_switch_id_regs(struct kvm *kvm, bool on)
{
	u64 val;
	int i;

	if (!test_bit(KVM_ARCH_FLAG_ID_REGS_INITIALIZED, &kvm->arch.flags))
		return;
	for (i = 0; i < ARRAY_SIZE(id_regs); i++) {
		val = kvm_read_vm_id_reg(kvm, id_regs[i].reg);
		val &= ~id_regs[i].fields;
		if (on)
			val |= read_sanitised_ftr_reg(id_regs[i].reg) & id_regs[i].fields;
		kfn.set_vm_id_reg(kvm, id_regs[i].reg, val);
	}
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

	/*
	 * The next KVM_RUN sets what is right, since the vCPU has not run.  Atomic:
	 * interrupt lines set bits there at any time.
	 */
	clear_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	clear_bit(HCR_TID5_BIT, vcpu_hcr(vcpu));
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
