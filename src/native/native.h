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

#endif /* _KVM_MTE_NATIVE_H */
