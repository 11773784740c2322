// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creates and frees struct mte_vm, shows it as a directory of sysfs, and reports its
 * changes by uevents.  The files in the directory: admin/vm_files.c.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/rcupdate.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "compat.h"
#include "vm/vm.h"

static const char * const state_words[] = {
	[VM_OFF] = "off",
	[VM_ON] = "on",
	[VM_TURNING_ON] = "turning-on",
	[VM_TURNING_OFF] = "turning-off",
};

/* Number of struct mte_vm that have not been released.  The module stays until it is 0. */
static atomic_t nr_vms = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(all_released);

static struct kset *vms_set;
/* The files of a VM's directory */
static const struct attribute_group **vm_files_groups;

/**
 * vm_state_word - the word for a VM's state
 * @vm: the VM
 *
 * Context: any.
 * Return: the word, as in sysfs.
 */
const char *vm_state_word(const struct mte_vm *vm)
{
	return state_words[READ_ONCE(vm->state)];
}

/**
 * vm_may_log - has a VM a line of its own left?
 * @vm: the VM
 *
 * A new VM has new lines, and a user may create VMs in a loop.  So there is a limit for all
 * VMs, too.  It is high: only a user who fills the log with the names of his own VMs can
 * use it up.
 *
 * Context: any.
 * Return: true if it has.
 */
bool vm_may_log(struct mte_vm *vm)
{
	static struct ratelimit_state all =
		RATELIMIT_STATE_INIT_FLAGS(all, 5 * HZ, 1000, RATELIMIT_MSG_ON_RELEASE);

	return __ratelimit(&vm->log_limit) && __ratelimit(&all);
}

static void vm_release(struct kobject *kobj)
{
	struct mte_vm *vm = container_of(kobj, struct mte_vm, kobj);
	unsigned long i;
	void *copy;

	xa_for_each(&vm->vma_copies, i, copy)
		kfree(copy);
	xa_destroy(&vm->vma_copies);
	kvfree(vm->reinit_exits);
	kfree_rcu(vm, rcu);
	if (atomic_dec_and_test(&nr_vms))
		wake_up(&all_released);
}

static struct kobj_type vm_type = { .release = vm_release };

static const char *vm_uevent_name(COMPAT_UEVENT_KOBJ)
{
	return "kvm_mte";
}

static int vm_uevent(COMPAT_UEVENT_KOBJ, struct kobj_uevent_env *env)
{
	const struct mte_vm *vm = container_of(kobj, struct mte_vm, kobj);

	return add_uevent_var(env, "PID=%d", vm->pid) ?:
	       add_uevent_var(env, "FD=%d", vm->fd) ?:
	       add_uevent_var(env, "STATE=%s", vm_state_word(vm));
}

static const struct kset_uevent_ops vm_uevent_ops = {
	.name = vm_uevent_name,
	.uevent = vm_uevent,
};

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
	vm->migration = migration_default();
	mutex_init(&vm->destroy_lock);
	mutex_init(&vm->init_lock);
	mutex_init(&vm->fallback_lock);
	raw_spin_lock_init(&vm->lock);
	xa_init(&vm->vma_copies);
	mutex_init(&vm->hold.lock);
	INIT_LIST_HEAD(&vm->hold.waiters);
	init_waitqueue_head(&vm->hold.queue);
	ratelimit_default_init(&vm->log_limit);
	/* Does not report lines that are left out: the limit that all VMs share does (vm_log()). */
	ratelimit_set_flags(&vm->log_limit, RATELIMIT_MSG_ON_RELEASE);
	ratelimit_state_init(&vm->untracked_limit, 60 * HZ, 10);
	ratelimit_set_flags(&vm->untracked_limit, RATELIMIT_MSG_ON_RELEASE);
	atomic_inc(&nr_vms);
	vm->kobj.kset = vms_set;
	kobject_init(&vm->kobj, &vm_type);
	return vm;
}

/* The longest name, with its suffix */
#define NAME_SIZE	sizeof("-2147483648--2147483648.4294967295")

/*
 * If the VM has a directory in KVM's debugfs, its name is used.  The thread that created the
 * VM may have exited, and its descriptor may be another file now.
 */
static void make_name(struct mte_vm *vm, char *name)
{
	struct dentry *dir = vm->kvm->debugfs_dentry;
	pid_t creator;
	int fd;

	snprintf(name, NAME_SIZE, "%d-%d", vm->creator, vm->fd);
	if (IS_ERR_OR_NULL(dir) || !strcmp(name, dir->d_name.name) ||
	    sscanf(dir->d_name.name, "%d-%d", &creator, &fd) != 2)
		return;
	vm->creator = creator;
	vm->fd = fd;
	snprintf(name, NAME_SIZE, "%d-%d", creator, fd);
}

/* The largest suffix that is searched for.  A new VM looks up each VM of that name. */
#define MAX_SAME_NAME	256

/*
 * Another VM may have the name: one that is being destroyed, or, when the module is loaded,
 * one whose descriptor its creator has given away.  The next VM gets .1, .2, ...
 */
static int add_dir(struct mte_vm *vm)
{
	static unsigned int last = MAX_SAME_NAME;
	char name[NAME_SIZE];
	struct kobject *taken;
	unsigned int i;

	make_name(vm, name);
	for (i = 1; (taken = kset_find_obj(vms_set, name)); i++) {
		kobject_put(taken);
		snprintf(name, sizeof(name), "%d-%d.%u", vm->creator, vm->fd,
			 i <= MAX_SAME_NAME ? i : ++last);
	}
	return kobject_add(&vm->kobj, NULL, "%s", name) ?:
	       sysfs_create_groups(&vm->kobj, vm_files_groups);
}

/**
 * vm_create - create the state of a VM, with its directory in sysfs
 * @kvm: the VM, kept alive by the caller
 * @creator: thread that created it; not used if KVM's debugfs has the name
 * @pid: process of that thread
 * @fd: its file descriptor in that process; not used if KVM's debugfs has the name
 * @policy: its policy
 *
 * Context: may sleep; one caller at a time (registry_lock).
 * Return: the state, with one reference; NULL if there is no memory.
 */
struct mte_vm *vm_create(struct kvm *kvm, pid_t creator, pid_t pid, int fd,
			 enum vm_policy policy)
{
	struct mte_vm *vm = vm_alloc(kvm, creator, pid, fd, policy);

	if (!vm)
		return NULL;
	if (add_dir(vm)) {
		vm_put(vm);
		return NULL;
	}
	kobject_uevent(&vm->kobj, KOBJ_ADD);
	return vm;
}

/**
 * vm_find_by_name - find a VM by the name of its directory
 * @name: the name
 *
 * Context: any.
 * Return: the VM, with a reference on its state; NULL if there is none.
 */
struct mte_vm *vm_find_by_name(const char *name)
{
	struct kobject *kobj = kset_find_obj(vms_set, name);

	return kobj ? container_of(kobj, struct mte_vm, kobj) : NULL;
}

/**
 * vm_put - drop a reference on a VM's state
 * @vm: the VM; may be freed when this returns
 *
 * Context: may sleep.
 */
void vm_put(struct mte_vm *vm)
{
	kobject_put(&vm->kobj);
}

/**
 * vm_remove_dir - remove a VM's directory
 * @vm: the VM
 *
 * Context: may sleep: waits for readers and writers of its files.
 */
void vm_remove_dir(struct mte_vm *vm)
{
	kobject_uevent(&vm->kobj, KOBJ_REMOVE);
	kobject_del(&vm->kobj);
}

/**
 * vm_uevent_changed - report that a VM's state has changed
 * @vm: the VM
 *
 * Context: may sleep.
 */
void vm_uevent_changed(struct mte_vm *vm)
{
	kobject_uevent(&vm->kobj, KOBJ_CHANGE);
}

/**
 * vm_uevent_untracked - report a migration that does not carry the tags
 * @vm: the VM
 * @nr: number of such migrations of this VM so far
 *
 * Context: may sleep.
 */
void vm_uevent_untracked(struct mte_vm *vm, int nr)
{
	char number[sizeof("UNTRACKED_MIGRATIONS=-2147483648")];
	char *env[2] = { number };

	snprintf(number, sizeof(number), "UNTRACKED_MIGRATIONS=%d", nr);
	kobject_uevent_env(&vm->kobj, KOBJ_CHANGE, env);
}

/**
 * vm_dirs_init - create the directory that contains the VMs' directories
 * @root: its parent
 * @ops: the functions that read and write a VM's files
 * @groups: a VM's files
 *
 * Context: module init; may sleep.
 * Return: 0 or -ENOMEM.
 */
int vm_dirs_init(struct kobject *root, const struct sysfs_ops *ops,
		 const struct attribute_group **groups)
{
	vm_type.sysfs_ops = ops;
	/*
	 * Not vm_type.default_groups: those are removed file by file, by name.  Without them
	 * kobject_del() removes the directory with all that is in it.
	 */
	vm_files_groups = groups;
	vms_set = kset_create_and_add("vms", &vm_uevent_ops, root);
	return vms_set ? 0 : -ENOMEM;
}

/**
 * vm_dirs_exit - wait until every struct mte_vm has been freed, and remove the directory
 *
 * Context: module exit or a failed init, after registry_empty(); may sleep.
 */
void vm_dirs_exit(void)
{
	wait_event(all_released, !atomic_read(&nr_vms));
	/* vm_release() may not have returned yet. */
	synchronize_rcu_tasks();
	kset_unregister(vms_set);
}
