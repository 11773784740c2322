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

/*
 * Arming patches the kernel's text, with kprobes once for each hook.  A host that starts
 * VMs one after the other pays for that only once.
 */
#define DISARM_DELAY	(5 * HZ)

/*
 * How long the result of the last attempt is remembered.  In each attempt ftrace walks
 * all functions that it can trace, and any user with access to /dev/kvm can cause any
 * number of attempts.
 */
#define TRY_VALID	(5 * HZ)

static void disarm_if_unused(struct work_struct *work);

/**
 * struct demand - the on-demand hooks of one kind
 * @when: the kind
 * @users: references on the hooks
 * @armed: the hooks are armed
 * @some_left: some hooks could not be removed, or only some could be armed
 * @tried: time of the last attempt to arm them or to check them, in jiffies
 * @try_err: its result
 * @has_tried: there was an attempt
 * @disarm_work: removes the hooks
 */
struct demand {
	enum hook_when when;
	atomic_t users;
	bool armed;
	bool some_left;
	unsigned long tried;
	int try_err;
	bool has_tried;
	struct delayed_work disarm_work;
};

/* Guards 'closed', and all of struct demand but @users and @disarm_work. */
static DEFINE_MUTEX(ondemand_lock);
static bool closed;

#define DEMAND(kind)						\
	{							\
		.when = kind,					\
		.disarm_work = __DELAYED_WORK_INITIALIZER(	\
			demands[kind - HOOK_ON_DEMAND].disarm_work, \
			disarm_if_unused, 0),			\
	}
static struct demand demands[] = {
	DEMAND(HOOK_ON_DEMAND),
	DEMAND(HOOK_ON_HOLD),
	DEMAND(HOOK_ON_SLOT),
};

static struct demand *demand_of(enum hook_when when)
{
	return &demands[when - HOOK_ON_DEMAND];
}

static int disarm(struct demand *demand)
{
	int err = 0;

	lockdep_assert_held(&ondemand_lock);
	if (demand->armed || demand->some_left)
		err = hook_disarm_on_demand(demand->when);
	demand->armed = false;
	demand->some_left = err;
	return err;
}

/* Hooks that could not be removed are tried again later. */
static void disarm_if_unused(struct work_struct *work)
{
	struct demand *demand = container_of(to_delayed_work(work), struct demand,
					     disarm_work);

	mutex_lock(&ondemand_lock);
	if (!closed && !atomic_read(&demand->users) && disarm(demand))
		mod_delayed_work(system_long_wq, &demand->disarm_work, DISARM_DELAY);
	mutex_unlock(&ondemand_lock);
}

static void remember(struct demand *demand, int err)
{
	demand->tried = jiffies;
	demand->try_err = err;
	demand->has_tried = true;
}

static bool remembers(const struct demand *demand)
{
	return demand->has_tried && time_before(jiffies, demand->tried + TRY_VALID);
}

static int arm(struct demand *demand)
{
	int err;

	err = hook_arm_on_demand(demand->when);
	demand->armed = !err;
	demand->some_left = err;
	if (err)
		mod_delayed_work(system_long_wq, &demand->disarm_work, DISARM_DELAY);
	remember(demand, err);
	return err;
}

static int check(struct demand *demand)
{
	/* A hook that is still set would look like that of another owner. */
	int err = demand->some_left ? disarm(demand) : 0;

	if (!err)
		err = hook_check_on_demand();
	remember(demand, err);
	return err;
}

/*
 * Returns -ENODEV after ondemand_close(), and -EBUSY if hook_text_watch() says so.  Otherwise 0
 * if the on-demand hooks are armed, or if the table has none of this kind; else the result of
 * @attempt.  Without @again, a failure that is still remembered is returned instead of an
 * attempt; so is a success if the attempt would be check().
 */
static int armed_or(struct demand *demand, int (*attempt)(struct demand *demand),
		    bool again)
{
	lockdep_assert_held(&ondemand_lock);
	if (closed)
		return -ENODEV;
	if (hook_text_watch())
		return -EBUSY;
	if (demand->armed || !hook_any_on_demand(demand->when))
		return 0;
	if (!again && remembers(demand) && (demand->try_err || attempt == check))
		return demand->try_err;
	return attempt(demand);
}

/**
 * ondemand_get - take a reference on the on-demand hooks, and arm them
 * @when: HOOK_ON_DEMAND, HOOK_ON_HOLD or HOOK_ON_SLOT
 * @again: try again even if the last attempt failed less than TRY_VALID ago
 *
 * Context: may sleep, and takes locks of ftrace or kprobes; not in a handler of
 * HOOK_WATCH.
 * Return: 0; -ENODEV if the module is being unloaded; -EBUSY if hook_text_watch() says
 * so; or the error of hook_arm_on_demand().  After an error no reference is held.
 */
int ondemand_get(enum hook_when when, bool again)
{
	struct demand *demand = demand_of(when);
	int err;

	mutex_lock(&ondemand_lock);
	err = armed_or(demand, arm, again);
	if (!err)
		atomic_inc(&demand->users);
	mutex_unlock(&ondemand_lock);
	return err;
}

/**
 * ondemand_get_more - take one more reference
 * @when: HOOK_ON_DEMAND, HOOK_ON_HOLD or HOOK_ON_SLOT
 *
 * Context: any; the caller holds a reference.
 */
void ondemand_get_more(enum hook_when when)
{
	atomic_inc(&demand_of(when)->users);
}

/**
 * ondemand_put - drop a reference
 * @when: HOOK_ON_DEMAND, HOOK_ON_HOLD or HOOK_ON_SLOT
 *
 * The hooks are removed some seconds after the last reference has been dropped.
 *
 * Context: any.
 */
void ondemand_put(enum hook_when when)
{
	struct demand *demand = demand_of(when);

	if (atomic_dec_and_test(&demand->users) && hook_any_on_demand(when))
		mod_delayed_work(system_long_wq, &demand->disarm_work, DISARM_DELAY);
}

/**
 * ondemand_possible - would ondemand_get() of HOOK_ON_DEMAND succeed now?
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
	err = armed_or(demand_of(HOOK_ON_DEMAND), check, false);
	mutex_unlock(&ondemand_lock);
	return !err;
}

/**
 * ondemand_close - remove the on-demand hooks, and never arm them again
 *
 * The flag 'closed' keeps them removed.  ondemand_lock cannot do that: the caller then
 * waits for wrapped calls, and a wrapper may take it.
 *
 * Context: module exit or a failed init; may sleep.
 */
void ondemand_close(void)
{
	unsigned int i;

	mutex_lock(&ondemand_lock);
	closed = true;
	for (i = 0; i < ARRAY_SIZE(demands); i++)
		disarm(&demands[i]);
	mutex_unlock(&ondemand_lock);
}

/**
 * ondemand_exit - cancel the delayed work, after all hooks have been removed
 *
 * Context: module exit or a failed init; may sleep.
 */
void ondemand_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(demands); i++)
		cancel_delayed_work_sync(&demands[i].disarm_work);
}
