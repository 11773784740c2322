// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hierarchy of cgroup v2, by what kernels export to modules.
 *
 * Paths are those that the calling process sees in its cgroup namespace, as in
 * /proc/PID/cgroup.  cgroup_get_from_path() is not used: some kernels begin in that
 * namespace, others (5.10) in the initial one, and no header tells which.
 */
#include <linux/cgroup.h>
#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "policy/hierarchy.h"

static void found(struct super_block *sb, void *is_found)
{
	*(bool *)is_found = true;
}

/**
 * hierarchy_is_mounted - is a file system of type cgroup2 mounted anywhere?
 *
 * A host that uses only cgroup v1 has none.  There all processes are in the root of the
 * hierarchy, or in cgroups that nobody can see.
 *
 * Context: process context; may sleep.
 * Return: true if one is mounted.
 */
bool hierarchy_is_mounted(void)
{
	struct file_system_type *type = get_fs_type("cgroup2");
	bool is_found = false;

	if (!type)
		return false;
	iterate_supers_type(type, found, &is_found);
	module_put(type->owner);
	return is_found;
}

/*
 * The root of the calling process's cgroup namespace.  The namespace holds a reference.
 * current->nsproxy is NULL only late in the exit of a process, when it reads and writes no
 * files any more.
 */
static struct cgroup *namespace_root(void)
{
	return current->nsproxy->cgroup_ns->root_cset->dfl_cgrp;
}

/* The cgroup of a node; NULL if it is freed already.  Context: rcu_read_lock(). */
static struct cgroup *node_cgroup(struct kernfs_node *kn)
{
	return rcu_dereference(*(void __rcu __force **)&kn->priv);
}

/* Finds a name in a directory.  Consumes the reference on the directory. */
static struct kernfs_node *step(struct kernfs_node *dir, const char *name)
{
	struct kernfs_node *kn;

	/* kernfs does not check this. */
	if (kernfs_type(dir) != KERNFS_DIR)
		kn = ERR_PTR(-ENOTDIR);
	else
		kn = kernfs_find_and_get(dir, name) ?: ERR_PTR(-ENOENT);
	kernfs_put(dir);
	return kn;
}

/**
 * hierarchy_get - find a cgroup
 * @path: its path in the calling process's cgroup namespace; changed and then restored
 *
 * Slashes at the end, and several slashes in a row, are allowed.
 *
 * Context: process context; may sleep.
 * Return: the cgroup's node with a reference, which the caller drops with kernfs_put();
 * -ENOENT if there is no such cgroup; -ENOTDIR for a file of a cgroup.
 */
struct kernfs_node *hierarchy_get(char *path)
{
	struct kernfs_node *kn = namespace_root()->kn;
	char *end, c;
	int err = 0;

	kernfs_get(kn);
	for (path += strspn(path, "/"); *path; path = end + strspn(end, "/")) {
		end = strchrnul(path, '/');
		c = *end;
		*end = '\0';
		kn = step(kn, path);
		*end = c;
		if (IS_ERR(kn))
			return kn;
	}
	if (kernfs_type(kn) != KERNFS_DIR)
		err = -ENOTDIR;
	else if (hierarchy_has_removed(kn))
		err = -ENOENT;
	if (!err)
		return kn;
	kernfs_put(kn);
	return ERR_PTR(err);
}

/**
 * hierarchy_has_removed - has a cgroup been removed?
 * @kn: its node
 *
 * This is what kernfs itself tests before it shows a node to users.  A cgroup that is still
 * being created is not shown either.  If its creation fails, the kernel frees it without
 * waiting for RCU.  So its node must not be taken.
 *
 * Context: any.
 * Return: true if it has been removed, or if nobody could see it yet.
 */
bool hierarchy_has_removed(const struct kernfs_node *kn)
{
	return atomic_read(&kn->active) < 0;
}

/**
 * hierarchy_path - the path of a cgroup, as the calling process sees it
 * @kn: the cgroup's node
 * @buf: the buffer for the path
 * @size: its size, in bytes
 *
 * Context: process context; does not sleep.
 * Return: the length of the path, in bytes; 0 if the cgroup is outside of the process's
 * cgroup namespace, or if the path does not fit.
 */
int hierarchy_path(struct kernfs_node *kn, char *buf, size_t size)
{
	struct cgroup *root = namespace_root(), *cgrp;
	bool is_inside;
	int len;

	rcu_read_lock();
	cgrp = node_cgroup(kn);
	is_inside = cgrp && cgroup_is_descendant(cgrp, root);
	rcu_read_unlock();
	if (!is_inside)
		return 0;
	len = kernfs_path_from_node(kn, root->kn, buf, size);
	return len > 0 && len < size ? len : 0;
}

/**
 * hierarchy_current - the cgroup of the calling thread
 *
 * In a threaded cgroup the threads of a process may be in different cgroups: that of the
 * process, and those below it.
 *
 * Context: rcu_read_lock().
 * Return: the cgroup.
 */
struct cgroup *hierarchy_current(void)
{
	return task_dfl_cgroup(current);
}

/**
 * hierarchy_level_above - is a cgroup the same as another or above it, and at which level?
 * @cgrp: the lower cgroup
 * @kn: the node of the upper one, on which the caller holds a reference
 *
 * Context: rcu_read_lock().
 * Return: the upper cgroup's distance from the root of the hierarchy; -1 if it is neither
 * @cgrp nor above it.
 */
int hierarchy_level_above(struct cgroup *cgrp, struct kernfs_node *kn)
{
	struct cgroup *upper = node_cgroup(kn);

	return upper && cgroup_is_descendant(cgrp, upper) ? upper->level : -1;
}
