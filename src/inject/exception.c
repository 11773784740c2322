// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions that KVM injects into a guest: the architecture sets PSTATE.TCO on
 * entry to an exception level where MTE is implemented (ARM DDI 0487,
 * AArch64.TakeException; upstream: hyp/exception.c:enter_exception64()), these
 * kernels clear it.  Without it the guest's handler checks tags before it is
 * ready to.
 */
#include "kvm_mte.h"

/*
 * The vCPU's new PSTATE has just been made.  It may be loaded or not: the VMM can
 * ask for an abort before the first run.
 */
static void set_tco(struct kvm_vcpu *vcpu)
{
	if (registry_has_mte(vcpu->kvm))
		*vcpu_cpsr(vcpu) |= PSR_TCO_BIT;
}

HOOK_WRAP_VOID(kvm_inject_undefined, (struct kvm_vcpu *vcpu), (vcpu))
{
	original(kvm_inject_undefined)(vcpu);
	set_tco(vcpu);
}

HOOK_WRAP_VOID(kvm_inject_dabt, (struct kvm_vcpu *vcpu, unsigned long addr),
	       (vcpu, addr))
{
	original(kvm_inject_dabt)(vcpu, addr);
	set_tco(vcpu);
}

HOOK_WRAP_VOID(kvm_inject_pabt, (struct kvm_vcpu *vcpu, unsigned long addr),
	       (vcpu, addr))
{
	original(kvm_inject_pabt)(vcpu, addr);
	set_tco(vcpu);
}
