// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU: HCR_EL2.ATA, and the registers RGSR_EL1, GCR_EL1, TFSR_EL1 and
 * TFSRE0_EL1.  KVM of these kernels has no place for the registers.
 *
 * The module switches them where KVM_RUN begins and ends, and when its task is
 * scheduled out or in meanwhile.  Between these points the host does not depend on
 * them.  Only IRG uses GCR_EL1 and RGSR_EL1, and the kernel does not use IRG
 * (KASAN_HW_TAGS is refused).  The kernel reads TFSRE0_EL1 only on entry from EL0.
 * mte_thread_switch() runs after one task is scheduled out and before the next one is
 * scheduled in.  Under VHE the kernel's own TFSR_EL1 is TFSR_EL2, and the guest's
 * TFSR_EL1 is reached as TFSR_EL12.
 *
 * A guest without MTE cannot see them: with HCR_EL2.ATA = 0 its accesses trap
 * (ARM DDI 0487, HCR_EL2.ATA).
 */
#include <linux/hashtable.h>
#include <linux/kvm_host.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <asm/barrier.h>
#include <asm/sysreg.h>

#include "hook/hook.h"
#include "inject/inject.h"
#include "inject/vcpu.h"
#include "trace.h"
#include "vm/vm.h"

/* Upstream's reset_unknown(): the architecture leaves the values UNKNOWN. */
#define RESET_UNKNOWN	0x1de7ec7edbadc0deULL

#define VCPU_BITS	8

static DEFINE_READ_MOSTLY_HASHTABLE(vcpus, VCPU_BITS);
static DEFINE_RAW_SPINLOCK(vcpus_lock);

/* The host's registers, while the CPU has those of a vCPU. */
static DEFINE_PER_CPU(struct mte_regs, host_regs);

static struct preempt_ops preempt_ops;

/**
 * vcpu_find - find the module's state of a vCPU
 * @vcpu: the vCPU, kept alive by the caller
 *
 * Context: any.
 * Return: the state, valid as long as @vcpu; NULL if it has none.
 */
struct mte_vcpu *vcpu_find(const struct kvm_vcpu *vcpu)
{
	struct mte_vcpu *mv;

	rcu_read_lock();
	hash_for_each_possible_rcu(vcpus, mv, node, (unsigned long)vcpu)
		if (mv->vcpu == vcpu)
			break;
	rcu_read_unlock();
	return mv;
}

static void reset_regs(struct mte_regs *regs)
{
	regs->rgsr = RESET_UNKNOWN;
	regs->gcr = RESET_UNKNOWN;
	regs->tfsr = RESET_UNKNOWN;
	regs->tfsre0 = RESET_UNKNOWN;
}

/**
 * vcpu_prepare - ensure that a vCPU has a place for its registers
 * @vcpu: the vCPU, kept alive by the caller
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vcpu_prepare(struct kvm_vcpu *vcpu)
{
	struct mte_vcpu *mv;
	bool lost;

	if (vcpu_find(vcpu))
		return 0;
	mv = kzalloc(sizeof(*mv), GFP_KERNEL_ACCOUNT);
	if (!mv)
		return -ENOMEM;
	mv->vcpu = vcpu;
	preempt_notifier_init(&mv->notifier, &preempt_ops);
	reset_regs(&mv->regs);

	raw_spin_lock(&vcpus_lock);
	lost = vcpu_find(vcpu);
	if (!lost)
		hash_add_rcu(vcpus, &mv->node, (unsigned long)vcpu);
	raw_spin_unlock(&vcpus_lock);
	if (lost)
		kfree(mv);
	return 0;
}

static void forget(struct mte_vcpu *mv)
{
	hash_del_rcu(&mv->node);
	kfree_rcu(mv, rcu);
}

/**
 * vcpu_forget_all - free the state of all vCPUs
 *
 * Context: module exit, when no hook can run any more.
 */
void vcpu_forget_all(void)
{
	struct hlist_node *next;
	struct mte_vcpu *mv;
	int i;

	hash_for_each_safe(vcpus, i, next, mv, node)
		forget(mv);
}

static void save_regs(struct mte_regs *regs)
{
	regs->rgsr = read_sysreg_s(SYS_RGSR_EL1);
	regs->gcr = read_sysreg_s(SYS_GCR_EL1);
	regs->tfsr = read_sysreg_s(SYS_TFSR_EL12);
	regs->tfsre0 = read_sysreg_s(SYS_TFSRE0_EL1);
}

static void restore_regs(const struct mte_regs *regs)
{
	write_sysreg_s(regs->rgsr, SYS_RGSR_EL1);
	write_sysreg_s(regs->gcr, SYS_GCR_EL1);
	write_sysreg_s(regs->tfsr, SYS_TFSR_EL12);
	write_sysreg_s(regs->tfsre0, SYS_TFSRE0_EL1);
}

/* Pending asynchronous tag check faults must be in TFSR*_EL1 before these are switched. */
static void sync_tag_faults(void)
{
	dsb(nsh);
	isb();
}

/* Preemption is off in switch_in() and switch_out(). */
static void switch_in(struct mte_vcpu *mv)
{
	sync_tag_faults();
	save_regs(this_cpu_ptr(&host_regs));
	restore_regs(&mv->regs);
	mv->loaded = true;
}

static void switch_out(struct mte_vcpu *mv)
{
	sync_tag_faults();
	save_regs(&mv->regs);
	restore_regs(this_cpu_ptr(&host_regs));
	mv->loaded = false;
}

static void sched_in(struct preempt_notifier *notifier, int cpu)
{
	switch_in(container_of(notifier, struct mte_vcpu, notifier));
}

static void sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	switch_out(container_of(notifier, struct mte_vcpu, notifier));
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

/*
 * A vCPU does not get or lose MTE while KVM_RUN holds its mutex.  A change needs the
 * mutexes of all vCPUs (vcpus.c), or KVM_ARM_VCPU_INIT of all vCPUs (reboot.c).
 */
static notrace bool has_or_gets_mte(const u64 *x)
{
	const struct kvm_vcpu *vcpu = (const struct kvm_vcpu *)x[0];

	/* This test comes first: a change that is completed after it is seen below. */
	if (vm_is_pending(vcpu->kvm))
		return true;
	/* Read the counters before the state.  Pairs with write_state(). */
	smp_rmb();
	return kvm_mte_enabled(vcpu->kvm);
}

/*
 * Only begin_run() and end_run() write HCR_EL2.ATA, in the vCPU's own context.  Other
 * writers of hcr_el2 in KVM run under the vCPU's mutex, or, for interrupt lines, use
 * atomic bit operations.  So the module uses atomic bit operations too.  ATA is set
 * during KVM_RUN only, so that it is not left in a vCPU whose VM is turned off, or
 * after the module is unloaded.
 */
static void begin_run(struct kvm_vcpu *vcpu, struct mte_vcpu *mv)
{
	set_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
	preempt_disable();
	switch_in(mv);
	preempt_notifier_register(&mv->notifier);
	preempt_enable();
}

static void end_run(struct kvm_vcpu *vcpu, struct mte_vcpu *mv)
{
	preempt_disable();
	preempt_notifier_unregister(&mv->notifier);
	switch_out(mv);
	preempt_enable();
	clear_bit(HCR_ATA_BIT, vcpu_hcr(vcpu));
}

/*
 * KVM_RUN, with vcpu->mutex held.  A preempt notifier of the module switches the tag
 * registers, and KVM's notifier switches the other registers.  A VM without MTE has no
 * notifier of the module.
 *
 * KVM_RUN may last as long as the guest likes.  It does not delay the module's exit: a
 * VM that is not off pins the module, and does not become off during KVM_RUN.
 */
HOOK_WRAP_IF(kvm_arch_vcpu_ioctl_run, has_or_gets_mte, int, (struct kvm_vcpu *vcpu),
	     (vcpu))
{
	struct mte_vcpu *mv = vcpu_find(vcpu);
	int ret;

	vm_vcpu_will_run(vcpu);
	/* No MTE without a place for its registers: it would see the host's. */
	if (!mv || !kvm_mte_enabled(vcpu->kvm))
		return original(kvm_arch_vcpu_ioctl_run)(vcpu);
	begin_run(vcpu, mv);
	ret = original(kvm_arch_vcpu_ioctl_run)(vcpu);
	end_run(vcpu, mv);
	return ret;
}

/* Preemption is off.  PSCI resets a vCPU during KVM_RUN, where the CPU has its registers. */
HOOK_WATCH1(kvm_reset_sys_regs, void, struct kvm_vcpu *, vcpu)
{
	struct mte_vcpu *mv = vcpu_find(vcpu);

	if (!mv)
		return;
	reset_regs(&mv->regs);
	if (mv->loaded)
		restore_regs(&mv->regs);
}

HOOK_WATCH1(kvm_arch_vcpu_destroy, void, struct kvm_vcpu *, vcpu)
{
	struct mte_vcpu *mv;

	raw_spin_lock(&vcpus_lock);
	mv = vcpu_find(vcpu);
	if (mv)
		forget(mv);
	raw_spin_unlock(&vcpus_lock);
}

/*
 * An MTE VM has no 32-bit vCPUs: AArch32 has no tags.  In a VM with both kinds of vCPU,
 * the 32-bit ones could not follow the rules for tagged memory.
 */
static int check_width(struct kvm_vcpu *vcpu)
{
	struct mte_vm *vm;

	if (!test_bit(KVM_ARM_VCPU_EL1_32BIT, vcpu->arch.features) ||
	    !kvm_mte_enabled(vcpu->kvm))
		return 0;
	vm = registry_find(vcpu->kvm);
	if (vm_policy_fallback_vcpu(vm, vcpu)) {
		vm_notice(vm, "policy asked for MTE, but a vCPU is 32-bit: off\n");
		return 0;
	}
	trace_kvm_mte_refuse(vm, REFUSED_32BIT, 0, -EINVAL);
	vm_notice(vm, "32-bit vCPU refused: MTE is for 64-bit guests only\n");
	return -EINVAL;
}

/*
 * KVM_ARM_VCPU_INIT undoes everything if this fails.  PSCI's CPU_ON cannot fail here.
 * Policy falls back only for a 32-bit vCPU that KVM itself has accepted.
 */
HOOK_WRAP(kvm_reset_vcpu, int, (struct kvm_vcpu *vcpu), (vcpu))
{
	int err = original(kvm_reset_vcpu)(vcpu);

	return err ?: check_width(vcpu);
}

/*
 * KVM_ARM_VCPU_INIT of a VM that is off needs no wrapper.  The VM is not turned on at
 * once during the ioctl: that takes kvm->lock, and the mutexes of all vCPUs that have a
 * file (vcpus_hold()).
 */
static notrace bool is_initialised(const u64 *x)
{
	struct kvm_vcpu *vcpu = ((const struct file *)x[0])->private_data;
	struct mte_vm *vm;

	if ((unsigned int)x[1] != KVM_ARM_VCPU_INIT)
		return false;
	vm = registry_find(vcpu->kvm);
	return vm && READ_ONCE(vm->state) != VM_OFF;
}

/* KVM_ARM_VCPU_INIT: vcpu->mutex is held, the vCPU is not loaded. */
HOOK_WRAP_WAITS(kvm_arch_vcpu_ioctl, is_initialised, long,
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
	ret = original(kvm_arch_vcpu_ioctl)(filp, ioctl, arg);
	if (!ret)
		vm_vcpu_initialised(vm, vcpu);
	return ret;
}
