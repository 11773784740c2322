/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thin layer over KVM's ioctls. Nothing here prints results. If a call fails that must not fail,
 * the program ends.
 */
#ifndef KVM_H
#define KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

#include "guest/mailbox.h"

#ifndef KVM_CAP_ARM_MTE
#define KVM_CAP_ARM_MTE	205
#endif

/* The class of an exception. Some kernels inject an ESR with ones above bit 31. */
#define ESR_EC(esr)	((esr) >> 26 & 0x3f)

/* payload.S: the guest's flat binary */
extern char payload_start[], payload_end[];

struct vcpu {
	struct vm *vm;
	int id, fd;
	struct kvm_run *run;
	struct mailbox *mb;
};

struct vm {
	int fd;
	void *code;
	void *data;		/* of slot 1, if vm_memory() was used for it */
	size_t data_size;
	int nr_vcpus;
	struct vcpu vcpu[GUEST_MAX_VCPUS];
};

int kvm_dev(void);
int kvm_ioctl(int fd, unsigned long req, void *arg);
int kvm_check(int fd, int cap);

struct vm *vm_create(void);
int vm_enable_mte(struct vm *vm);
int vm_slot(struct vm *vm, int slot, u64 ipa, void *hva, size_t size, u32 flags);
void vm_load_guest(struct vm *vm);
void vm_destroy(struct vm *vm);

struct vcpu *vcpu_create(struct vm *vm);
int vcpu_try_init(struct vcpu *v, u32 features);
void vcpu_init(struct vcpu *v);
void vcpu_init_with(struct vcpu *v, u32 features);
void vcpu_init_off(struct vcpu *v);
int vcpu_try_cmd(struct vcpu *v, enum guest_cmd cmd, const u64 *arg);
u64 vcpu_cmd_args(struct vcpu *v, enum guest_cmd cmd, const u64 *arg);
int vcpu_run(struct vcpu *v);

/* vcpu_cmd(v, CMD_X, a, b): the command's first result */
#define vcpu_cmd(v, cmd, ...)	vcpu_cmd_args(v, cmd, (const u64 [6]){ __VA_ARGS__ })

#endif
