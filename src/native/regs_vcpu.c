// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM sets up before a vCPU runs, where it keeps no ID registers per VM:
 * ID_AA64PFR1_EL1 is computed at each read, and HCR_EL2.ATA is set by
 * KVM_ARM_VCPU_INIT (kvm_emulate.h:vcpu_reset_hcr()).
 */
#include <linux/kvm_host.h>

#include <asm/kvm_emulate.h>

#include "native/native.h"

/**
 * native_switch_id_regs - show a VM's guest MTE, or not
 * @kvm: the VM
 * @on: which
 *
 * Context: the VM's config_lock held.
 */
void native_switch_id_regs(struct kvm *kvm, bool on)
{
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
	if (!compat_vcpu_is_initialised(vcpu))
		return;
	/* Atomic: interrupt lines set bits there at any time. */
	if (on)
		set_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	else
		clear_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
}
