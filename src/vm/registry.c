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
static DEFINE_READ_MOSTLY_HASHTABLE(vms_by_mm, REGISTRY_BITS);
static LIST_HEAD(all_vms);
/* Held by writers of the three above, and while a free name in sysfs is chosen. */
static DEFINE_MUTEX(registry_lock);
/* Under registry_lock.  The module is being unloaded: no VM is added any more. */
static bool closed;

/*
 * Readers use rcu_read_lock_sched().  Since 4.20 a grace period waits for it too.  It costs
 * nothing on kernels without CONFIG_PREEMPT_COUNT.  rcu_read_unlock() is a function call on
 * 5.10, and on all kernels with CONFIG_PREEMPT_RCU.
 */

/**
 * registry_find - find the module's state of a VM
 * @kvm: the VM; the caller must keep it alive by KVM's own rules
 *
 * Context: any.
 * Return: the state, valid as long as @kvm; NULL if the VM is not registered.
 */
struct mte_vm *registry_find(const struct kvm *kvm)
{
	struct mte_vm *vm;

	rcu_read_lock_sched();
	hash_for_each_possible_rcu(vms, vm, node, (unsigned long)kvm)
		if (vm->kvm == kvm)
			break;
	rcu_read_unlock_sched();
	return vm;
}

/**
 * registry_find_by_mm - find a VM of an address space, if it is not VM_OFF
 * @mm: the address space
 *
 * Context: any, with preemption off.  The caller holds no reference on the VM.  So it
 * may only update counters of the returned VM, and only until it turns preemption on
 * again (mte_vm.rcu).
 * Return: the first such VM; NULL if there is none.
 */
struct mte_vm *registry_find_by_mm(const struct mm_struct *mm)
{
	struct mte_vm *vm;

	rcu_read_lock_sched();
	hash_for_each_possible_rcu(vms_by_mm, vm, mm_node, (unsigned long)mm)
		if (vm->mm == mm && READ_ONCE(vm->state) != VM_OFF)
			break;
	rcu_read_unlock_sched();
	return vm;
}

/**
 * kvm_mte_enabled - does a VM's guest have MTE now?
 * @kvm: the VM; the caller must keep it alive by KVM's own rules
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
		pr_warn_ratelimited("%d-%d: not registered: out of memory; it works as without kvm_mte\n",
				    creator, fd);
		return NULL;
	}
	list_add(&vm->all, &all_vms);
	hash_add_rcu(vms_by_mm, &vm->mm_node, (unsigned long)vm->mm);
	hash_add_rcu(vms, &vm->node, (unsigned long)kvm);
	/*
	 * The hash before KVM's flag: a KVM_ENABLE_CAP that this test misses finds the VM in the
	 * hash.  Pairs with capability.c:let_kvm_answer().
	 */
	smp_mb();
	if (vm_backend->kvm_gave_mte(kvm))
		vm_sync_from_kvm(vm);
	return vm;
}

/**
 * registry_add - register a VM, unless it is registered already
 * @kvm: the VM, kept alive by the caller
 * @creator: thread that created it; not used if KVM's debugfs has the name
 * @pid: process of that thread
 * @fd: its file descriptor in that process; not used if KVM's debugfs has the name
 * @policy: its policy
 *
 * Context: may sleep.
 * Return: its state.  NULL if the module is being unloaded and the VM is not
 * registered, or if there is no memory; the VM works as without the module.
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
 * Writes to its files that have started finish first.  Later writes fail.
 *
 * Context: may sleep: takes mte_vm.destroy_lock, and waits for readers and writers of its
 * files.  The caller must not hold registry_lock: destroy_lock is not taken inside it.
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
 * registry_remove - remove a VM from the registry
 * @vm: the VM; may be freed when this returns
 *
 * Context: may sleep; the hook on the VM's destruction, module exit or a failed init.
 */
void registry_remove(struct mte_vm *vm)
{
	mutex_lock(&registry_lock);
	hash_del_rcu(&vm->node);
	hash_del_rcu(&vm->mm_node);
	list_del(&vm->all);
	mutex_unlock(&registry_lock);
	vm_put(vm);
}

/*
 * Closes the registry.  Returns a VM that still has its directory, with a reference on its
 * state.
 */
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
 * registry_close - remove the directories of all VMs, and add no more VMs
 *
 * This comes before the hooks are removed.  After their removal the module does not see
 * that a VM is destroyed, so no file of a VM may exist any more.  The hash keeps the VMs
 * until registry_empty(), so the hooks still find them.
 *
 * Context: module exit or a failed init; may sleep.  At module exit all VMs are off.
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
 * registry_empty - remove all VMs from the registry
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
