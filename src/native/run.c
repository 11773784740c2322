// SPDX-License-Identifier: GPL-2.0-only
/* KVM_RUN of a held VM.  The hook is armed while some VM is held, and some seconds more. */
#include <linux/kvm_host.h>

#include "hook/hook.h"
#include "vm/hold.h"

static notrace bool is_held(const u64 *x)
{
	return vm_hold_wants_run(((const struct kvm_vcpu *)x[0])->kvm);
}

HOOK_WRAP_IF(kvm_arch_vcpu_ioctl_run, is_held, int, (struct kvm_vcpu *vcpu), (vcpu))
{
	return vm_hold_run(vcpu, original(kvm_arch_vcpu_ioctl_run));
}
