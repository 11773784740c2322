/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the module share: the per-VM and per-vCPU state, and who
 * offers what.
 *
 * Lifetime.  A struct mte_vm is found from its struct kvm through an RCU hash
 * (registry.c).  It leaves the hash in the hook on kvm_arch_destroy_vm(), or at
 * module exit when no hook can run any more.  Whoever holds the VM alive by
 * KVM's own rules - an ioctl on one of its files, a fault or run of its vCPU,
 * its MMU notifier - may therefore use the pointer without a reference.  sysfs
 * does not hold the VM: it takes mte_vm.life and looks at mte_vm.dead.
 *
 * Locks, outermost first:
 *	mte_vm.life		sysfs against the VM's end
 *	  kvm->lock		no vCPU is created, and KVM holds none of them
 *	    disowning		native: hugetlb pages' flags against a first vCPU
 *	    kvm->slots_lock	trylock here, or the outer one with kvm->lock a trylock:
 *				no slot comes while slots are checked
 *	      vcpu->mutex	trylock only, all of them (vcpus.c)
 *	        mte_vm.init	native: with one vCPU's mutex only
 *	          mte_vm.leave	with one vCPU's mutex only: policy gives way
 *	            config_lock	native: KVM's flag and ID registers
 *	        mmap_lock (read)
 *	        mte_vm.lock	state, origin, fresh; also where KVM_RUN begins
 *	          tag locks	inject/page.c; also under mmu_lock and page table locks
 * The mutexes of the registry and of the policy lists are taken inside others, and
 * nothing of the above but mte_vm.lock inside them.  That of the lazy hooks
 * (hook/ondemand.c) is taken inside mte_vm.life, kvm->lock and the registry's, with only
 * those of ftrace and kprobes inside it.
 */
#ifndef _KVM_MTE_H
#define _KVM_MTE_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <asm/kvm_arm.h>
#include <asm/kvm_emulate.h>

#include "compat.h"
#include "hook/hook.h"
#include "kvm_private.h"

/**
 * enum vm_state - where a VM stands
 * @VM_OFF: no MTE
 * @VM_ON: MTE
 * @VM_TURNING_ON: runs without MTE, gets it when all its vCPUs are initialised anew
 * @VM_TURNING_OFF: runs with MTE, loses it likewise
 *
 *	state		1 written, never run / has run	0 written, likewise
 *	off		on / turning-on			-
 *	on		-				off / turning-off
 *	turning-on	-				off
 *	turning-off	on				-
 *
 * turning-on becomes on, and turning-off off, with the guest's reboot.
 */
enum vm_state { VM_OFF, VM_ON, VM_TURNING_ON, VM_TURNING_OFF };

/**
 * enum vm_origin - who asked for the present state
 * @ORIGIN_NONE: nobody yet
 * @ORIGIN_VMM: its VMM, by the standard capability
 * @ORIGIN_POLICY: the policy at its creation
 * @ORIGIN_ADMIN: a write to its sysfs file
 */
enum vm_origin { ORIGIN_NONE, ORIGIN_VMM, ORIGIN_POLICY, ORIGIN_ADMIN };

/**
 * enum vm_policy - what becomes of a VM if no admin says otherwise
 * @POLICY_REQUEST: its VMM is offered MTE and may enable it
 * @POLICY_ON: likewise, and it has MTE though its VMM never asks
 * @POLICY_OFF: its VMM is not offered MTE
 */
enum vm_policy { POLICY_REQUEST, POLICY_ON, POLICY_OFF };

/**
 * struct mte_vm - a VM of the host, with or without MTE
 * @node: in the registry's hash, by @kvm
 * @all: in the registry's list of VMs
 * @kvm: the VM; not to be followed once @dead, except by its own hooks
 * @mm: its VMM's address space, to compare with only
 * @kobj: its folder in sysfs; its reference count is the struct's
 * @creator: thread that made the VM, as in KVM's own debugfs names
 * @pid: process of that thread
 * @fd: the VM's file descriptor there
 * @policy: that of its creator when it was made
 * @life: holds off the VM's end while sysfs works on it
 * @init: native: initialises its vCPUs one at a time while policy may give way
 * @leave: one 32-bit vCPU at a time makes policy give way
 * @dead: under @life and @lock: the VM is being destroyed
 * @lock: guards the following; taken with preemption off where KVM_RUN begins
 * @state: also read without @lock, see the readers
 * @origin: who asked for @state
 * @origin_before: what @origin goes back to when a pending change is undone
 * @fresh: vCPUs, by index, initialised anew since the change was asked for or
 *	a vCPU last ran; only while a change is pending
 * @hooked: it is or was not off, or nearly, and so holds the lazy hooks until it ends
 * @had_mte: it had MTE and has been turned off since
 * @vmm_asked: its VMM has enabled MTE itself, so it knows of tags
 * @pages_tagged: base pages whose tags were cleared for this VM
 * @tags_restored: base pages of it whose tags came back from swap
 * @untracked_migrations: how often its memory began to be logged by a VMM that
 *	knows nothing of tags
 * @rcu: readers of the hash may look at it a little longer than it lives
 */
struct mte_vm {
	struct hlist_node node;
	struct list_head all;
	struct kvm *kvm;
	const struct mm_struct *mm;
	struct kobject kobj;
	pid_t creator;
	pid_t pid;
	int fd;
	enum vm_policy policy;

	/* Lifetime of @kvm as seen from sysfs. */
	struct mutex life;
	struct mutex init;	/* of vCPUs, with the native backend */
	struct mutex leave;
	bool dead;

	/* Raw: taken in tracing callbacks, which must never sleep. */
	raw_spinlock_t lock;
	enum vm_state state;
	enum vm_origin origin;
	enum vm_origin origin_before;
	DECLARE_BITMAP(fresh, KVM_MAX_VCPUS);
	bool hooked;
	bool had_mte;
	bool vmm_asked;

	atomic64_t pages_tagged;
	atomic64_t tags_restored;
	atomic_t untracked_migrations;
	struct rcu_head rcu;
};

/* VMs that are not off; VMs with a change pending.  For quick ways out. */
extern atomic_t vms_active;
extern atomic_t vms_pending;

/* Does the guest have MTE now?  A pending change has not happened yet. */
static inline bool vm_has_mte(const struct mte_vm *vm)
{
	enum vm_state state = READ_ONCE(vm->state);

	return state == VM_ON || state == VM_TURNING_OFF;
}

/* What a refusal was about, for the tracepoint. */
enum vm_refused { REFUSED_32BIT, REFUSED_SLOT, REFUSED_PAGE };

#define HCR_ATA_BIT	56
#define HCR_TID5_BIT	58

/*
 * The predicate for a vCPU in KVM_RUN, in its own context: its start has set
 * HCR_EL2.ATA if and only if its VM has MTE, and a VM's state does not change
 * meanwhile.  Elsewhere ask registry_has_mte().
 */
static inline bool vcpu_runs_mte(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.hcr_el2 & BIT(HCR_ATA_BIT);
}

/* cpu.c: what the machine must have */
int cpu_check_host(void);
int cpu_watch_gmid(void);
void cpu_unwatch_gmid(void);

/* hook_table.c: the table */
int hooks_resolve(void);
int hooks_arm(enum hook_mechanism how);
struct hook *hooks_lazy(unsigned int *nr);
unsigned long hooks_disarm(void);
unsigned int hooks_count(void);

/* hook/ondemand.c: the hooks that are armed while a VM needs them */
int hooks_hold(bool again);
void hooks_hold_more(void);
void hooks_release(void);
bool hooks_try(void);
void lazy_close(void);
void lazy_exit(void);

/* hook/selftest.c */
int selftest_hooks(enum hook_mechanism how);

/* registry.c: struct kvm -> struct mte_vm */
struct mte_vm *registry_find(const struct kvm *kvm);
bool registry_has_mte(const struct kvm *kvm);
struct mte_vm *registry_find_by_mm(const struct mm_struct *mm);
struct mte_vm *registry_add(struct kvm *kvm, pid_t creator, pid_t pid, int fd,
			    enum vm_policy policy);
void registry_close(void);
void registry_empty(void);

/* kvm/scan.c: VMs that were there before the module */
int scan_vms(void);
int scan_own_fd(const struct kvm *kvm);

/* state.c: the state machine */
void vm_allow_set(void);
void vm_forbid_set(void);
bool vm_may_set(void);
void vm_slot_refused(struct mte_vm *vm);
void vm_adopt(struct mte_vm *vm);
void vm_end(struct mte_vm *vm);

/* set.c */
int vm_set(struct mte_vm *vm, bool on, enum vm_origin origin);

/* policy.c, pids.c: by who makes a VM */
extern const struct attribute_group policy_group;
int policy_parse(const char *word);
const char *policy_word(void);
enum vm_policy policy_of_current(void);
enum vm_policy policy_of_old(void);
void policy_exit(void);

/* yield.c: what that means to the VM */
void policy_apply(struct mte_vm *vm);
bool vm_leave_policy_vcpu(struct mte_vm *vm, struct kvm_vcpu *self);
bool vm_leave_policy_slot(struct mte_vm *vm);

/* kvm/memslot.c: which memory can hold tags */
int slots_check(struct mte_vm *vm);

/* migration.c: VMMs that do not carry tags */
void migration_slot_set(struct mte_vm *vm, const struct kvm_memory_slot *slot);
void migration_vm_on(struct mte_vm *vm);

/* admin/sysfs.c */
int sysfs_init(void);
void sysfs_exit(void);

/* admin/sysfs_vm.c: a VM's folder */
int sysfs_vms_init(struct kobject *root);
void sysfs_vms_exit(void);
int sysfs_add_vm(struct mte_vm *vm);
void sysfs_remove_vm(struct mte_vm *vm);
void sysfs_put_vm(struct mte_vm *vm);
void sysfs_vm_changed(struct mte_vm *vm);
void sysfs_vm_untracked(struct mte_vm *vm, int nr);

#endif /* _KVM_MTE_H */
