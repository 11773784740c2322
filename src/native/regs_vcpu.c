// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers that KVM sets up before a vCPU runs, on kernels that keep no ID registers
 * per VM.  KVM computes ID_AA64PFR1_EL1 at each read, and KVM_ARM_VCPU_INIT sets
 * HCR_EL2.ATA (kvm_emulate.h:vcpu_reset_hcr()).
 */
#include <linux/kvm_host.h>

#include <asm/kvm_emulate.h>
#include <asm/sysreg.h>

#include "native/native.h"

/**
 * native_switch_id_regs - nothing to do: KVM computes ID_AA64PFR1_EL1 at each read
 * @kvm: the VM
 * @on: show MTE
 *
 * Context: any.
 */
void native_switch_id_regs(struct kvm *kvm, bool on)
{
}

/**
 * native_switch_vcpu - give MTE to a vCPU, or take it away
 * @vcpu: the vCPU; it has not run since it was initialised; it is held, except in
 *	vm_policy_fallback_vcpu()
 * @on: give MTE
 *
 * Context: the VM's config_lock held.
 */
void native_switch_vcpu(struct kvm_vcpu *vcpu, bool on)
{
	if (!compat_vcpu_is_initialised(vcpu))
		return;
	/* Atomic: interrupt lines set bits in HCR_EL2 at any time. */
	if (on)
		set_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	else
		clear_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
}

/**
 * native_update_traps - nothing to do: native_switch_vcpu() has set all bits
 * @vcpu: the vCPU
 *
 * Context: any.
 */
void native_update_traps(struct kvm_vcpu *vcpu)
{
}

/**
 * native_switch_clidr - nothing to do: a guest reads the CPU's own CLIDR_EL1
 * @vcpu: the vCPU
 * @on: show tags
 *
 * Context: any.
 */
void native_switch_clidr(struct kvm_vcpu *vcpu, bool on)
{
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
	return reg == SYS_ID_AA64PFR1_EL1 ? COMPAT_PFR1_MTE_FIELDS : 0;
}

/**
 * native_read_id_reg - read an ID register of a VM
 * @vcpu: a vCPU of it
 * @reg: the VMM's request; its buffer must be writable
 * @get: KVM's own function for KVM_GET_ONE_REG
 * @val: gets the value
 *
 * Context: the ioctl, with vcpu->mutex held; may sleep.
 * Return: 0, or the error of compat_get_reg().
 */
int native_read_id_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
		       int (*get)(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg),
		       u64 *val)
{
	return compat_get_reg(get, vcpu, reg, val);
}
