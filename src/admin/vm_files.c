// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/kvm_mte/vms/NAME/: the files of a VM's directory. */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include "admin/admin.h"
#include "policy/writer.h"
#include "vm/hold.h"
#include "vm/vm.h"

static const char * const origin_words[] = {
	[ORIGIN_NONE] = "none",
	[ORIGIN_VMM] = "vmm",
	[ORIGIN_POLICY] = "policy",
	[ORIGIN_ADMIN] = "admin",
};

static struct mte_vm *to_vm(struct kobject *kobj)
{
	return container_of(kobj, struct mte_vm, kobj);
}

/**
 * struct vm_attribute - a file in a VM's directory
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

const struct sysfs_ops vm_files_ops = {
	.show = vm_attr_show,
	.store = vm_attr_store,
};

static ssize_t enable_show(struct mte_vm *vm, char *buf)
{
	/* The last request, not the present state. */
	return sysfs_emit(buf, "%d\n", vm_requested(vm, true));
}

static ssize_t enable_store(struct mte_vm *vm, const char *buf, size_t len)
{
	bool on;
	int err;

	err = kstrtobool(buf, &on);
	if (err) {
		vm_notice(vm, "enable: not a boolean\n");
		return err;
	}
	/*
	 * vm_set() may wait for locks that a VMM holds.  Pin the module, so that rmmod is
	 * refused and does not wait for this write.
	 */
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	err = vm_request(vm, on);
	module_put(THIS_MODULE);
	return err ?: len;
}

static ssize_t state_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%s\n", vm_state_word(vm));
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

	/* Not mte_vm.destroy_lock: a writer may hold it for a long time. */
	raw_spin_lock(&vm->lock);
	if (!vm->destroyed)
		nr = READ_ONCE(vm->kvm->created_vcpus);
	raw_spin_unlock(&vm->lock);
	return sysfs_emit(buf, "%d\n", nr);
}

static ssize_t hold_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%d\n", !!(READ_ONCE(vm->hold.by) & VM_HOLD_ADMIN));
}

static ssize_t hold_store(struct mte_vm *vm, const char *buf, size_t len)
{
	bool on;
	int err;

	err = kstrtobool(buf, &on);
	if (err) {
		vm_notice(vm, "hold: not a boolean\n");
		return err;
	}
	err = vm_hold_request(vm, on);
	return err ?: len;
}

static ssize_t migration_show(struct mte_vm *vm, char *buf)
{
	return sysfs_emit(buf, "%s\n", migration_word(READ_ONCE(vm->migration)));
}

static ssize_t migration_store(struct mte_vm *vm, const char *buf, size_t len)
{
	struct writer who = writer_current();
	int migration = migration_parse(buf);

	if (migration < 0) {
		vm_notice(vm, "migration: not one of warn, refuse\n");
		return migration;
	}
	/* Another process may write at the same time: each logs its own word. */
	if (xchg(&vm->migration, migration) != migration)
		writer_log(&who, "%d-%d: migration: %s", vm->creator, vm->fd,
			   migration_word(migration));
	return len;
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
static struct vm_attribute hold_attr = __ATTR_RW(hold);
static struct vm_attribute vm_migration_attr = __ATTR_RW(migration);
static struct vm_attribute pages_tagged_attr = __ATTR_RO(pages_tagged);
static struct vm_attribute tags_restored_attr = __ATTR_RO(tags_restored);
static struct vm_attribute untracked_migrations_attr =
	__ATTR_RO(untracked_migrations);

static struct attribute *vm_attrs[] = {
	&enable_attr.attr, &state_attr.attr, &origin_attr.attr,
	&pid_attr.attr, &vcpus_attr.attr, &hold_attr.attr, &vm_migration_attr.attr,
	NULL
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

const struct attribute_group *vm_files[] = {
	&vm_group, &vm_stats_group, NULL
};
