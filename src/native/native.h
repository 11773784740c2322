/* SPDX-License-Identifier: GPL-2.0-only */
/* The interface inside the native backend. */
#ifndef _KVM_MTE_NATIVE_H
#define _KVM_MTE_NATIVE_H

#include <linux/kvm_host.h>

#include "kvm_private.h"
#include "vm/vm.h"

/* regs_vm.c, regs_vcpu.c: registers that KVM sets up before a vCPU runs */
void native_switch_id_regs(struct kvm *kvm, bool on);
void native_switch_vcpu(struct kvm_vcpu *vcpu, bool on);
void native_switch_clidr(struct kvm_vcpu *vcpu, bool on);
void native_update_traps(struct kvm_vcpu *vcpu);
u64 native_mte_fields(u32 reg);
int native_read_id_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
		       int (*get)(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg),
		       u64 *val);

/* An id of a system register in KVM's interface: its low bits are its encoding. */
#define ID_ENCODING	0xffffULL
#define ID_REST		(ARM64_SYS_REG(0, 0, 0, 0, 0))
#define ENCODING_SHIFT	5	/* of op2 in asm/sysreg.h */

/* The register's encoding as in asm/sysreg.h, or 0 if @id is of another kind. */
static inline u32 native_sysreg(u64 id)
{
	return (id & ~ID_ENCODING) == ID_REST ? (id & ID_ENCODING) << ENCODING_SHIFT : 0;
}

#endif /* _KVM_MTE_NATIVE_H */
