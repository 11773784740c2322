// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wrapped calls that may wait for user space, and so for ever.  Each of them pins the
 * module (hook_dispatch()).  So rmmod is refused, and the log names the process.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
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
 * @list: in @waits
 * @task: the calling task; a reference is held
 * @function: the hooked function's name
 * @since: start of the call, in jiffies
 * @told: the log has a line about it
 *
 * The record is not on the caller's stack: an oops in the call frees the stack, but the
 * record stays on the list.
 */
struct hook_wait {
	struct list_head list;
	struct task_struct *task;
	const char *function;
	unsigned long since;
	bool told;
};

static LIST_HEAD(waits);
static DEFINE_SPINLOCK(waits_lock);

/* A VMM may have many threads that wait. */
static DEFINE_RATELIMIT_STATE(tell_ratelimit, 5 * HZ, 10);

static void tell_long_waits(struct work_struct *work);
static DECLARE_DELAYED_WORK(tell_work, tell_long_waits);

/* A process chooses its name itself, so a newline in it must not begin a line of the log. */
static void tell(const struct hook_wait *wait)
{
	char comm[TASK_COMM_LEN];

	get_task_comm(comm, wait->task);
	pr_notice("%*pE[%d] waits in %s(): the module cannot be unloaded until that returns\n",
		  (int)strlen(comm), comm, task_tgid_nr(wait->task), wait->function);
}

static void tell_long_waits(struct work_struct *work)
{
	struct hook_wait *wait;
	bool more = false;

	spin_lock(&waits_lock);
	list_for_each_entry(wait, &waits, list) {
		if (wait->told)
			continue;
		if (time_before(jiffies, wait->since + LONG_WAIT)) {
			more = true;
			continue;
		}
		/* If the rate limit stops the line, it is tried again later. */
		wait->told = __ratelimit(&tell_ratelimit);
		more |= !wait->told;
		if (wait->told)
			tell(wait);
	}
	spin_unlock(&waits_lock);
	if (more)
		queue_delayed_work(system_long_wq, &tell_work, LONG_WAIT);
}

/**
 * hook_wait_begin - note that a wrapped call begins that may wait for user space
 * @function: the hooked function's name
 *
 * Context: the wrapper of HOOK_WRAP_WAITS(), which holds a reference on the module;
 * may sleep.
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
	wait->told = false;
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
 * The reference on the module is dropped before hook_leave().  rmmod may begin between
 * the two, but hook_disarm() still waits for the call.
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
