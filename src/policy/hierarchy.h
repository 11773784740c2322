/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hierarchy of cgroup v2.  A cgroup is named by its kernfs node: cgroups.c says why.
 *
 * On a kernel without cgroups no cgroup is ever found, so the lists of cgroups stay empty.
 */
#ifndef _KVM_MTE_POLICY_HIERARCHY_H
#define _KVM_MTE_POLICY_HIERARCHY_H

#include <linux/err.h>
#include <linux/types.h>

struct cgroup;
struct kernfs_node;

#ifdef CONFIG_CGROUPS
bool hierarchy_is_mounted(void);
struct kernfs_node *hierarchy_get(char *path);
bool hierarchy_has_removed(const struct kernfs_node *kn);
int hierarchy_path(struct kernfs_node *kn, char *buf, size_t size);
struct cgroup *hierarchy_current(void);
int hierarchy_level_above(struct cgroup *cgrp, struct kernfs_node *kn);
#else
static inline bool hierarchy_is_mounted(void)
{
	return false;
}

static inline struct kernfs_node *hierarchy_get(char *path)
{
	return ERR_PTR(-ENOENT);
}

static inline bool hierarchy_has_removed(const struct kernfs_node *kn)
{
	return true;
}

static inline int hierarchy_path(struct kernfs_node *kn, char *buf, size_t size)
{
	return 0;
}

static inline struct cgroup *hierarchy_current(void)
{
	return NULL;
}

static inline int hierarchy_level_above(struct cgroup *cgrp, struct kernfs_node *kn)
{
	return -1;
}
#endif

#endif /* _KVM_MTE_POLICY_HIERARCHY_H */
