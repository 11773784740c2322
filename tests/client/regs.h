/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM_GET_ONE_REG and friends */
#ifndef REGS_H
#define REGS_H

#include "kvm.h"

#define REG_CORE(field)	\
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(field))
#define REG_PFR1	ARM64_SYS_REG(3, 0, 0, 4, 1)

#define PFR1_MTE_SHIFT	8
#define PFR1_SSBS	(1UL << 4)	/* the lowest value of that field */
#define PFR1_MTE	(0xfUL << PFR1_MTE_SHIFT)

extern const u64 mte_reg_id[MTE_REGS];
extern const char *const mte_reg_name[MTE_REGS];

int reg_get(struct vcpu *v, u64 id, u64 *val);
int reg_set(struct vcpu *v, u64 id, u64 val);
u64 reg_must_get(struct vcpu *v, u64 id);
void reg_must_set(struct vcpu *v, u64 id, u64 val);
struct kvm_reg_list *reg_list(struct vcpu *v);
bool reg_listed(const struct kvm_reg_list *l, u64 id);

u64 guest_pfr1(struct vcpu *v);
u64 host_pfr1(void);

#endif
