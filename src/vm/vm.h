/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMs of the host: the module's state of each, and how it changes.
 *
 * Lifetime.  An RCU hash finds struct mte_vm by its struct kvm (registry.c).  The hook
 * on kvm_arch_destroy_vm() removes it from the hash.  Module exit removes it too, when
 * no hook can run any more.  A caller may use the pointer without a reference if it
 * keeps the VM alive by KVM's own rules (an ioctl on one of its files, a fault or
 * KVM_RUN of its vCPU, its MMU notifier).  sysfs does not keep the VM alive.  A write to
 * "enable" takes mte_vm.destroy_lock, checks mte_vm.destroyed, and takes a reference on the
 * VM (request.c).  A write to "hold" takes vm_hold.lock and checks vm_hold.ended.
 *
 * Locks, outermost first:
 *	transfer.lock		ioctls of a file of /dev/kvm_mte, one at a time; mmap_lock is
 *				taken inside
 *	  vm_hold.lock		the VM is held, or a file of /dev/kvm_mte works on it.  Not
 *				together with destroy_lock.  kvm->lock and vCPU mutexes are
 *				tried inside, ondemand_lock is taken.
 *	mte_vm.destroy_lock	the VM is not destroyed while sysfs works on it; sysfs only
 *				tries the lock.  Native: also held in KVM_ENABLE_CAP.
 *	  kvm->lock		no vCPU gets its file, and no ioctl of KVM holds all vCPUs
 *	    clearing		native: no VM with MTE gets a vCPU while old tags of
 *				hugetlb pages are dropped at load
 *	    kvm->slots_lock	no slot is set while slots are checked.  Only tried under
 *				kvm->lock, except in native.c:vcpu_precreate().  A holder of
 *				slots_lock only tries kvm->lock.
 *	      vcpu->mutex	trylock only, all of them (vcpus.c).  KVM_ARM_VCPU_INIT
 *				holds its own, and only tries kvm->lock and slots_lock
 *				(reboot.c)
 *	        mte_vm.init_lock	KVM_ARM_VCPU_INIT: the caller holds the mutex of one
 *				vCPU.  KVM's own code takes kvm->lock inside, so init_lock is
 *				never waited for under kvm->lock.
 *	          mte_vm.fallback_lock	policy falls back: the caller holds the mutex of
 *				one vCPU, or (native) kvm->lock and no vCPU's mutex
 *	            config_lock	native: KVM's flag and ID registers
 *	        mmap_lock (read)
 *	        mte_vm.lock	state, origin, reinit_vcpus
 *	          tag locks	inject/page.c; also under mmu_lock and page table locks
 * The mutexes of the registry and of the policy lists are taken inside other locks.
 * Inside them, only mte_vm.lock and locks of kernfs, kobjects and uevents are taken.
 * ondemand_lock (hook/ondemand.c) is taken inside the locks from transfer.lock to vcpu->mutex.
 * Inside it, only watch_lock (hook/text.c) and locks of ftrace, kprobes and stop_machine()
 * are taken.
 */
#ifndef _KVM_MTE_VM_H
#define _KVM_MTE_VM_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "policy/migration.h"
#include "policy/policy.h"

/**
 * enum vm_state - a VM's state, as in sysfs
 * @VM_OFF: no MTE
 * @VM_ON: MTE
 * @VM_TURNING_ON: has no MTE yet; gets it when all its vCPUs have been reinitialised
 * @VM_TURNING_OFF: still has MTE; loses it when all its vCPUs have been reinitialised
 *
 * All transitions: vm_transitions[] in state.c.
 */
enum vm_state { VM_OFF, VM_ON, VM_TURNING_ON, VM_TURNING_OFF };

/**
 * enum vm_origin - the source of the request for the present state
 * @ORIGIN_NONE: there was no request
 * @ORIGIN_VMM: its VMM, by the standard capability
 * @ORIGIN_POLICY: the policy when it was created
 * @ORIGIN_ADMIN: a write to its file in sysfs
 */
enum vm_origin { ORIGIN_NONE, ORIGIN_VMM, ORIGIN_POLICY, ORIGIN_ADMIN };

/**
 * struct vm_hold - whether a VM is held, and for whom
 * @lock: guards @by, @ended, @transfer and @save_waits.  While a task has it and @ended is false,
 *	kvm_arch_destroy_vm() does not begin.
 * @by: bits VM_HOLD_*; also read without @lock
 * @ended: the VM is being destroyed
 * @waiters: vCPUs that wait in KVM_RUN; under mte_vm.lock
 * @queue: where they wait
 * @transfer: the file of /dev/kvm_mte that works on the VM, or NULL
 * @save_waits: that file saves the tags when the VM ends; also read without @lock
 */
struct vm_hold {
	struct mutex lock;		/* hold and transfer */
	unsigned int by;
	bool ended;
	struct list_head waiters;
	wait_queue_head_t queue;
	struct transfer *transfer;
	bool save_waits;
};

/**
 * struct mte_vm - a VM of the host, with or without MTE
 * @node: in the registry's hash, by @kvm
 * @mm_node: in the registry's hash, by @mm
 * @all: in the registry's list of VMs
 * @kvm: the VM; after @destroyed is set, only hooks that run for this VM may dereference it
 * @mm: its VMM's address space; only compared with, never dereferenced
 * @kobj: its directory in sysfs; its reference count is the struct's
 * @creator: thread that created the VM, as in KVM's own debugfs names
 * @pid: process of that thread
 * @fd: the VM's file descriptor in that process
 * @policy: the policy of its creator when it was created
 * @migration: what the module does about a migration without the VM's tags
 * @destroy_lock: the VM is not destroyed while sysfs works on it
 * @init_lock: its vCPUs are initialised one at a time while policy may fall back
 * @fallback_lock: only one vCPU at a time makes policy fall back
 * @destroyed: under @destroy_lock and @lock: the VM is being destroyed
 * @lock: guards @state to @reinit_vcpus, what @reinit_exits points to, @inits,
 *	@holds_hooks, @had_mte, vm_hold.waiters, and writes of @destroyed
 * @state: also read without @lock, see the readers
 * @origin: the source of the request for @state
 * @origin_before: the value that @origin gets back when a pending change is undone
 * @reinit_vcpus: while a change is pending: the vCPUs, by index, that have been
 *	initialised again
 * @reinit_exits: by index: the exits of each vCPU in @reinit_vcpus when it was
 *	initialised; NULL if no change was ever pending
 * @inits: number of KVM_ARM_VCPU_INIT in flight
 * @switched: the module has turned the VM on or off, so its VMM may write back registers
 *	from before
 * @holds_hooks: holds a reference on the on-demand hooks.  Taken before the VM first
 *	leaves VM_OFF (set.c:prepare(), vm_change_state()), dropped when the VM is destroyed.
 * @had_mte: the VM had MTE, and its state has changed since then
 * @vmm_asked: its VMM has enabled MTE itself, so the VMM knows about tags
 * @tags_loaded: tags have been written to it by /dev/kvm_mte, so policy does not fall back
 * @tag_regs_listed: native: its VMM has read a list of registers with the tag registers
 * @opens_hugetlb: holds a reference on the hooks that let KVM take hugetlb memory; under
 *	slots_lock.  Dropped when the VM is destroyed.
 * @vma_copies: repair/hugetlb_slots.c: by index of the vCPU: what KVM gets in place of a
 *	mapping; freed with this struct
 * @hold: whether the VM is held
 * @pages_tagged: inject: number of base pages whose tags were cleared for this VM
 * @tags_restored: inject: number of its base pages whose tags were restored from swap
 * @untracked_migrations: how many times a VMM that does not know about tags started to log
 *	the guest's memory, or was logging it when the VM got MTE, or when a file that was to
 *	save the tags at the VM's end was closed too early
 * @untracked_limit: the uevents about @untracked_migrations
 * @log_limit: the VM's own lines in the log
 * @rcu: frees the struct after all readers of the hash
 */
struct mte_vm {
	struct hlist_node node;
	struct hlist_node mm_node;
	struct list_head all;
	struct kvm *kvm;
	const struct mm_struct *mm;
	struct kobject kobj;
	pid_t creator;
	pid_t pid;
	int fd;
	enum vm_policy policy;
	enum migration_policy migration;

	struct mutex destroy_lock;	/* no destruction while sysfs works on the VM */
	struct mutex init_lock;		/* initialisation of vCPUs */
	struct mutex fallback_lock;	/* policy falls back */
	bool destroyed;

	/* Guards the members that @lock names above. */
	raw_spinlock_t lock;
	enum vm_state state;
	enum vm_origin origin;
	enum vm_origin origin_before;
	DECLARE_BITMAP(reinit_vcpus, KVM_MAX_VCPUS);
	u64 *reinit_exits;
	unsigned int inits;
	bool switched;
	bool holds_hooks;
	bool had_mte;
	bool vmm_asked;
	bool tags_loaded;
	bool tag_regs_listed;
	bool opens_hugetlb;
	struct xarray vma_copies;

	struct vm_hold hold;
	atomic64_t pages_tagged;
	atomic64_t tags_restored;
	atomic_t untracked_migrations;
	struct ratelimit_state untracked_limit;
	struct ratelimit_state log_limit;
	struct rcu_head rcu;
};

/* Number of VMs that are not off, and of files of /dev/kvm_mte with a VM.  For fast exits. */
extern atomic_t vms_active;

static inline bool state_is_pending(enum vm_state state)
{
	return state == VM_TURNING_ON || state == VM_TURNING_OFF;
}

/* Does the guest have MTE now?  A pending change does not count yet. */
static inline bool vm_has_mte(const struct mte_vm *vm)
{
	enum vm_state state = READ_ONCE(vm->state);

	return state == VM_ON || state == VM_TURNING_OFF;
}

/* Is @on the last request? */
static inline bool vm_requested(const struct mte_vm *vm, bool on)
{
	enum vm_state state = READ_ONCE(vm->state);

	return on == (state == VM_ON || state == VM_TURNING_ON);
}

/*
 * A line in the log about a VM.  It is rate-limited because a guest or a VMM may cause it.
 * Each VM has lines of its own (vm_may_log()), so that another VM cannot silence it.  When
 * they are used up, the limit of this one line counts, as in pr_notice_ratelimited(), and all
 * VMs share it.  So a VMM that repeats one line does not silence other lines about its VM.
 */
#define vm_log(print, vm, fmt, ...)					\
do {									\
	static DEFINE_RATELIMIT_STATE(shared, DEFAULT_RATELIMIT_INTERVAL, \
				      DEFAULT_RATELIMIT_BURST);		\
	if (vm_may_log(vm) || __ratelimit(&shared))			\
		print("%d-%d: " fmt, (vm)->creator, (vm)->fd, ##__VA_ARGS__); \
} while (0)
#define vm_notice(vm, fmt, ...)	vm_log(pr_notice, vm, fmt, ##__VA_ARGS__)
#define vm_warn(vm, fmt, ...)	vm_log(pr_warn, vm, fmt, ##__VA_ARGS__)

/* The thing that was refused, for the tracepoint. */
enum vm_refused { REFUSED_32BIT, REFUSED_SLOT, REFUSED_PAGE, REFUSED_MIGRATION };

/* vm.c: struct mte_vm and its directory in sysfs */
int vm_dirs_init(struct kobject *root, const struct sysfs_ops *ops,
		 const struct attribute_group **groups);
void vm_dirs_exit(void);
const char *vm_state_word(const struct mte_vm *vm);
bool vm_may_log(struct mte_vm *vm);
struct mte_vm *vm_create(struct kvm *kvm, pid_t creator, pid_t pid, int fd,
			 enum vm_policy policy);
struct mte_vm *vm_find_by_name(const char *name);
void vm_put(struct mte_vm *vm);
void vm_remove_dir(struct mte_vm *vm);
void vm_uevent_changed(struct mte_vm *vm);
void vm_uevent_untracked(struct mte_vm *vm, int nr);

/* registry.c: struct kvm -> struct mte_vm */
struct mte_vm *registry_find(const struct kvm *kvm);
struct mte_vm *registry_find_by_mm(const struct mm_struct *mm);
bool kvm_mte_enabled(const struct kvm *kvm);
struct mte_vm *registry_add(struct kvm *kvm, pid_t creator, pid_t pid, int fd,
			    enum vm_policy policy);
void vm_unpublish(struct mte_vm *vm);
void registry_remove(struct mte_vm *vm);
void registry_close(void);
void registry_empty(void);

/* state.c: the state machine */
void vm_allow_set(void);
void vm_forbid_set(void);
bool vm_may_set(void);
void vm_sync_from_kvm(struct mte_vm *vm);
void vm_mark_destroyed(struct mte_vm *vm);

/* set.c: a VM is turned on or off */
int vm_set(struct mte_vm *vm, bool on, enum vm_origin origin);

/* request.c: an admin asks */
int vm_request(struct mte_vm *vm, bool on);

/* reboot.c: changes that wait for the guest's reboot */
void vm_slot_excludes_mte(struct mte_vm *vm);
void vm_init_begin(struct mte_vm *vm);
void vm_init_end(struct mte_vm *vm, struct kvm_vcpu *vcpu, long err);

/* yield.c: policy turns a VM on, and falls back */
void vm_apply_policy(struct mte_vm *vm);
bool vm_policy_fallback_vcpu(struct mte_vm *vm, struct kvm_vcpu *self);
bool vm_policy_fallback_slot(struct mte_vm *vm, const struct kvm_memory_slot *slot,
			     const char *why);

/* Parts of a slot that an MTE VM may have, and that some kernels' own guest MTE refuses. */
#define SLOT_HAS_DEVICE		BIT(0)
#define SLOT_HAS_HUGETLB	BIT(1)
/* Why an MTE VM may not have a slot.  Without such a bit: a file, DAX or memory of a driver. */
#define SLOT_BAD_HUGETLB	BIT(2)
#define SLOT_BAD_GMEM		BIT(3)
#define SLOT_BAD_SHARED		BIT(4)

/* memory.c: which memory can hold tags */
bool range_is_device(struct vm_area_struct *vma, unsigned long start, unsigned long end);
int slot_check(struct mm_struct *mm, const struct kvm_memory_slot *slot,
	       unsigned int *parts);
const char *slot_why_not(unsigned int parts);
int vm_check_slots(struct mte_vm *vm);
void vm_open_slots(struct mte_vm *vm);
int vm_open_hugetlb(struct mte_vm *vm, unsigned int *parts);
void vm_drop_mappings(struct kvm *kvm);

/* migration.c: VMMs that do not carry tags */
bool migration_slot_refused(struct mte_vm *vm, const struct kvm_memory_slot *slot);
void migration_slot_set(struct mte_vm *vm, const struct kvm_memory_slot *slot);
bool migration_on_refused(struct mte_vm *vm, enum vm_origin origin);
void migration_vm_on(struct mte_vm *vm);
void migration_save_gone(struct mte_vm *vm);

#endif /* _KVM_MTE_VM_H */
