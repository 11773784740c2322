// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/kvm_mte: what admins see and turn.  Shows and passes on; what a
 * write means is decided in set.c and policy.c.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "vm/backend.h"

static struct kobject *root, *policy_dir, *repairs_dir;

static ssize_t version_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", KVM_MTE_VERSION);
}

static ssize_t backend_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", backend_name());
}

#define REPAIR_SHOW(name, which)					\
	static ssize_t name##_show(struct kobject *kobj,		\
				   struct kobj_attribute *attr,		\
				   char *buf)				\
	{								\
		return sysfs_emit(buf, "%s\n", backend_repair(which));	\
	}

REPAIR_SHOW(thp_split, REPAIR_THP_SPLIT)
REPAIR_SHOW(block_collapse, REPAIR_BLOCK_COLLAPSE)
REPAIR_SHOW(hugetlb_reuse, REPAIR_HUGETLB_REUSE)
REPAIR_SHOW(hugetlb_partial, REPAIR_HUGETLB_PARTIAL)
REPAIR_SHOW(remap_race, REPAIR_REMAP_RACE)
REPAIR_SHOW(swapoff_unreadable, REPAIR_SWAPOFF_UNREADABLE)
REPAIR_SHOW(copy_tags_hang, REPAIR_COPY_TAGS_HANG)

static struct kobj_attribute version_attr = __ATTR_RO(version);
static struct kobj_attribute backend_attr = __ATTR_RO(backend);
static struct kobj_attribute thp_split_attr = __ATTR_RO(thp_split);
static struct kobj_attribute block_collapse_attr = __ATTR_RO(block_collapse);
static struct kobj_attribute hugetlb_reuse_attr = __ATTR_RO(hugetlb_reuse);
static struct kobj_attribute hugetlb_partial_attr = __ATTR_RO(hugetlb_partial);
static struct kobj_attribute remap_race_attr = __ATTR_RO(remap_race);
static struct kobj_attribute swapoff_unreadable_attr = __ATTR_RO(swapoff_unreadable);
static struct kobj_attribute copy_tags_hang_attr = __ATTR_RO(copy_tags_hang);

static struct attribute *root_attrs[] = {
	&version_attr.attr, &backend_attr.attr, NULL
};

static struct attribute *repairs_attrs[] = {
	&thp_split_attr.attr, &block_collapse_attr.attr,
	&hugetlb_reuse_attr.attr, &hugetlb_partial_attr.attr,
	&remap_race_attr.attr, &swapoff_unreadable_attr.attr,
	&copy_tags_hang_attr.attr, NULL
};

static const struct attribute_group root_group = { .attrs = root_attrs };
static const struct attribute_group repairs_group = { .attrs = repairs_attrs };

/*
 * The directory goes now, not with the last reference, which somebody else may
 * hold: its files lead into this module.  When this returns nobody is in one of
 * them, and what is read or written by a descriptor that is still open fails with
 * ENODEV.
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
 * sysfs_init - make the module's folder
 *
 * Context: module init; may sleep.
 * Return: 0 or -ENOMEM.
 */
int sysfs_init(void)
{
	root = add_dir("kvm_mte", kernel_kobj, &root_group);
	if (!root)
		return -ENOMEM;
	policy_dir = add_dir("policy", root, &policy_group);
	if (!policy_dir)
		goto remove_root;
	repairs_dir = add_dir("repairs", root, &repairs_group);
	if (!repairs_dir)
		goto remove_policy;
	if (sysfs_vms_init(root))
		goto remove_repairs;
	return 0;

remove_repairs:
	remove_dir(repairs_dir);
remove_policy:
	remove_dir(policy_dir);
remove_root:
	remove_dir(root);
	return -ENOMEM;
}

/**
 * sysfs_exit - remove the module's folder
 *
 * Context: module exit or a failed init, after registry_empty(); may sleep: waits
 * for those who read or write in it.
 */
void sysfs_exit(void)
{
	sysfs_vms_exit();
	remove_dir(repairs_dir);
	remove_dir(policy_dir);
	remove_dir(root);
}
