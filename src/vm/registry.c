// SPDX-License-Identifier: GPL-2.0
/*
 * The registry of VMs: every VM of the host has its struct mte_vm, from its
 * creation to its end.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "vm/backend.h"

#define REGISTRY_BITS	6

static DEFINE_READ_MOSTLY_HASHTABLE(vms, REGISTRY_BITS);
static LIST_HEAD(all_vms);
/* Writers of the two above, and the choice of a free name in sysfs. */
static DEFINE_MUTEX(registry_lock);
/* Under registry_lock: the module is going, no VM is added any more. */
static bool closed;

/**
 * registry_find - the module's state of a VM
 * @kvm: the VM, which the caller must hold alive by KVM's own rules
 *
 * Context: any.
 * Return: the state, valid as long as @kvm is; NULL if the VM is not known.
 */
struct mte_vm *registry_find(const struct kvm *kvm)
{
	struct mte_vm *vm;

	rcu_read_lock();
	hash_for_each_possible_rcu(vms, vm, node, (unsigned long)kvm)
		if (vm->kvm == kvm)
			break;
	rcu_read_unlock();
	return vm;
}

/**
 * registry_find_by_mm - a VM with MTE, on or pending, of an address space
 * @mm: the address space
 *
 * Context: any, with preemption off: without a reference to a VM, it is only
 * safe to count something in what is returned, and only until preemption is on
 * again (mte_vm.rcu).
 * Return: the first such VM; NULL if there is none.
 */
struct mte_vm *registry_find_by_mm(const struct mm_struct *mm)
{
	struct mte_vm *vm, *found = NULL;
	int i;

	rcu_read_lock();
	hash_for_each_rcu(vms, i, vm, node) {
		if (READ_ONCE(vm->state) != VM_OFF && vm->mm == mm) {
			found = vm;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/**
 * registry_has_mte - the one predicate for a VM: does its guest have MTE now?
 * @kvm: the VM, which the caller must hold alive by KVM's own rules
 *
 * Context: any.
 * Return: true if it has.
 */
bool registry_has_mte(const struct kvm *kvm)
{
	struct mte_vm *vm;

	if (!atomic_read(&vms_active))
		return false;
	vm = registry_find(kvm);
	return vm && vm_has_mte(vm);
}

/*
 * A VM's name is the one it has in KVM's debugfs, if it is there: a thread that
 * made it may be gone, and its descriptor may be another one now.
 */
static void take_name(struct mte_vm *vm)
{
	struct dentry *dir = vm->kvm->debugfs_dentry;
	pid_t creator;
	int fd;

	if (IS_ERR_OR_NULL(dir) ||
	    sscanf(dir->d_name.name, "%d-%d", &creator, &fd) != 2)
		return;
	vm->creator = creator;
	vm->fd = fd;
}

static struct mte_vm *vm_alloc(struct kvm *kvm, pid_t creator, pid_t pid, int fd,
			       enum vm_policy policy)
{
	struct mte_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL);

	if (!vm)
		return NULL;
	vm->kvm = kvm;
	vm->mm = kvm->mm;
	vm->creator = creator;
	vm->pid = pid;
	vm->fd = fd;
	vm->policy = policy;
	take_name(vm);
	mutex_init(&vm->life);
	mutex_init(&vm->init);
	mutex_init(&vm->leave);
	raw_spin_lock_init(&vm->lock);
	return vm;
}

/**
 * registry_add - make a VM known, unless it is already
 * @kvm: the VM, which the caller must hold alive
 * @creator: thread that made it, if KVM does not know better
 * @pid: process of that thread
 * @fd: its file descriptor in that process, likewise
 * @policy: its policy
 *
 * Context: may sleep.
 * Return: its state, or NULL if there is no memory for it or no place in sysfs:
 * the VM then works as without the module.
 */
struct mte_vm *registry_add(struct kvm *kvm, pid_t creator, pid_t pid, int fd,
			    enum vm_policy policy)
{
	struct mte_vm *vm;

	mutex_lock(&registry_lock);
	vm = registry_find(kvm);
	if (vm)
		goto out;
	if (closed) {
		mutex_unlock(&registry_lock);
		return NULL;
	}
	vm = vm_alloc(kvm, creator, pid, fd, policy);
	if (!vm)
		goto out;
	/* On failure this frees it: the kobject holds the only reference. */
	if (sysfs_add_vm(vm)) {
		vm = NULL;
		goto out;
	}
	list_add(&vm->all, &all_vms);
	hash_add_rcu(vms, &vm->node, (unsigned long)kvm);
	/* Behind the above: whoever gives it MTE after this finds it. */
	if (backend_kvm_has_mte(kvm))
		vm_adopt(vm);
out:
	mutex_unlock(&registry_lock);
	if (!vm)
		pr_warn_ratelimited("%d-%d: no memory or name to follow this VM; it works as without kvm_mte\n",
				    creator, fd);
	return vm;
}

/*
 * Takes the folder of a VM away.  A writer of sysfs that came first finishes, one
 * that comes later finds the VM dead.  Outside registry_lock: removing waits for
 * those who are in the folder.
 */
static void bury(struct mte_vm *vm)
{
	bool was_dead;

	mutex_lock(&vm->life);
	was_dead = vm->dead;
	vm_end(vm);
	mutex_unlock(&vm->life);
	if (!was_dead)
		sysfs_remove_vm(vm);
}

static void forget(struct mte_vm *vm)
{
	mutex_lock(&registry_lock);
	hash_del_rcu(&vm->node);
	list_del(&vm->all);
	mutex_unlock(&registry_lock);
	sysfs_put_vm(vm);
}

/* A VM whose folder is still there, with a reference to its state. */
static struct mte_vm *get_living(void)
{
	struct mte_vm *vm, *living = NULL;

	mutex_lock(&registry_lock);
	closed = true;
	list_for_each_entry(vm, &all_vms, all) {
		if (!READ_ONCE(vm->dead)) {
			kobject_get(&vm->kobj);
			living = vm;
			break;
		}
	}
	mutex_unlock(&registry_lock);
	return living;
}

/**
 * registry_close - take away all VMs' folders, and add no more
 *
 * Before the hooks are disarmed: behind that nobody tells when a VM dies, so no
 * one may be looking at it.  The hooks still find the state of their VMs.
 *
 * Context: module exit or a failed init; may sleep.  All VMs are off.
 */
void registry_close(void)
{
	struct mte_vm *vm;

	while ((vm = get_living())) {
		bury(vm);
		sysfs_put_vm(vm);
	}
}

/**
 * registry_empty - forget all VMs
 *
 * Context: module exit or a failed init, after registry_close() and when no hook
 * can run any more; may sleep.
 */
void registry_empty(void)
{
	struct mte_vm *vm, *next;

	list_for_each_entry_safe(vm, next, &all_vms, all)
		forget(vm);
}

/* The file that KVM_CREATE_VM gave out; may be somebody else's by now. */
static void add_created_vm(int fd)
{
	struct file *file = fget(fd);
	struct mte_vm *vm;

	if (!file)
		return;
	if (file->f_op->unlocked_ioctl == kernel.vm_ioctl) {
		vm = registry_add(file->private_data, task_pid_nr(current),
				  task_tgid_nr(current), fd,
				  policy_of_current());
		if (vm)
			policy_apply(vm);
	}
	fput(file);
}

static notrace bool makes_vm(const u64 *x)
{
	return (unsigned int)x[1] == KVM_CREATE_VM;
}

HOOK_WRAP_IF(kvm_dev_ioctl, makes_vm, long,
	  (struct file *filp, unsigned int ioctl, unsigned long arg),
	  (filp, ioctl, arg))
{
	long ret = original(kvm_dev_ioctl)(filp, ioctl, arg);

	if (ret >= 0)
		add_created_vm(ret);
	return ret;
}

/*
 * A VM has its folder before its first vCPU, even if another thread guessed the
 * descriptor before KVM_CREATE_VM returned, or the VM was being made while the
 * module was loaded.
 */
HOOK_WRAP(kvm_arch_vcpu_precreate, int, (struct kvm *kvm, unsigned int id),
	  (kvm, id))
{
	if (!registry_find(kvm))
		registry_add(kvm, kvm->userspace_pid, task_tgid_nr(current),
			     scan_own_fd(kvm), policy_of_current());
	backend_vcpu_comes(kvm);
	return original(kvm_arch_vcpu_precreate)(kvm, id);
}

/*
 * No vCPU runs and no MMU notifier comes any more.  The original destroys the
 * vCPUs, whose tag registers go with them (vcpu.c): till then the lazy hooks stay.
 */
HOOK_WRAP_VOID(kvm_arch_destroy_vm, (struct kvm *kvm), (kvm))
{
	struct mte_vm *vm = registry_find(kvm);
	bool hooked = false;

	if (vm) {
		bury(vm);
		hooked = vm->hooked;
		forget(vm);
	}
	original(kvm_arch_destroy_vm)(kvm);
	if (hooked)
		hooks_release();
}
