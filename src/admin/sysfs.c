// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/kvm_mte: files only.  vm/request.c, vm/hold.c and policy/ carry out what is
 * written to them.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "admin/admin.h"
#include "hook/hook.h"
#include "policy/policy.h"
#include "repair/repair.h"
#include "vm/backend.h"

static struct kobject *root, *policy_dir, *hooks_dir, *repairs_dir;

static ssize_t version_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", KVM_MTE_VERSION);
}

static ssize_t backend_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", vm_backend->name);
}

static ssize_t armed_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", hook_armed());
}

static ssize_t missed_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", hook_missed());
}

/* A file for each repair, with the name of the repair. */
struct repair_attribute {
	struct kobj_attribute attr;
	unsigned long repair;
};

static ssize_t repair_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	struct repair_attribute *r = container_of(attr, struct repair_attribute, attr);

	return sysfs_emit(buf, "%s\n", repair_word(r->repair));
}

#define REPAIR_ATTR(_name, which)					\
	static struct repair_attribute _name##_attr = {			\
		.attr = __ATTR(_name, 0444, repair_show, NULL),		\
		.repair = which,					\
	}

REPAIR_ATTR(thp_split, THP_SPLIT);
REPAIR_ATTR(block_collapse, BLOCK_COLLAPSE);
REPAIR_ATTR(hugetlb_reuse, HUGETLB_REUSE);
REPAIR_ATTR(hugetlb_partial, HUGETLB_PARTIAL);
REPAIR_ATTR(remap_race, REMAP_RACE);
REPAIR_ATTR(swapoff_unreadable, SWAPOFF_UNREADABLE);
REPAIR_ATTR(copy_tags_hang, COPY_TAGS_HANG);
REPAIR_ATTR(device_slots, DEVICE_SLOTS);
REPAIR_ATTR(hugetlb_slots, HUGETLB_SLOTS);

static struct kobj_attribute version_attr = __ATTR_RO(version);
static struct kobj_attribute backend_attr = __ATTR_RO(backend);

static struct attribute *root_attrs[] = {
	&version_attr.attr, &backend_attr.attr, NULL
};

static struct kobj_attribute armed_attr = __ATTR_RO(armed);
static struct kobj_attribute missed_attr = __ATTR_RO(missed);

static struct attribute *hooks_attrs[] = {
	&armed_attr.attr, &missed_attr.attr, NULL
};

static struct attribute *repairs_attrs[] = {
	&thp_split_attr.attr.attr, &block_collapse_attr.attr.attr,
	&hugetlb_reuse_attr.attr.attr, &hugetlb_partial_attr.attr.attr,
	&remap_race_attr.attr.attr, &swapoff_unreadable_attr.attr.attr,
	&copy_tags_hang_attr.attr.attr, &device_slots_attr.attr.attr,
	&hugetlb_slots_attr.attr.attr, NULL
};

static const struct attribute_group root_group = { .attrs = root_attrs };
static const struct attribute_group hooks_group = { .attrs = hooks_attrs };
static const struct attribute_group repairs_group = { .attrs = repairs_attrs };

/*
 * Removes the directory now.  To wait until its last reference is dropped would be too
 * late: others may hold references, and the files use code of this module.  When this
 * returns, no file is being read or written, and descriptors that are still open fail
 * with ENODEV.
 */
static void remove_dir(struct kobject *dir)
{
	kobject_del(dir);
	kobject_put(dir);
}

static struct kobject *add_dir(const char *name, struct kobject *parent,
			       const struct attribute_group *group)
{
	struct kobject *dir = kobject_create_and_add(name, parent);

	if (dir && sysfs_create_group(dir, group)) {
		remove_dir(dir);
		return NULL;
	}
	return dir;
}

/**
 * admin_init - create the module's directory in sysfs
 *
 * Context: module init; may sleep.
 * Return: 0 or -ENOMEM.
 */
int admin_init(void)
{
	root = add_dir("kvm_mte", kernel_kobj, &root_group);
	if (!root)
		return -ENOMEM;
	policy_dir = add_dir("policy", root, &policy_group);
	if (!policy_dir)
		goto remove_root;
	hooks_dir = add_dir("hooks", root, &hooks_group);
	if (!hooks_dir)
		goto remove_policy;
	repairs_dir = add_dir("repairs", root, &repairs_group);
	if (!repairs_dir)
		goto remove_hooks;
	if (vm_dirs_init(root, &vm_files_ops, vm_files))
		goto remove_repairs;
	return 0;

remove_repairs:
	remove_dir(repairs_dir);
remove_hooks:
	remove_dir(hooks_dir);
remove_policy:
	remove_dir(policy_dir);
remove_root:
	remove_dir(root);
	return -ENOMEM;
}

/**
 * admin_exit - remove the module's directory
 *
 * Context: module exit or a failed init, after registry_empty(); may sleep: waits
 * for readers and writers.
 */
void admin_exit(void)
{
	vm_dirs_exit();
	remove_dir(repairs_dir);
	remove_dir(hooks_dir);
	remove_dir(policy_dir);
	remove_dir(root);
}
