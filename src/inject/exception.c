// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions that KVM injects into a guest: the architecture sets PSTATE.TCO on
 * entry to an exception level where MTE is implemented (ARM DDI 0487,
 * AArch64.TakeException; upstream: hyp/exception.c:enter_exception64()), these
 * kernels clear it.  Without it the guest's handler checks tags before it is
 * ready to.
 */
#include "calls.h"
#include "hook/hook.h"
#include "vm/vm.h"

/*
 * Some kernels make the new PSTATE only on the way into the guest, with the
 * guest's vectors in place, where nothing can be hooked.  There it is made at
 * once, as older kernels do, by the same function; KVM then finds nothing left to
 * do.  That function works on the CPU's registers, so the vCPU must be loaded; it
 * is not when the VMM asks for an abort (KVM_SET_VCPU_EVENTS).  Under VHE it does
 * not mind being preempted meanwhile: KVM's notifier moves the registers.
 */
static void make_pstate(struct kvm_vcpu *vcpu)
{
	bool loaded = vcpu->arch.sysregs_loaded_on_cpu;

	if (!loaded)
		vcpu_load(vcpu);
	kfn.make_pstate(vcpu);
	compat_exception_forget(vcpu);
	if (!loaded)
		vcpu_put(vcpu);
}

/* An exception was injected, by this vCPU's thread or an ioctl on it. */
static void set_tco(struct kvm_vcpu *vcpu)
{
	if (!kvm_mte_enabled(vcpu->kvm))
		return;
	if (compat_exception_noted(vcpu))
		make_pstate(vcpu);
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
