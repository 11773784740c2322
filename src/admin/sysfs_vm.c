// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/kvm_mte/vms/: a folder for each VM.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "vm/vm.h"

static const char * const state_words[] = {
	[VM_OFF] = "off",
	[VM_ON] = "on",
	[VM_TURNING_ON] = "turning-on",
	[VM_TURNING_OFF] = "turning-off",
};

static const char * const origin_words[] = {
	[ORIGIN_NONE] = "none",
	[ORIGIN_VMM] = "vmm",
	[ORIGIN_POLICY] = "policy",
	[ORIGIN_ADMIN] = "admin",
};

/* The module may go when the last VM's folder has been let go. */
static atomic_t folders = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(folders_gone);

static struct kset *vms_set;

static struct mte_vm *to_vm(struct kobject *kobj)
{
	return container_of(kobj, struct mte_vm, kobj);
}

/**
 * struct vm_attribute - a file in a VM's folder
 * @attr: name and mode
 * @show: writes the value
 * @store: takes a value
 */
struct vm_attribute {
	struct attribute attr;
	ssize_t (*show)(struct mte_vm *vm, char *buf);
	ssize_t (*store)(struct mte_vm *vm, const char *buf, size_t len);
};

static ssize_t vm_attr_show(struct kobject *kobj, struct attribute *attr,
			    char *buf)
{
	return container_of(attr, struct vm_attribute, attr)->show(to_vm(kobj), buf);
}

static ssize_t vm_attr_store(struct kobject *kobj, struct attribute *attr,
			     const char *buf, size_t len)
{
	return container_of(attr, struct vm_attribute, attr)->store(to_vm(kobj),
								     buf, len);
}

static const struct sysfs_ops vm_sysfs_ops = {
	.show = vm_attr_show,
	.store = vm_attr_store,
};

static ssize_t enable_show(struct mte_vm *vm, char *buf)
{
	enum vm_state state = READ_ONCE(vm->state);

	/* What was asked for, as it was written. */
	return sysfs_emit(buf, "%d\n", state == VM_ON || state == VM_TURNING_ON);
}

static ssize_t enable_store(struct mte_vm *vm, const char *buf, size_t len)
{
	bool on;
	int err;

	err = kstrtobool(buf, &on);
	if (err) {
		pr_notice_ratelimited("%d-%d: enable: not a boolean\n",
				      vm->creator, vm->fd);
		return err;
	}
	/* It may wait for locks that a VMM holds; unloading would wait for it. */
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	err = mutex_lock_killable(&vm->life);
	if (err)
		goto put_module;
	if (vm->dead) {
		pr_notice_ratelimited("%d-%d: enable: the VM is being destroyed\n",
				      vm->creator, vm->fd);
		err = -ENODEV;
	} else {
		err = vm_set(vm, on, ORIGIN_ADMIN);
	}
	mutex_unlock(&vm->life);
put_module:
	module_put(THIS_MODULE);
	return err ?: len;
}

static ssize_t state_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%s\n", state_words[READ_ONCE(vm->state)]);
}

static ssize_t origin_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%s\n", origin_words[READ_ONCE(vm->origin)]);
}

static ssize_t pid_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%d\n", vm->pid);
}

static ssize_t vcpus_show(struct mte_vm *vm, char *buf)
{
	int nr = 0;

	/* Not mte_vm.life: a writer may hold it for long. */
	raw_spin_lock(&vm->lock);
	if (!vm->dead)
		nr = READ_ONCE(vm->kvm->created_vcpus);
	raw_spin_unlock(&vm->lock);
	return sysfs_emit(buf, "%d\n", nr);
}

static ssize_t pages_tagged_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&vm->pages_tagged));
}

static ssize_t tags_restored_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&vm->tags_restored));
}

static ssize_t untracked_migrations_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&vm->untracked_migrations));
}

static struct vm_attribute enable_attr = __ATTR_RW(enable);
static struct vm_attribute state_attr = __ATTR_RO(state);
static struct vm_attribute origin_attr = __ATTR_RO(origin);
static struct vm_attribute pid_attr = __ATTR_RO(pid);
static struct vm_attribute vcpus_attr = __ATTR_RO(vcpus);
static struct vm_attribute pages_tagged_attr = __ATTR_RO(pages_tagged);
static struct vm_attribute tags_restored_attr = __ATTR_RO(tags_restored);
static struct vm_attribute untracked_migrations_attr =
	__ATTR_RO(untracked_migrations);

static struct attribute *vm_attrs[] = {
	&enable_attr.attr, &state_attr.attr, &origin_attr.attr,
	&pid_attr.attr, &vcpus_attr.attr, NULL
};

static struct attribute *vm_stats_attrs[] = {
	&pages_tagged_attr.attr, &tags_restored_attr.attr,
	&untracked_migrations_attr.attr, NULL
};

static const struct attribute_group vm_group = { .attrs = vm_attrs };
static const struct attribute_group vm_stats_group = {
	.name = "stats",
	.attrs = vm_stats_attrs,
};

static const struct attribute_group *vm_groups[] = {
	&vm_group, &vm_stats_group, NULL
};

static void vm_release(struct kobject *kobj)
{
	kfree_rcu(to_vm(kobj), rcu);
	if (atomic_dec_and_test(&folders))
		wake_up(&folders_gone);
}

static struct kobj_type vm_type = {
	.sysfs_ops = &vm_sysfs_ops,
	.default_groups = vm_groups,
	.release = vm_release,
};

static const char *vms_uevent_name(COMPAT_UEVENT_KOBJ)
{
	return "kvm_mte";
}

static int vms_uevent(COMPAT_UEVENT_KOBJ, struct kobj_uevent_env *env)
{
	const struct mte_vm *vm = container_of(kobj, struct mte_vm, kobj);

	return add_uevent_var(env, "PID=%d", vm->pid) ?:
	       add_uevent_var(env, "FD=%d", vm->fd) ?:
	       add_uevent_var(env, "STATE=%s", state_words[READ_ONCE(vm->state)]);
}

static const struct kset_uevent_ops vms_uevent_ops = {
	.name = vms_uevent_name,
	.uevent = vms_uevent,
};

/* VMs of one name at a time; each further one has to look past all of them. */
#define MAX_SAME_NAME	256

/* A dying VM may still have the name: the next one gets .1, .2, ... */
static int add_folder(struct mte_vm *vm)
{
	char name[sizeof("-2147483648--2147483648.4294967295")];
	struct kobject *taken;
	unsigned int i;

	snprintf(name, sizeof(name), "%d-%d", vm->creator, vm->fd);
	for (i = 1; (taken = kset_find_obj(vms_set, name)); i++) {
		kobject_put(taken);
		if (i > MAX_SAME_NAME)
			return -EEXIST;
		snprintf(name, sizeof(name), "%d-%d.%u", vm->creator, vm->fd, i);
	}
	return kobject_add(&vm->kobj, NULL, "%s", name);
}

/**
 * sysfs_add_vm - make a VM's folder
 * @vm: the VM; from here on its folder's kobject owns it
 *
 * Context: may sleep; one caller at a time (registry_lock).
 * Return: 0; on an error @vm has been freed.
 */
int sysfs_add_vm(struct mte_vm *vm)
{
	int err;

	atomic_inc(&folders);
	vm->kobj.kset = vms_set;
	kobject_init(&vm->kobj, &vm_type);
	err = add_folder(vm);
	if (err) {
		kobject_put(&vm->kobj);
		return err;
	}
	kobject_uevent(&vm->kobj, KOBJ_ADD);
	return 0;
}

/**
 * sysfs_remove_vm - remove a VM's folder
 * @vm: the VM
 *
 * Context: may sleep: waits for those who read or write in the folder.
 */
void sysfs_remove_vm(struct mte_vm *vm)
{
	kobject_uevent(&vm->kobj, KOBJ_REMOVE);
	kobject_del(&vm->kobj);
}

/**
 * sysfs_put_vm - let go of a VM's state
 * @vm: the VM; may be freed when this returns
 *
 * Context: may sleep.
 */
void sysfs_put_vm(struct mte_vm *vm)
{
	kobject_put(&vm->kobj);
}

/**
 * sysfs_vm_changed - tell listeners that a VM's state has changed
 * @vm: the VM
 *
 * Context: may sleep.
 */
void sysfs_vm_changed(struct mte_vm *vm)
{
	kobject_uevent(&vm->kobj, KOBJ_CHANGE);
}

/**
 * sysfs_vm_untracked - tell listeners of a migration that leaves the tags behind
 * @vm: the VM
 * @nr: how many there have been
 *
 * Context: may sleep.
 */
void sysfs_vm_untracked(struct mte_vm *vm, int nr)
{
	char number[sizeof("UNTRACKED_MIGRATIONS=-2147483648")];
	char *env[2] = { number };

	snprintf(number, sizeof(number), "UNTRACKED_MIGRATIONS=%d", nr);
	kobject_uevent_env(&vm->kobj, KOBJ_CHANGE, env);
}

/**
 * sysfs_vms_init - make the folder of the VMs' folders
 * @root: where
 *
 * Context: module init; may sleep.
 * Return: 0 or -ENOMEM.
 */
int sysfs_vms_init(struct kobject *root)
{
	vms_set = kset_create_and_add("vms", &vms_uevent_ops, root);
	return vms_set ? 0 : -ENOMEM;
}

/**
 * sysfs_vms_exit - wait until the last VM's folder has been let go
 *
 * Context: module exit or a failed init, after registry_empty(); may sleep.
 */
void sysfs_vms_exit(void)
{
	wait_event(folders_gone, !atomic_read(&folders));
	/* vm_release() may still be about to wake us up or return. */
	synchronize_rcu_tasks();
	kset_unregister(vms_set);
	/* The VMs are freed behind this. */
	rcu_barrier();
}
