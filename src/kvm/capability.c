// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CAP_ARM_MTE: VMMs that ask for guest MTE themselves.
 *
 * Some VMMs enable every capability that is advertised, and exit if that fails.  So the
 * two answers must agree: KVM_CHECK_EXTENSION says yes only if the hooks that
 * KVM_ENABLE_CAP needs can be armed.  Before there is a VM, the policy of the calling
 * process decides.  A VM keeps the policy that it was created with.
 *
 * Documentation/virt/kvm/api.rst 7.28; arch/arm64/kvm/arm.c upstream.
 */
#include <linux/kvm_host.h>

#include "compat.h"
#include "hook/hook.h"
#include "hook/ondemand.h"
#include "vm/backend.h"

/* @vm is NULL on /dev/kvm, because no VM exists yet, and for a VM that is not registered. */
static bool policy_allows(const struct mte_vm *vm)
{
	return (vm ? vm->policy : policy_of_current()) != POLICY_OFF;
}

/*
 * Unless policy says no, KVM itself answers in two cases: for a VM that could not be
 * registered, and always (also on /dev/kvm) while the module is being loaded or unloaded.
 */
static bool kvm_answers(const struct kvm *kvm, const struct mte_vm *vm)
{
	return (kvm && !vm) || !vm_may_set();
}

static notrace bool asks_for_mte(const u64 *x)
{
	return x[1] == KVM_CAP_ARM_MTE;
}

HOOK_WRAP_IF(kvm_vm_ioctl_check_extension, asks_for_mte, int,
	     (struct kvm *kvm, long ext), (kvm, ext))
{
	struct mte_vm *vm = kvm ? registry_find(kvm) : NULL;

	if (!policy_allows(vm))
		return 0;
	if (kvm_answers(kvm, vm))
		return original(kvm_vm_ioctl_check_extension)(kvm, ext);
	return vm_backend->offers_cap(kvm, original(kvm_vm_ioctl_check_extension)) &&
	       ondemand_possible();
}

static notrace bool enables_mte(const u64 *x)
{
	const struct kvm_enable_cap *cap = (const struct kvm_enable_cap *)x[1];

	return cap->cap == KVM_CAP_ARM_MTE;
}

HOOK_ORIGINAL(kvm_vm_ioctl_enable_cap);

/* If the module is being loaded, it may know the VM, and then follows its state. */
static int let_kvm_answer(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	int err = original(kvm_vm_ioctl_enable_cap)(kvm, cap);
	struct mte_vm *vm;

	/* KVM's flag before the look-up.  Pairs with find_or_create(). */
	smp_mb();
	vm = registry_find(kvm);
	if (!err && vm && vm_backend->kvm_gave_mte(kvm))
		vm_sync_from_kvm(vm);
	return err;
}

/* KVM_ENABLE_CAP on a VM.  It waits for locks that KVM holds while it copies to user space. */
HOOK_WRAP_WAITS(kvm_vm_ioctl_enable_cap, enables_mte, int,
		(struct kvm *kvm, struct kvm_enable_cap *cap), (kvm, cap))
{
	struct mte_vm *vm = registry_find(kvm);

	if (!policy_allows(vm)) {
		if (!cap->flags && vm)
			vm_notice(vm, "its VMM asked for MTE: refused by policy off\n");
		return -EINVAL;
	}
	if (kvm_answers(kvm, vm))
		return let_kvm_answer(kvm, cap);
	return vm_backend->enable_cap(vm, cap, original(kvm_vm_ioctl_enable_cap));
}
