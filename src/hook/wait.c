// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wrapped calls that may wait for user space, and so for ever.  The log names the process.
 * The calls of HOOK_WRAP_WAITS() pin the module (hook_dispatch()), so rmmod is refused.  Calls
 * that create or destroy a VM do not (kvm/lifecycle.c), so rmmod waits for them.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "hook/engine.h"

/* The log names calls that take longer than this. */
#define LONG_WAIT	(5 * HZ)

/**
 * struct hook_wait - a wrapped call that may wait for user space
 * @list: in @waits, or in @waits_told
 * @task: the calling task; a reference is held
 * @function: the hooked function's name
 * @since: start of the call, in jiffies
 *
 * The record is not on the caller's stack: an oops in the call frees the stack, but the
 * record stays on the list.
 */
struct hook_wait {
	struct list_head list;
	struct task_struct *task;
	const char *function;
	unsigned long since;
};

/* The oldest call comes first.  A call about which the log has a line is in the second list. */
static LIST_HEAD(waits);
static LIST_HEAD(waits_told);
static DEFINE_SPINLOCK(waits_lock);

/* A VMM may have many threads that wait.  So in each LONG_WAIT at most this many get a line. */
#define TELL_MAX	10

static void tell_long_waits(struct work_struct *work);
static DECLARE_DELAYED_WORK(tell_work, tell_long_waits);

/**
 * struct told - a call that gets a line in the log
 * @task: the calling task; a reference is held
 * @function: the hooked function's name
 */
struct told {
	struct task_struct *task;
	const char *function;
};

/* A process chooses its name itself, so a newline in it must not begin a line of the log. */
static void tell(const struct told *told)
{
	char comm[TASK_COMM_LEN];

	get_task_comm(comm, told->task);
	pr_notice("%*pE[%d] waits in %s(): the module cannot be unloaded until that returns\n",
		  (int)strlen(comm), comm, task_tgid_nr(told->task), told->function);
}

/* Takes the calls that get a line now.  Returns their number. */
static unsigned int take_long_waits(struct told *told)
{
	struct hook_wait *wait, *next;
	unsigned int nr = 0;

	lockdep_assert_held(&waits_lock);
	list_for_each_entry_safe(wait, next, &waits, list) {
		if (nr == TELL_MAX || time_before(jiffies, wait->since + LONG_WAIT))
			break;
		told[nr].task = get_task_struct(wait->task);
		told[nr++].function = wait->function;
		list_move_tail(&wait->list, &waits_told);
	}
	return nr;
}

/* Prints without the lock: a console may be slow, and faults of guests take the lock. */
static void tell_long_waits(struct work_struct *work)
{
	struct told told[TELL_MAX];
	unsigned int i, nr;
	bool more;

	spin_lock(&waits_lock);
	nr = take_long_waits(told);
	more = !list_empty(&waits);
	spin_unlock(&waits_lock);
	for (i = 0; i < nr; i++) {
		tell(&told[i]);
		put_task_struct(told[i].task);
	}
	if (more)
		queue_delayed_work(system_long_wq, &tell_work, LONG_WAIT);
}

/**
 * hook_wait_begin - note that a wrapped call begins that may wait for user space
 * @function: the hooked function's name
 *
 * Context: a wrapper; may sleep.
 * Return: the record for hook_wait_end(); NULL if there is no memory, and the log does
 * not name the call.
 */
struct hook_wait *hook_wait_begin(const char *function)
{
	struct hook_wait *wait = kmalloc(sizeof(*wait), GFP_KERNEL);

	if (!wait)
		return NULL;
	wait->task = get_task_struct(current);
	wait->function = function;
	wait->since = jiffies;
	spin_lock(&waits_lock);
	list_add_tail(&wait->list, &waits);
	spin_unlock(&waits_lock);
	queue_delayed_work(system_long_wq, &tell_work, LONG_WAIT);
	return wait;
}

/**
 * hook_wait_end - note that such a call ends
 * @wait: its record, or NULL
 *
 * Context: as hook_wait_begin().
 */
void hook_wait_end(struct hook_wait *wait)
{
	if (wait) {
		spin_lock(&waits_lock);
		list_del(&wait->list);
		spin_unlock(&waits_lock);
		put_task_struct(wait->task);
		kfree(wait);
	}
}

/**
 * hook_unpin - drop the reference on the module that was taken for a call
 *
 * This comes before hook_leave().  rmmod may begin between the two, but hook_disarm() still
 * waits for the call.
 *
 * Context: the wrapper of HOOK_WRAP_WAITS(), or vm_hold_run().
 */
void hook_unpin(void)
{
	module_put(THIS_MODULE);
}

/**
 * hook_wait_exit - cancel the delayed work, after the last wrapped call
 *
 * Context: when no wrapper can run; may sleep.
 */
void hook_wait_exit(void)
{
	cancel_delayed_work_sync(&tell_work);
}
