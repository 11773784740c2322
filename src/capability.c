// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_ARM_MTE: VMMs that ask for guest MTE by themselves.
 *
 * Some VMMs enable whatever is advertised and give up if that fails, so the two
 * answers must agree: who is told yes finds the hooks armed that it takes.  Before
 * there is a VM it is the calling process's policy that decides; a VM keeps the
 * policy it was made with.
 *
 * Documentation/virt/kvm/api.rst 7.28; arch/arm64/kvm/arm.c upstream.
 */
#include <linux/kvm_host.h>
#include <linux/ratelimit.h>

#include "backend.h"

/* KVM_CHECK_EXTENSION on /dev/kvm (no VM yet) or on a VM. */
static bool policy_lets(const struct kvm *kvm)
{
	const struct mte_vm *vm;

	if (!vm_may_set())
		return false;
	if (!kvm)
		return policy_of_current() != POLICY_OFF;
	vm = registry_find(kvm);
	return vm && vm->policy != POLICY_OFF;
}

HOOK_WRAP(kvm_vm_ioctl_check_extension, int, (struct kvm *kvm, long ext),
	  (kvm, ext))
{
	if (ext != KVM_CAP_ARM_MTE)
		return original(kvm_vm_ioctl_check_extension)(kvm, ext);
	return policy_lets(kvm) &&
	       backend_offers(kvm, original(kvm_vm_ioctl_check_extension)) &&
	       hooks_try();
}

/* KVM_ENABLE_CAP on a VM. */
HOOK_WRAP(kvm_vm_ioctl_enable_cap, int,
	  (struct kvm *kvm, struct kvm_enable_cap *cap), (kvm, cap))
{
	struct mte_vm *vm;

	if (cap->cap != KVM_CAP_ARM_MTE)
		return original(kvm_vm_ioctl_enable_cap)(kvm, cap);
	vm = registry_find(kvm);
	if (!vm)
		return -ENOMEM;
	if (vm->policy == POLICY_OFF) {
		if (!cap->flags)
			pr_notice_ratelimited("%d-%d: its VMM asked for MTE: refused by policy off\n",
					      vm->creator, vm->fd);
		return -EINVAL;
	}
	return backend_enable(vm, cap, original(kvm_vm_ioctl_enable_cap));
}
