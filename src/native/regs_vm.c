// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers that KVM sets up before a vCPU runs, on kernels that keep ID registers
 * per VM (6.5 and later).  The first KVM_ARM_VCPU_INIT sets ID_AA64PFR1_EL1 (sys_regs.c:
 * kvm_reset_id_regs()), and each one sets CLIDR_EL1.  The first KVM_RUN sets the bits of
 * MTE in HCR_EL2 (vcpu_set_hcr()).  That KVM_RUN may still fail after it has set them, if
 * the interrupt controller or the PMU is not ready.  The next KVM_RUN then repeats the
 * setup.  It sets bits in HCR_EL2, but never clears any.
 */
#include <linux/bitfield.h>
#include <linux/kvm_host.h>

#include <asm/cache.h>
#include <asm/cpufeature.h>
#include <asm/sysreg.h>

#include "calls.h"
#include "native/native.h"

#define CLIDR_LOC_MASK		GENMASK_ULL(26, 24)
/* Tags are separate from data, in the same cache line: reset_clidr() */
#define TTYPE_UNIFIED_TAGS	2ULL
#define TTYPE_MASK		3ULL

/* sys_regs.c hides these from VMs without MTE: sanitise_id_aa64pfr1_el1(), .._pfr2_el1(). */
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
 * native_switch_id_regs - show or hide MTE in a VM's ID registers
 * @kvm: the VM
 * @on: show MTE
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
 * native_switch_vcpu - give MTE to a vCPU, or take it away
 * @vcpu: the vCPU; it has never run, and is held
 * @on: give MTE
 *
 * Context: the VM's config_lock held.
 */
void native_switch_vcpu(struct kvm_vcpu *vcpu, bool on)
{
	u64 clidr, loc;

	/*
	 * The vCPU has not run, so its next KVM_RUN sets the right bits.  Atomic: interrupt
	 * lines set bits in HCR_EL2 at any time.
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
