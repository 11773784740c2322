// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes with their own policy: those on the lists on_pids, off_pids and
 * request_pids.
 *
 * A list names a process by its struct pid, and holds a reference.  So the struct is
 * not used again, and a later process with the same number inherits nothing.  Processes
 * that have exited are dropped when a list is read or written.
 */
#include <linux/hashtable.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "compat.h"
#include "policy/pids.h"
#include "policy/window.h"
#include "policy/writer.h"

#define LISTED_BITS	8

/*
 * The most processes that are looked up: a process and its ancestors.  The walk must be
 * bounded because it holds rcu_read_lock().  No ordinary process has so many ancestors.
 */
#define MAX_GENERATIONS	4096

/* "4194304\n" */
#define LINE_MAX_LEN	16

/**
 * struct listed - a process on one of the lists
 * @node: in the hash, by @pid
 * @pid: the process (thread group); a reference is held
 * @policy: which list
 */
struct listed {
	struct hlist_node node;
	struct pid *pid;
	enum vm_policy policy;
};

static DEFINE_HASHTABLE(listed, LISTED_BITS);
static unsigned int nr_listed;
/* Guards the two above.  nr_listed is also read without it. */
static DEFINE_MUTEX(listed_lock);

static struct listed *find(const struct pid *pid)
{
	struct listed *l;

	hash_for_each_possible(listed, l, node, (unsigned long)pid)
		if (l->pid == pid)
			return l;
	return NULL;
}

static void drop(struct listed *l)
{
	hash_del(&l->node);
	put_pid(l->pid);
	kfree(l);
	WRITE_ONCE(nr_listed, nr_listed - 1);
}

/* A zombie counts as exited. */
static bool has_exited(struct pid *pid)
{
	struct task_struct *task;
	bool exited;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_TGID);
	exited = !task || !atomic_read(&task->signal->live);
	rcu_read_unlock();
	return exited;
}

static void drop_exited(void)
{
	struct hlist_node *next;
	struct listed *l;
	int i;

	hash_for_each_safe(listed, i, next, l, node)
		if (has_exited(l->pid))
			drop(l);
}

/**
 * policy_of_ancestors - the policy of the calling process or its nearest listed ancestor
 * @otherwise: the policy if neither the process nor an ancestor is listed
 *
 * Context: process context; may sleep.
 * Return: the policy.
 */
enum vm_policy policy_of_ancestors(enum vm_policy otherwise)
{
	struct task_struct *task = current, *parent;
	/* The result if the walk reaches its limit: an ancestor further up may be on off_pids. */
	enum vm_policy policy = POLICY_OFF;
	const struct listed *l;
	int i;

	if (!READ_ONCE(nr_listed))
		return otherwise;
	mutex_lock(&listed_lock);
	rcu_read_lock();
	for (i = 0; i < MAX_GENERATIONS; i++) {
		l = find(task_tgid(task));
		parent = rcu_dereference(task->real_parent);
		/* The first task is its own parent. */
		if (l || parent == task) {
			policy = l ? l->policy : otherwise;
			break;
		}
		task = parent;
	}
	rcu_read_unlock();
	mutex_unlock(&listed_lock);
	return policy;
}

/* The process that has the thread @nr in the caller's namespace; 0: the caller. */
static struct pid *get_process(pid_t nr)
{
	struct task_struct *task;
	struct pid *pid = NULL;

	rcu_read_lock();
	task = nr ? pid_task(find_vpid(nr), PIDTYPE_PID) : current;
	if (task)
		pid = get_pid(task_tgid(task));
	rcu_read_unlock();
	if (pid && has_exited(pid)) {
		put_pid(pid);
		pid = NULL;
	}
	return pid;
}

static int add_to_list(struct pid *pid, enum vm_policy policy)
{
	struct listed *l;
	int err = 0;

	mutex_lock(&listed_lock);
	drop_exited();
	l = find(pid);
	if (l) {
		l->policy = policy;
		goto out;
	}
	l = kzalloc(sizeof(*l), GFP_KERNEL);
	if (!l) {
		err = -ENOMEM;
		goto out;
	}
	l->pid = get_pid(pid);
	l->policy = policy;
	hash_add(listed, &l->node, (unsigned long)pid);
	WRITE_ONCE(nr_listed, nr_listed + 1);
out:
	mutex_unlock(&listed_lock);
	return err;
}

/* The id in the initial pid namespace, as the writer's own. */
static void log_change(const char *list, struct pid *pid)
{
	struct writer who = writer_current();

	writer_log(&who, "policy/%s: %d", list, pid_nr(pid));
}

static ssize_t pids_write(struct file *file, struct kobject *kobj,
			  compat_bin_attribute *attr, char *buf, loff_t off,
			  size_t len)
{
	struct pid *pid;
	pid_t nr;
	int err;

	/* kernfs adds a zero byte after the written data. */
	if (kstrtoint(strstrip(buf), 10, &nr) || nr < 0) {
		pr_notice_ratelimited("policy/%s: not a process id\n",
				      attr->attr.name);
		return -EINVAL;
	}
	pid = get_process(nr);
	if (!pid) {
		pr_notice_ratelimited("policy/%s: no process %d\n",
				      attr->attr.name, nr);
		return -ESRCH;
	}
	err = add_to_list(pid, (enum vm_policy)(unsigned long)attr->private);
	if (!err)
		log_change(attr->attr.name, pid);
	put_pid(pid);
	return err ?: len;
}

static int compare_ids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The sorted ids of a list, in the reader's pid namespace.  The caller frees them. */
static pid_t *get_ids(enum vm_policy policy, unsigned int *nr)
{
	struct listed *l;
	pid_t *ids;
	int i;

	*nr = 0;
	mutex_lock(&listed_lock);
	drop_exited();
	ids = kvmalloc_array(nr_listed + 1, sizeof(*ids), GFP_KERNEL);
	if (ids)
		hash_for_each(listed, i, l, node)
			if (l->policy == policy && pid_vnr(l->pid))
				ids[(*nr)++] = pid_vnr(l->pid);
	mutex_unlock(&listed_lock);
	if (ids)
		sort(ids, *nr, sizeof(*ids), compare_ids, NULL);
	return ids;
}

static ssize_t pids_read(struct file *file, struct kobject *kobj,
			 compat_bin_attribute *attr, char *buf, loff_t off,
			 size_t len)
{
	struct window w = { .buf = buf, .len = len, .off = off };
	char line[LINE_MAX_LEN];
	unsigned int nr, i;
	pid_t *ids;

	ids = get_ids((enum vm_policy)(unsigned long)attr->private, &nr);
	if (!ids)
		return -ENOMEM;
	for (i = 0; i < nr && w.done < len; i++)
		window_add(&w, line, scnprintf(line, sizeof(line), "%d\n", ids[i]));
	kvfree(ids);
	return w.done;
}

#define PIDS_ATTR(list, which)						\
	struct bin_attribute list##_attr = {				\
		.attr = { .name = #list, .mode = 0644 },		\
		.private = (void *)which,				\
		.read = pids_read,					\
		.write = pids_write,					\
	}

PIDS_ATTR(on_pids, POLICY_ON);
PIDS_ATTR(off_pids, POLICY_OFF);
PIDS_ATTR(request_pids, POLICY_REQUEST);

/**
 * policy_forget_pids - remove all processes from the lists
 *
 * Context: module exit or a failed init, when no process can use the lists any more;
 * may sleep.
 */
void policy_forget_pids(void)
{
	struct hlist_node *next;
	struct listed *l;
	int i;

	mutex_lock(&listed_lock);
	hash_for_each_safe(listed, i, next, l, node)
		drop(l);
	mutex_unlock(&listed_lock);
}
