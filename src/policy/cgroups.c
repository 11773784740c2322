// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cgroups with their own policy: those on the lists on_cgroups, off_cgroups and
 * request_cgroups.
 *
 * A list names a cgroup by its kernfs node, and holds a reference.  So the node is not
 * used again, and a later cgroup with the same path inherits nothing.  The reference does
 * not keep the cgroup: it can be removed and freed.  A removed cgroup has no processes, so
 * its entry has no effect.  The entry is dropped when a list is read or written.
 */
#include <linux/kernel.h>
#include <linux/kernfs.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "policy/cgroups.h"
#include "policy/hierarchy.h"
#include "policy/window.h"
#include "policy/writer.h"

/*
 * The most cgroups on all lists.  When a process creates a VM, or asks /dev/kvm for MTE, its
 * cgroup is compared with all of them, in one RCU section.
 */
#define MAX_LISTED	1024

/**
 * struct listed_cgroup - a cgroup on one of the lists
 * @node: in the list of all
 * @kn: the cgroup; a reference is held
 * @policy: which list
 */
struct listed_cgroup {
	struct list_head node;
	struct kernfs_node *kn;
	enum vm_policy policy;
};

static LIST_HEAD(listed);
static unsigned int nr_listed;
/* Guards the two above.  nr_listed is also read without it. */
static DEFINE_MUTEX(listed_lock);

static void drop(struct listed_cgroup *l)
{
	list_del(&l->node);
	kernfs_put(l->kn);
	kfree(l);
	WRITE_ONCE(nr_listed, nr_listed - 1);
}

/* Looks for a cgroup, and drops those that have been removed. */
static struct listed_cgroup *find(const struct kernfs_node *kn)
{
	struct listed_cgroup *l, *next, *match = NULL;

	list_for_each_entry_safe(l, next, &listed, node) {
		if (hierarchy_has_removed(l->kn))
			drop(l);
		else if (l->kn == kn)
			match = l;
	}
	return match;
}

/**
 * policy_of_cgroups - the policy of the calling process's cgroup or the nearest listed
 *	cgroup above it
 * @otherwise: the policy if none of them is listed
 *
 * Context: process context; may sleep.
 * Return: the policy.
 */
enum vm_policy policy_of_cgroups(enum vm_policy otherwise)
{
	enum vm_policy policy = otherwise;
	const struct listed_cgroup *l;
	int level, nearest = -1;
	struct cgroup *cgrp;

	if (!READ_ONCE(nr_listed))
		return otherwise;
	mutex_lock(&listed_lock);
	rcu_read_lock();
	/* Read only once: the process may be moved to another cgroup meanwhile. */
	cgrp = hierarchy_current();
	list_for_each_entry(l, &listed, node) {
		level = hierarchy_level_above(cgrp, l->kn);
		if (level > nearest) {
			nearest = level;
			policy = l->policy;
		}
	}
	rcu_read_unlock();
	mutex_unlock(&listed_lock);
	return policy;
}

/* Consumes the reference on @kn. */
static int add_to_list(struct kernfs_node *kn, enum vm_policy policy)
{
	struct listed_cgroup *new = kmalloc(sizeof(*new), GFP_KERNEL), *l;
	int err = 0;

	mutex_lock(&listed_lock);
	l = find(kn);
	if (l) {
		l->policy = policy;
	} else if (!new) {
		err = -ENOMEM;
	} else if (nr_listed == MAX_LISTED) {
		err = -ENOSPC;
	} else {
		*new = (struct listed_cgroup) { .kn = kn, .policy = policy };
		list_add_tail(&new->node, &listed);
		WRITE_ONCE(nr_listed, nr_listed + 1);
		kn = NULL;
		new = NULL;
	}
	mutex_unlock(&listed_lock);
	kernfs_put(kn);
	kfree(new);
	return err;
}

/* Consumes the reference on @kn. */
static int remove_from_list(struct kernfs_node *kn, enum vm_policy policy)
{
	struct listed_cgroup *l;
	int err = -ENOENT;

	mutex_lock(&listed_lock);
	l = find(kn);
	if (l && l->policy == policy) {
		drop(l);
		err = 0;
	}
	mutex_unlock(&listed_lock);
	kernfs_put(kn);
	return err;
}

/* Has the path no "." and no ".."?  No cgroup has such a name. */
static bool has_no_dots(const char *path)
{
	const char *name;
	size_t len;

	for (name = path; *name; name += len) {
		name += strspn(name, "/");
		len = strcspn(name, "/");
		if ((len == 1 || len == 2) && !strncmp(name, "..", len))
			return false;
	}
	return true;
}

/* Is the text one path?  A newline at its end is cut off. */
static bool is_path(char *path, size_t len)
{
	if (len && path[len - 1] == '\n')
		path[--len] = '\0';
	return path[0] == '/' && strlen(path) == len && !strchr(path, '\n') &&
	       has_no_dots(path);
}

static void log_change(const char *list, const char *path, bool remove)
{
	struct writer who = writer_current();

	/* The creator of a cgroup chooses its name: bytes that are not printable are escaped. */
	writer_log(&who, "policy/%s: %s%*pE", list, remove ? "-" : "", (int)strlen(path), path);
}

static int log_failure(int err, const char *list, const char *path, bool remove)
{
	if (err == -ENOSPC)
		pr_notice_ratelimited("policy/%s: full: %d cgroups are on the lists\n",
				      list, MAX_LISTED);
	else if (err == -EOPNOTSUPP)
		pr_notice_ratelimited("policy/%s: no file system of type cgroup2 is mounted: this host does not use cgroup v2\n",
				      list);
	else if (err == -ENOENT && remove)
		pr_notice_ratelimited("policy/%s: not on this list: %s\n", list, path);
	else if (err == -ENOENT || err == -ENOTDIR)
		pr_notice_ratelimited("policy/%s: no cgroup %s\n", list, path);
	return err;
}

static int change_list(char *path, bool remove, enum vm_policy policy)
{
	struct kernfs_node *kn;

	if (!remove && !hierarchy_is_mounted())
		return -EOPNOTSUPP;
	kn = hierarchy_get(path);
	if (IS_ERR(kn))
		return PTR_ERR(kn);
	return remove ? remove_from_list(kn, policy) : add_to_list(kn, policy);
}

static ssize_t cgroups_write(struct file *file, struct kobject *kobj,
			     compat_bin_attribute *attr, char *buf, loff_t off,
			     size_t len)
{
	bool remove = buf[0] == '-';
	char *path = buf + remove;
	int err;

	/* kernfs passes one page at most, so a longer text may be cut off. */
	if (len >= PATH_MAX) {
		pr_notice_ratelimited("policy/%s: the path is too long\n",
				      attr->attr.name);
		return -ENAMETOOLONG;
	}
	/* kernfs adds a zero byte after the written data. */
	if (!is_path(path, len - remove)) {
		pr_notice_ratelimited("policy/%s: not the path of a cgroup\n",
				      attr->attr.name);
		return -EINVAL;
	}
	err = change_list(path, remove, (enum vm_policy)(unsigned long)attr->private);
	if (!err)
		log_change(attr->attr.name, path, remove);
	return log_failure(err, attr->attr.name, path, remove) ?: len;
}

static ssize_t cgroups_read(struct file *file, struct kobject *kobj,
			    compat_bin_attribute *attr, char *buf, loff_t off,
			    size_t len)
{
	enum vm_policy policy = (enum vm_policy)(unsigned long)attr->private;
	struct window w = { .buf = buf, .len = len, .off = off };
	char *path = kmalloc(PATH_MAX, GFP_KERNEL);
	struct listed_cgroup *l;
	int n;

	if (!path)
		return -ENOMEM;
	mutex_lock(&listed_lock);
	/* Drops removed cgroups, but not in the middle of a longer text: the rest would move. */
	if (!off)
		find(NULL);
	list_for_each_entry(l, &listed, node) {
		n = l->policy == policy ? hierarchy_path(l->kn, path, PATH_MAX) : 0;
		if (!n)
			continue;
		path[n] = '\n';
		window_add(&w, path, n + 1);
		if (w.done == len)
			break;
	}
	mutex_unlock(&listed_lock);
	kfree(path);
	return w.done;
}

#define CGROUPS_ATTR(list, which)					\
	struct bin_attribute list##_attr = {				\
		.attr = { .name = #list, .mode = 0644 },		\
		.private = (void *)which,				\
		.read = cgroups_read,					\
		.write = cgroups_write,					\
	}

CGROUPS_ATTR(on_cgroups, POLICY_ON);
CGROUPS_ATTR(off_cgroups, POLICY_OFF);
CGROUPS_ATTR(request_cgroups, POLICY_REQUEST);

/**
 * policy_forget_cgroups - remove all cgroups from the lists
 *
 * Context: module exit or a failed init, when no process can use the lists any more;
 * may sleep.
 */
void policy_forget_cgroups(void)
{
	struct listed_cgroup *l, *next;

	mutex_lock(&listed_lock);
	list_for_each_entry_safe(l, next, &listed, node)
		drop(l);
	mutex_unlock(&listed_lock);
}
