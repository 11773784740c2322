// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers RGSR_EL1, GCR_EL1, TFSR_EL1 and TFSRE0_EL1 of a vCPU.  KVM of these
 * kernels has no place for them.
 *
 * The module switches them where KVM_RUN begins and ends, and when the vCPU's task is
 * scheduled out or in during KVM_RUN.  Between these points the host does not depend on
 * them.  Only the instructions IRG, ADDG and SUBG use GCR_EL1 or RGSR_EL1, and the kernel has
 * none of them (KASAN_HW_TAGS is refused).  The kernel reads TFSRE0_EL1 only on entry from EL0.
 * mte_thread_switch() runs between sched_out() of one task and sched_in() of the next,
 * so it works on the host's registers.  Under VHE the kernel's own TFSR_EL1 is TFSR_EL2,
 * and the guest's TFSR_EL1 is reached as TFSR_EL12.
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

#include "inject/inject.h"
#include "inject/vcpu.h"

/* Upstream's reset_unknown(): the architecture leaves the values UNKNOWN. */
#define RESET_UNKNOWN	0x1de7ec7edbadc0deULL

#define VCPU_BITS	8

static DEFINE_READ_MOSTLY_HASHTABLE(vcpus, VCPU_BITS);
static DEFINE_RAW_SPINLOCK(vcpus_lock);

/* The host's registers, while the CPU has the registers of a vCPU. */
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
	bool exists;

	if (vcpu_find(vcpu))
		return 0;
	mv = kzalloc(sizeof(*mv), GFP_KERNEL_ACCOUNT);
	if (!mv)
		return -ENOMEM;
	mv->vcpu = vcpu;
	preempt_notifier_init(&mv->notifier, &preempt_ops);
	reset_regs(&mv->regs);

	raw_spin_lock(&vcpus_lock);
	exists = vcpu_find(vcpu);
	if (!exists)
		hash_add_rcu(vcpus, &mv->node, (unsigned long)vcpu);
	raw_spin_unlock(&vcpus_lock);
	if (exists)
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
 * Context: module exit or a failed init, when no hook can run any more.
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

/* Before a switch: waits until TFSR*_EL1 show all asynchronous tag check faults. */
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

/**
 * tag_regs_load - switch to a vCPU's registers, where its KVM_RUN begins
 * @mv: the vCPU's state
 *
 * Until tag_regs_put() they are switched whenever the task is scheduled out or in.
 *
 * Context: process context, vcpu->mutex held.
 */
void tag_regs_load(struct mte_vcpu *mv)
{
	preempt_disable();
	switch_in(mv);
	preempt_notifier_register(&mv->notifier);
	preempt_enable();
}

/**
 * tag_regs_put - switch back to the host's registers, where KVM_RUN ends
 * @mv: the vCPU's state
 *
 * Context: as tag_regs_load().
 */
void tag_regs_put(struct mte_vcpu *mv)
{
	preempt_disable();
	preempt_notifier_unregister(&mv->notifier);
	switch_out(mv);
	preempt_enable();
}

/**
 * tag_regs_reset - give a vCPU's registers their reset values
 * @mv: the vCPU's state
 *
 * Context: the vCPU's own, with preemption off: PSCI resets a vCPU during its KVM_RUN,
 * while the CPU has its registers.
 */
void tag_regs_reset(struct mte_vcpu *mv)
{
	reset_regs(&mv->regs);
	if (mv->loaded)
		restore_regs(&mv->regs);
}

/**
 * vcpu_forget - free the state of a vCPU
 * @vcpu: the vCPU, which is being destroyed
 *
 * Context: any.
 */
void vcpu_forget(struct kvm_vcpu *vcpu)
{
	struct mte_vcpu *mv;

	raw_spin_lock(&vcpus_lock);
	mv = vcpu_find(vcpu);
	if (mv)
		forget(mv);
	raw_spin_unlock(&vcpus_lock);
}
