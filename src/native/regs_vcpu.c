// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers that KVM sets up before a vCPU runs, on kernels that keep no ID registers
 * per VM.  KVM computes ID_AA64PFR1_EL1 at each read, and KVM_ARM_VCPU_INIT sets
 * HCR_EL2.ATA (kvm_emulate.h:vcpu_reset_hcr()).
 */
#include <linux/kvm_host.h>

#include <asm/kvm_emulate.h>

#include "native/native.h"

/**
 * native_switch_id_regs - show or hide MTE in a VM's ID registers
 * @kvm: the VM
 * @on: show MTE
 *
 * Context: the VM's config_lock held.
 */
void native_switch_id_regs(struct kvm *kvm, bool on)
{
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
	if (!compat_vcpu_is_initialised(vcpu))
		return;
	/* Atomic: interrupt lines set bits in HCR_EL2 at any time. */
	if (on)
		set_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	else
		clear_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
}
