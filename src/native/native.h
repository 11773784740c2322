/* SPDX-License-Identifier: GPL-2.0 */
/* Inside the native backend. */
#ifndef _KVM_MTE_NATIVE_H
#define _KVM_MTE_NATIVE_H

#include "vm/backend.h"
#include "vm/state.h"

/* regs.c: registers that KVM sets up before a vCPU runs */
void native_switch_id_regs(struct kvm *kvm, bool on);
void native_switch_vcpu(struct kvm_vcpu *vcpu, bool on);

/* repair.c */
bool native_has_tags(struct page *page);
void native_init_tags(struct page *page, unsigned long nr);
bool native_tags_differ(struct page *page, unsigned long nr);
void native_complete_tags(struct page *head, unsigned long nr);

#endif /* _KVM_MTE_NATIVE_H */
