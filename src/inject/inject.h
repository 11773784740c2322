/* SPDX-License-Identifier: GPL-2.0-only */
/* The interface inside the inject backend. */
#ifndef _KVM_MTE_INJECT_H
#define _KVM_MTE_INJECT_H

#include "vm/vm.h"

/* tag_regs.c */
int vcpu_prepare(struct kvm_vcpu *vcpu);
void vcpu_forget(struct kvm_vcpu *vcpu);
void vcpu_forget_all(void);

#endif /* _KVM_MTE_INJECT_H */
