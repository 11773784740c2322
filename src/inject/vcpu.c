// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU: KVM_RUN with HCR_EL2.ATA and the tag registers, KVM_ARM_VCPU_INIT, reset, and
 * the destruction of a vCPU.
 */
#include <linux/kvm_host.h>
#include <linux/mutex.h>

#include "compat.h"
#include "hook/hook.h"
#include "inject/inject.h"
#include "inject/vcpu.h"
#include "trace.h"
#include "vm/hold.h"
#include "vm/vm.h"

/*
 * A vCPU does not get or lose MTE while KVM_RUN holds its mutex: a change needs the
 * mutexes of all vCPUs (vcpus.c).  Only vm_policy_fallback_vcpu() does without them, and it
 * does nothing if another vCPU is initialised as a 64-bit one.  KVM refuses to run a vCPU that
 * is not initialised.
 */
static notrace bool has_mte_or_is_held(const u64 *x)
{
	const struct kvm_vcpu *vcpu = (const struct kvm_vcpu *)x[0];

	return kvm_mte_enabled(vcpu->kvm) ? compat_vcpu_is_initialised(vcpu) :
					    vm_hold_wants_run(vcpu->kvm);
}

/* Must vm_hold_run() make this call?  If so, it has a reference on the module. */
static bool is_for_hold(const struct kvm *kvm)
{
	/* has_mte_or_is_held() has taken it. */
	if (!kvm_mte_enabled(kvm))
		return true;
	return vm_hold_wants_run(kvm);
}

/*
 * Only begin_run() and end_run() write HCR_EL2.ATA, in the vCPU's own context.  Other
 * writers of hcr_el2 in KVM hold the vCPU's mutex, or (for interrupt lines) use atomic
 * bit operations.  So the module uses atomic bit operations too.  ATA is set during
 * KVM_RUN only, so that it is not left in a vCPU whose VM is turned off, or after the
 * module is unloaded.
 */
static void begin_run(struct kvm_vcpu *vcpu, struct mte_vcpu *mv)
{
	set_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	tag_regs_load(mv);
}

static void end_run(struct kvm_vcpu *vcpu, struct mte_vcpu *mv)
{
	tag_regs_put(mv);
	clear_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
}

/*
 * KVM_RUN, with vcpu->mutex held.  A preempt notifier of the module switches the tag
 * registers, and KVM's notifier switches the other registers.  A VM without MTE has no
 * notifier of the module.
 *
 * KVM_RUN may last as long as the guest likes.  It does not delay the module's exit: a
 * VM that has MTE pins the module, and does not become off during KVM_RUN.  A VM without
 * MTE comes here only if it is held, and vm_hold_run() does not enter the guest.
 */
HOOK_WRAP_IF(kvm_arch_vcpu_ioctl_run, has_mte_or_is_held, int, (struct kvm_vcpu *vcpu),
	     (vcpu))
{
	struct mte_vcpu *mv = vcpu_find(vcpu);
	int ret;

	if (unlikely(READ_ONCE(vm_hold_used)) && is_for_hold(vcpu->kvm))
		return vm_hold_run(vcpu, original(kvm_arch_vcpu_ioctl_run));
	/* Without a place for its registers the vCPU gets no MTE: it would see the host's. */
	if (!mv)
		return original(kvm_arch_vcpu_ioctl_run)(vcpu);
	begin_run(vcpu, mv);
	ret = original(kvm_arch_vcpu_ioctl_run)(vcpu);
	end_run(vcpu, mv);
	return ret;
}

/* Preemption is off.  PSCI resets a vCPU during KVM_RUN, while the CPU has its registers. */
HOOK_WATCH1(kvm_reset_sys_regs, void, struct kvm_vcpu *, vcpu)
{
	struct mte_vcpu *mv = vcpu_find(vcpu);

	if (mv)
		tag_regs_reset(mv);
}

HOOK_WATCH1(kvm_arch_vcpu_destroy, void, struct kvm_vcpu *, vcpu)
{
	vcpu_forget(vcpu);
}

/*
 * An MTE VM has no 32-bit vCPUs: AArch32 has no tags.  In a VM with both kinds of vCPU,
 * the 32-bit ones could not follow the rules for tagged memory.
 */
static int refuse_32bit(struct kvm_vcpu *vcpu)
{
	struct mte_vm *vm = registry_find(vcpu->kvm);

	if (vm_policy_fallback_vcpu(vm, vcpu)) {
		vm_notice(vm, "policy asked for MTE, but a vCPU is 32-bit: off\n");
		return 0;
	}
	trace_kvm_mte_refuse(vm, REFUSED_32BIT, 0, -EINVAL);
	vm_notice(vm, "32-bit vCPU refused: MTE is for 64-bit guests only\n");
	return -EINVAL;
}

/*
 * Only for a 32-bit vCPU of a VM that has MTE, and so pins the module: the original waits for
 * kvm->lock, and a VMM decides how long that is held.  The VM does not get MTE during the call,
 * because the caller holds the vCPU's mutex.
 */
static notrace bool is_32bit_with_mte(const u64 *x)
{
	const struct kvm_vcpu *vcpu = (const struct kvm_vcpu *)x[0];

	return test_bit(KVM_ARM_VCPU_EL1_32BIT, vcpu->arch.features) &&
	       kvm_mte_enabled(vcpu->kvm);
}

/*
 * If this fails, KVM_ARM_VCPU_INIT undoes everything.  PSCI's CPU_ON could not, but a VM
 * with MTE has no 32-bit vCPU that CPU_ON could reset.
 *
 * Policy falls back only for a 32-bit vCPU that KVM itself has accepted.
 */
HOOK_WRAP_IF(kvm_reset_vcpu, is_32bit_with_mte, int, (struct kvm_vcpu *vcpu), (vcpu))
{
	int err = original(kvm_reset_vcpu)(vcpu);

	return err ?: refuse_32bit(vcpu);
}

/*
 * If the VM is off, KVM_ARM_VCPU_INIT needs no wrapper.  The VM cannot be turned on at
 * once during the ioctl: that needs the mutexes of all vCPUs (vcpus_hold()), and the
 * ioctl holds one of them.
 */
static notrace bool initialises_vcpu(const u64 *x)
{
	struct kvm_vcpu *vcpu = ((const struct file *)x[0])->private_data;
	struct mte_vm *vm;

	if ((unsigned int)x[1] != KVM_ARM_VCPU_INIT)
		return false;
	vm = registry_find(vcpu->kvm);
	return vm && READ_ONCE(vm->state) != VM_OFF;
}

/*
 * KVM_ARM_VCPU_INIT: vcpu->mutex is held, the vCPU is not loaded.
 *
 * One vCPU at a time.  Otherwise a 64-bit vCPU could be initialised, and run with MTE,
 * while policy falls back for a 32-bit one.  KVM does not prevent that: some kernels let a
 * VM have both kinds of vCPUs, and where KVM refuses that, its check takes no lock.
 */
HOOK_WRAP_WAITS(kvm_arch_vcpu_ioctl, initialises_vcpu, long,
		(struct file *filp, unsigned int ioctl, unsigned long arg),
		(filp, ioctl, arg))
{
	struct kvm_vcpu *vcpu = filp->private_data;
	struct mte_vm *vm = registry_find(vcpu->kvm);
	long ret;
	int err;

	err = vcpu_prepare(vcpu);
	if (err)
		return err;
	vm_init_begin(vm);
	mutex_lock(&vm->init_lock);
	ret = original(kvm_arch_vcpu_ioctl)(filp, ioctl, arg);
	mutex_unlock(&vm->init_lock);
	vm_init_end(vm, vcpu, ret);
	return ret;
}
