// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions that KVM injects into a guest.  Where MTE is implemented, the architecture
 * sets PSTATE.TCO on entry to an exception level (ARM DDI 0487, AArch64.TakeException;
 * upstream: hyp/exception.c:enter_exception64()).  KVM of these kernels clears TCO.  So
 * the guest's handler would run with tag checks before it is ready for them.
 */
#include "calls.h"
#include "hook/hook.h"
#include "vm/vm.h"

/*
 * Some kernels compute the new PSTATE only when they enter the guest.  KVM's own vectors
 * are in place there.  They do not handle the kernel's breakpoints, so nothing can be
 * hooked.  On these kernels the module calls KVM's own function for it right after the
 * injection.  KVM then has nothing left to do when it enters the guest.  That function
 * works on the CPU's registers, so the vCPU must be loaded.  When the VMM asks for an abort
 * (KVM_SET_VCPU_EVENTS), the vCPU is not loaded.  Under VHE the function may be preempted:
 * KVM's notifier moves the registers.
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

/* The vCPU's thread, or an ioctl on the vCPU, has injected an exception. */
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
