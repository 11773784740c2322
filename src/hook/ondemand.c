// SPDX-License-Identifier: GPL-2.0-only
/*
 * The on-demand hooks are armed by ondemand_get(), and removed some seconds after the
 * last reference on them has been dropped.
 */
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "hook/engine.h"
#include "hook/ondemand.h"

/* References on the on-demand hooks. */
static atomic_t users = ATOMIC_INIT(0);

/* Guards the static variables below. */
static DEFINE_MUTEX(ondemand_lock);
static bool armed;
static bool closed;

/*
 * Arming patches the kernel's text once for each hook.  A host that starts VMs one after
 * the other pays for that only once.
 */
#define DISARM_DELAY	(5 * HZ)

/*
 * How long the result of the last attempt is remembered.  In each attempt ftrace walks
 * all functions that it can trace, and any user with access to /dev/kvm can cause any
 * number of attempts.
 */
#define TRY_VALID	(5 * HZ)

static unsigned long tried;
static int try_err;
static bool has_tried;

/* Some hooks could not be removed, or only some could be armed. */
static bool some_left;

static void disarm_if_unused(struct work_struct *work);
static DECLARE_DELAYED_WORK(disarm_work, disarm_if_unused);

static int disarm(void)
{
	int err = 0;

	lockdep_assert_held(&ondemand_lock);
	if (armed || some_left)
		err = hook_disarm_on_demand();
	armed = false;
	some_left = err;
	return err;
}

/* Hooks that could not be removed are tried again later. */
static void disarm_if_unused(struct work_struct *work)
{
	mutex_lock(&ondemand_lock);
	if (!closed && !atomic_read(&users) && disarm())
		mod_delayed_work(system_long_wq, &disarm_work, DISARM_DELAY);
	mutex_unlock(&ondemand_lock);
}

static void remember(int err)
{
	tried = jiffies;
	try_err = err;
	has_tried = true;
}

static bool remembers(void)
{
	return has_tried && time_before(jiffies, tried + TRY_VALID);
}

static int arm(void)
{
	int err;

	err = hook_arm_on_demand();
	armed = !err;
	some_left = err;
	if (err)
		mod_delayed_work(system_long_wq, &disarm_work, DISARM_DELAY);
	remember(err);
	return err;
}

static int check(void)
{
	/* A hook that is still set would look like that of another owner. */
	int err = some_left ? disarm() : 0;

	if (!err)
		err = hook_check_on_demand();
	remember(err);
	return err;
}

/* Returns 0 if the on-demand hooks are armed or @attempt has succeeded; else an error. */
static int armed_or(int (*attempt)(void), bool again)
{
	lockdep_assert_held(&ondemand_lock);
	if (closed)
		return -ENODEV;
	if (hook_text_watch())
		return -EBUSY;
	if (armed || !hook_any_on_demand())
		return 0;
	if (!again && remembers() && (try_err || attempt == check))
		return try_err;
	return attempt();
}

/**
 * ondemand_get - take a reference on the on-demand hooks, and arm them
 * @again: try again even if the last attempt failed some seconds ago
 *
 * Context: may sleep, and takes locks of ftrace or kprobes; not in a handler of
 * HOOK_WATCH.
 * Return: 0; -ENODEV if the module is being unloaded; -EBUSY if hook_text_watch() says
 * so; or the error of hook_arm_on_demand().  After an error no reference is held.
 */
int ondemand_get(bool again)
{
	int err;

	mutex_lock(&ondemand_lock);
	err = armed_or(arm, again);
	if (!err)
		atomic_inc(&users);
	mutex_unlock(&ondemand_lock);
	return err;
}

/**
 * ondemand_get_more - take one more reference
 *
 * Context: any; the caller holds a reference.
 */
void ondemand_get_more(void)
{
	atomic_inc(&users);
}

/**
 * ondemand_put - drop a reference
 *
 * The hooks are removed some seconds after the last reference has been dropped.
 *
 * Context: any.
 */
void ondemand_put(void)
{
	if (atomic_dec_and_test(&users) && hook_any_on_demand())
		mod_delayed_work(system_long_wq, &disarm_work, DISARM_DELAY);
}

/**
 * ondemand_possible - would ondemand_get() succeed now?
 *
 * This does not arm the hooks: a VMM that only asks costs other VMs nothing.  The
 * answer is at most some seconds old.
 *
 * Context: as ondemand_get().
 * Return: false if it would fail, with the reason in the log, or if the module is
 * being unloaded.
 */
bool ondemand_possible(void)
{
	int err;

	mutex_lock(&ondemand_lock);
	err = armed_or(check, false);
	mutex_unlock(&ondemand_lock);
	return !err;
}

/**
 * ondemand_close - remove the on-demand hooks, and arm them never again
 *
 * The flag 'closed' keeps them removed.  ondemand_lock cannot do that: the caller then
 * waits for wrapped calls, and a wrapper may take it.
 *
 * Context: module exit; may sleep.
 */
void ondemand_close(void)
{
	mutex_lock(&ondemand_lock);
	closed = true;
	disarm();
	mutex_unlock(&ondemand_lock);
}

/**
 * ondemand_exit - cancel the delayed work, after all hooks have been removed
 *
 * Context: module exit; may sleep.
 */
void ondemand_exit(void)
{
	cancel_delayed_work_sync(&disarm_work);
}
