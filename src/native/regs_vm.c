// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers that KVM sets up before a vCPU runs, on kernels that keep ID registers
 * per VM (6.5 and later).  The first KVM_ARM_VCPU_INIT in a VM sets the ID registers
 * (sys_regs.c:reset_vm_ftr_id_reg()).  The first one of a vCPU sets CLIDR_EL1.  The first
 * KVM_RUN sets the bits of MTE in HCR_EL2 (vcpu_set_hcr()).  That KVM_RUN may still fail
 * after it has set them, if the timers or the PMU are not set up correctly.  The next
 * KVM_RUN then repeats the setup.  It sets the bits of MTE, but never clears them.
 */
#include <linux/bitfield.h>
#include <linux/kvm_host.h>

#include <asm/cache.h>
#include <asm/cpufeature.h>
#include <asm/sysreg.h>

#include "calls.h"
#include "native/native.h"

#define CLIDR_LOC_MASK		GENMASK_ULL(26, 24)
/* One cache has tags and data, in the same lines: reset_clidr() */
#define TTYPE_UNIFIED_TAGS	2ULL
#define TTYPE_MASK		3ULL

/*
 * sys_regs.c hides these from VMs without MTE: sanitise_id_aa64pfr1_el1(), .._pfr2_el1()
 * on 7.2, __kvm_read_sanitised_id_reg() on 6.12.
 */
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
		/* Not kvm_set_vm_id_reg(): it refuses a VM that has run. */
		*__vm_id_reg(&kvm->arch, id_regs[i].reg) = val;
	}
}

/**
 * native_mte_fields - which fields of an ID register does only a VM with MTE have?
 * @reg: a register, as encoded in asm/sysreg.h
 *
 * Context: any.
 * Return: their mask; 0 if there are none.
 */
u64 native_mte_fields(u32 reg)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(id_regs); i++)
		if (id_regs[i].reg == reg)
			return id_regs[i].fields;
	return 0;
}

/**
 * native_switch_vcpu - give MTE to a vCPU, or take it away
 * @vcpu: the vCPU; it has not run since it was initialised; it is held, except in
 *	vm_policy_fallback_vcpu()
 * @on: give MTE
 *
 * Context: the VM's config_lock held; native_update_traps() follows.
 */
void native_switch_vcpu(struct kvm_vcpu *vcpu, bool on)
{
	/*
	 * Both bits are cleared, whether MTE is given or taken away: KVM's own function then
	 * sets those that are needed, in native_update_traps() or at the first run.  Atomic:
	 * interrupt lines set bits in HCR_EL2 at any time.
	 */
	clear_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	clear_bit(HCR_TID5_BIT, vcpu_hcr(vcpu));
	if (compat_vcpu_is_initialised(vcpu))
		native_switch_clidr(vcpu, on);
}

/**
 * native_update_traps - set the bits of HCR_EL2 that follow from KVM's flag for MTE
 * @vcpu: the vCPU, after native_switch_vcpu()
 *
 * KVM sets the bits at the first run, with its own function for that.  If the vCPU has
 * run, this calls that function again.  It is not atomic: if the VMM emulates the interrupt
 * controller, a change of an interrupt line at the same moment may be lost.
 *
 * Context: the vCPU is held, or (vm_policy_fallback_vcpu()) has never run; takes
 * config_lock.
 */
void native_update_traps(struct kvm_vcpu *vcpu)
{
	if (compat_vcpu_has_run(vcpu))
		kfn.calculate_traps(vcpu);
}

/**
 * native_switch_clidr - show or hide tags in a vCPU's CLIDR_EL1
 * @vcpu: the vCPU
 * @on: show tags
 *
 * Context: vcpu->mutex held, except in vm_policy_fallback_vcpu().
 */
void native_switch_clidr(struct kvm_vcpu *vcpu, bool on)
{
	u64 clidr, loc;

	clidr = ctxt_sys_reg(&vcpu->arch.ctxt, CLIDR_EL1);
	loc = FIELD_GET(CLIDR_LOC_MASK, clidr);
	if (!loc)
		return;
	clidr &= ~(TTYPE_MASK << CLIDR_TTYPE_SHIFT(loc));
	if (on)
		clidr |= TTYPE_UNIFIED_TAGS << CLIDR_TTYPE_SHIFT(loc);
	ctxt_sys_reg(&vcpu->arch.ctxt, CLIDR_EL1) = clidr;
}

/**
 * native_read_id_reg - read an ID register of a VM
 * @vcpu: a vCPU of it
 * @reg: the VMM's request
 * @get: KVM's own function for KVM_GET_ONE_REG, not used here
 * @val: gets the value
 *
 * Context: the ioctl, with vcpu->mutex held.
 * Return: 0.
 */
int native_read_id_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
		       int (*get)(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg),
		       u64 *val)
{
	*val = kvm_read_vm_id_reg(vcpu->kvm, native_sysreg(reg->id));
	return 0;
}
