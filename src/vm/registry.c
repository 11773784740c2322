// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry: the struct mte_vm of every VM of the host, from its creation to its
 * destruction.
 */
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/rculist.h>

#include "vm/backend.h"
#include "vm/vm.h"

#define REGISTRY_BITS	6

static DEFINE_READ_MOSTLY_HASHTABLE(vms, REGISTRY_BITS);
static LIST_HEAD(all_vms);
/* Writers of the two above, and the choice of a free name in sysfs. */
static DEFINE_MUTEX(registry_lock);
/* Under registry_lock: the module is being unloaded, no VM is added any more. */
static bool closed;

/**
 * registry_find - the module's state of a VM
 * @kvm: the VM, which the caller must keep alive by KVM's own rules
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
 * kvm_mte_enabled - the one predicate for a VM: does its guest have MTE now?
 * @kvm: the VM, which the caller must keep alive by KVM's own rules
 *
 * Context: any.
 * Return: true if it has.
 */
bool kvm_mte_enabled(const struct kvm *kvm)
{
	struct mte_vm *vm;

	if (!atomic_read(&vms_active))
		return false;
	vm = registry_find(kvm);
	return vm && vm_has_mte(vm);
}

static struct mte_vm *find_or_create(struct kvm *kvm, pid_t creator, pid_t pid,
				     int fd, enum vm_policy policy)
{
	struct mte_vm *vm = registry_find(kvm);

	lockdep_assert_held(&registry_lock);
	if (vm)
		return vm;
	vm = vm_create(kvm, creator, pid, fd, policy);
	if (!vm) {
		pr_warn_ratelimited("%d-%d: no memory or name to follow this VM; it works as without kvm_mte\n",
				    creator, fd);
		return NULL;
	}
	list_add(&vm->all, &all_vms);
	hash_add_rcu(vms, &vm->node, (unsigned long)kvm);
	/* After hash_add_rcu(): a KVM_ENABLE_CAP from here on finds the VM by itself. */
	if (vm_backend->kvm_gave_mte(kvm))
		vm_sync_from_kvm(vm);
	return vm;
}

/**
 * registry_add - register a VM, unless it is registered
 * @kvm: the VM, kept alive by the caller
 * @creator: thread that created it, if KVM does not know better
 * @pid: process of that thread
 * @fd: its file descriptor in that process, likewise
 * @policy: its policy
 *
 * Context: may sleep.
 * Return: its state; NULL if the module is being unloaded, or if there is no memory
 * or no free name: the VM then works as without the module.
 */
struct mte_vm *registry_add(struct kvm *kvm, pid_t creator, pid_t pid, int fd,
			    enum vm_policy policy)
{
	struct mte_vm *vm;

	mutex_lock(&registry_lock);
	vm = closed ? registry_find(kvm) :
		      find_or_create(kvm, creator, pid, fd, policy);
	mutex_unlock(&registry_lock);
	return vm;
}

/**
 * vm_unpublish - mark a VM destroyed, and remove its directory
 * @vm: the VM
 *
 * A write to its files that came before finishes first; one that comes after fails.
 *
 * Context: may sleep: waits for readers and writers of its files; without
 * registry_lock, which they may wait for.
 */
void vm_unpublish(struct mte_vm *vm)
{
	bool was_destroyed;

	mutex_lock(&vm->destroy_lock);
	was_destroyed = vm->destroyed;
	vm_mark_destroyed(vm);
	mutex_unlock(&vm->destroy_lock);
	if (!was_destroyed)
		vm_remove_dir(vm);
}

/**
 * registry_remove - forget a VM
 * @vm: the VM; may be freed when this returns
 *
 * Context: may sleep; the VM's hook on its destruction, or module exit.
 */
void registry_remove(struct mte_vm *vm)
{
	mutex_lock(&registry_lock);
	hash_del_rcu(&vm->node);
	list_del(&vm->all);
	mutex_unlock(&registry_lock);
	vm_put(vm);
}

/* A VM that has its directory, with a reference on its state. */
static struct mte_vm *get_published(void)
{
	struct mte_vm *vm, *published = NULL;

	mutex_lock(&registry_lock);
	closed = true;
	list_for_each_entry(vm, &all_vms, all) {
		if (!READ_ONCE(vm->destroyed)) {
			kobject_get(&vm->kobj);
			published = vm;
			break;
		}
	}
	mutex_unlock(&registry_lock);
	return published;
}

/**
 * registry_close - remove all VMs' directories, and add no more
 *
 * Before the hooks are removed: after that nothing tells when a VM is destroyed, so no
 * file of it may be open for longer.  The hooks still find the state of their VMs.
 *
 * Context: module exit or a failed init; may sleep.  All VMs are off.
 */
void registry_close(void)
{
	struct mte_vm *vm;

	while ((vm = get_published())) {
		vm_unpublish(vm);
		vm_put(vm);
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
		registry_remove(vm);
}
