/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's tag registers, for the files that show them to guest or VMM. */
#ifndef _KVM_MTE_VCPU_H
#define _KVM_MTE_VCPU_H

#include <linux/kvm_host.h>
#include <linux/types.h>

#include <asm/cpufeature.h>
#include <asm/sysreg.h>

#include "kvm_private.h"

/**
 * struct mte_regs - the registers that MTE adds at EL1
 * @rgsr: RGSR_EL1
 * @gcr: GCR_EL1
 * @tfsr: TFSR_EL1
 * @tfsre0: TFSRE0_EL1
 */
struct mte_regs {
	u64 rgsr;
	u64 gcr;
	u64 tfsr;
	u64 tfsre0;
};

/**
 * struct mte_vcpu - the module's state of a vCPU
 * @node: in the hash of vCPUs
 * @vcpu: the vCPU
 * @notifier: reports that its task is scheduled out or in during KVM_RUN
 * @regs: its registers while no CPU has them
 * @loaded: the CPU that runs its task has the registers; read under vcpu->mutex
 * @counted: under vcpu->mutex: @regs were counted for the VMM's list of registers
 * @listed: under vcpu->mutex: the list that its VMM got has these registers
 * @rcu: frees the struct after all readers of the hash
 */
struct mte_vcpu {
	struct hlist_node node;
	struct kvm_vcpu *vcpu;
	struct preempt_notifier notifier;
	struct mte_regs regs;
	bool loaded;
	bool counted;
	bool listed;
	struct rcu_head rcu;
};

#define PFR1_MTE_MASK	(0xfULL << ID_AA64PFR1_MTE_SHIFT)

/* ID_AA64PFR1_EL1.MTE of an MTE guest: the host's value, as upstream. */
static inline u64 host_mte_field(void)
{
	return read_sanitised_ftr_reg(SYS_ID_AA64PFR1_EL1) & PFR1_MTE_MASK;
}

/*
 * The predicate for a vCPU in KVM_RUN, in its own context.  The wrapper of KVM_RUN has
 * set HCR_EL2.ATA if and only if the VM has MTE, and this does not change during
 * KVM_RUN.  Elsewhere use kvm_mte_enabled().
 */
static inline bool vcpu_runs_mte(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.hcr_el2 & BIT(HCR_ATA_BIT);
}

/* tag_regs.c */
struct mte_vcpu *vcpu_find(const struct kvm_vcpu *vcpu);
void tag_regs_load(struct mte_vcpu *mv);
void tag_regs_put(struct mte_vcpu *mv);
void tag_regs_reset(struct mte_vcpu *mv);

#endif /* _KVM_MTE_VCPU_H */
