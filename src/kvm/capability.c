// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_ARM_MTE: VMMs that ask for guest MTE by themselves.
 *
 * Some VMMs enable whatever is advertised and give up if that fails, so the two
 * answers must agree: who is told yes finds that the hooks can be armed that it takes.  Before
 * there is a VM it is the calling process's policy that decides; a VM keeps the
 * policy it was made with.
 *
 * Documentation/virt/kvm/api.rst 7.28; arch/arm64/kvm/arm.c upstream.
 */
#include <linux/kvm_host.h>
#include <linux/ratelimit.h>

#include "vm/backend.h"

/* KVM_CHECK_EXTENSION on /dev/kvm (no VM yet) or on a VM. */
static bool policy_lets(const struct mte_vm *vm)
{
	return (vm ? vm->policy : policy_of_current()) != POLICY_OFF;
}

/*
 * A VM that could not be registered is as without the module, and so are all while the
 * module comes or goes.
 */
static bool is_kvms_own(const struct kvm *kvm, const struct mte_vm *vm)
{
	return (kvm && !vm) || !vm_may_set();
}

static notrace bool is_asked(const u64 *x)
{
	return x[1] == KVM_CAP_ARM_MTE;
}

HOOK_WRAP_IF(kvm_vm_ioctl_check_extension, is_asked, int,
	     (struct kvm *kvm, long ext), (kvm, ext))
{
	struct mte_vm *vm = kvm ? registry_find(kvm) : NULL;

	if (!policy_lets(vm))
		return 0;
	if (is_kvms_own(kvm, vm))
		return original(kvm_vm_ioctl_check_extension)(kvm, ext);
	return backend_offers(kvm, original(kvm_vm_ioctl_check_extension)) &&
	       hooks_try();
}

static notrace bool is_enabled(const u64 *x)
{
	const struct kvm_enable_cap *cap = (const struct kvm_enable_cap *)x[1];

	return cap->cap == KVM_CAP_ARM_MTE;
}

/* KVM_ENABLE_CAP on a VM.  Waits for locks that are held where KVM copies to user. */
HOOK_WRAP_WAITS(kvm_vm_ioctl_enable_cap, is_enabled, int,
		(struct kvm *kvm, struct kvm_enable_cap *cap), (kvm, cap))
{
	struct mte_vm *vm = registry_find(kvm);

	if (!policy_lets(vm)) {
		if (!cap->flags && vm)
			pr_notice_ratelimited("%d-%d: its VMM asked for MTE: refused by policy off\n",
					      vm->creator, vm->fd);
		return -EINVAL;
	}
	if (is_kvms_own(kvm, vm))
		return original(kvm_vm_ioctl_enable_cap)(kvm, cap);
	return backend_enable(vm, cap, original(kvm_vm_ioctl_enable_cap));
}
