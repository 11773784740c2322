// SPDX-License-Identifier: GPL-2.0
/* Arms the lazy hooks of the table (hooks.c) while somebody holds them. */
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "vm/vm.h"

/* Who needs the lazy hooks; whether they are set, under hooks_lock. */
static atomic_t holders = ATOMIC_INIT(0);
static bool lazy_armed;
static bool closed;
static DEFINE_MUTEX(hooks_lock);

/*
 * Arming patches the kernel's text once for each of them.  A host that starts its
 * VMs one after the other shall not pay for that each time.
 */
#define DISARM_DELAY	(5 * HZ)

/*
 * For so long what came of the last try is taken to be so, of VMMs: each try has
 * ftrace go through all the functions that it can trace, and any user who may open
 * /dev/kvm can have as many as he likes.
 */
#define TRY_VALID	(5 * HZ)

static unsigned long tried;
static int try_err;
static bool has_tried;

/* Some may have stayed set when the rest was removed, or could not be set. */
static bool some_left;

static void disarm_unless_held(struct work_struct *work);
static DECLARE_DELAYED_WORK(disarm_work, disarm_unless_held);

static int disarm(void)
{
	unsigned int nr;
	struct hook *lazy = hooks_lazy(&nr);
	int err = 0;

	lockdep_assert_held(&hooks_lock);
	if (lazy_armed || some_left)
		err = hook_disarm_lazy(lazy, nr);
	lazy_armed = false;
	some_left = err;
	return err;
}

/* A failure leaves some armed: the next try removes them. */
static void disarm_unless_held(struct work_struct *work)
{
	mutex_lock(&hooks_lock);
	if (!closed && !atomic_read(&holders) && disarm())
		mod_delayed_work(system_long_wq, &disarm_work, DISARM_DELAY);
	mutex_unlock(&hooks_lock);
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
	unsigned int nr;
	struct hook *lazy = hooks_lazy(&nr);
	int err;

	if (lazy_armed || !nr)
		return 0;
	err = hook_arm_lazy(lazy, nr);
	lazy_armed = !err;
	some_left = err;
	if (err)
		mod_delayed_work(system_long_wq, &disarm_work, DISARM_DELAY);
	remember(err);
	return err;
}

static int check(void)
{
	unsigned int nr;
	struct hook *lazy = hooks_lazy(&nr);
	int err;

	if (lazy_armed || !nr)
		return 0;
	/* Those that are left would be in their own way. */
	err = some_left ? disarm() : 0;
	if (!err)
		err = hook_check_lazy(lazy, nr);
	remember(err);
	return err;
}

/**
 * hooks_hold - have the lazy hooks armed
 * @again: try even if it has failed some seconds ago
 *
 * Context: may sleep, and takes locks of ftrace or kprobes; not in a handler that
 * watches.
 * Return: 0; -ENODEV if the module is on its way out, or the error of
 * hook_arm_lazy(): nothing is held then.
 */
int hooks_hold(bool again)
{
	int err;

	mutex_lock(&hooks_lock);
	if (closed)
		err = -ENODEV;
	else if (hook_text_watch())
		err = -EBUSY;
	else if (!again && remembers() && try_err)
		err = try_err;
	else
		err = arm();
	if (!err)
		atomic_inc(&holders);
	mutex_unlock(&hooks_lock);
	return err;
}

/**
 * hooks_hold_more - hold them once more
 *
 * Context: any; somebody else, who holds them, must stay meanwhile.
 */
void hooks_hold_more(void)
{
	atomic_inc(&holders);
}

/**
 * hooks_release - the reverse; the last one has them disarmed some seconds later
 *
 * Context: any.
 */
void hooks_release(void)
{
	unsigned int nr;

	hooks_lazy(&nr);
	if (atomic_dec_and_test(&holders) && nr)
		mod_delayed_work(system_long_wq, &disarm_work, DISARM_DELAY);
}

/**
 * hooks_try - could hooks_hold() have them armed just now?
 *
 * They are not armed for that: who only asks must not cost other VMs anything.  The
 * answer is some seconds old at most.
 *
 * Context: as hooks_hold().
 * Return: false if not, with the reason in the log, or if the module is on its way
 * out.
 */
bool hooks_try(void)
{
	int err;

	mutex_lock(&hooks_lock);
	if (closed)
		err = -ENODEV;
	else if (hook_text_watch())
		err = -EBUSY;
	else if (!lazy_armed && remembers())
		err = try_err;
	else
		err = check();
	mutex_unlock(&hooks_lock);
	return !err;
}

/**
 * lazy_close - disarm the lazy hooks for good
 *
 * The lock is not held for longer: a wrapper that unloading waits for may want it.
 *
 * Context: module exit; may sleep.
 */
void lazy_close(void)
{
	mutex_lock(&hooks_lock);
	closed = true;
	disarm();
	mutex_unlock(&hooks_lock);
}

/**
 * lazy_exit - the last of it, when no hook is left
 *
 * Context: module exit; may sleep.
 */
void lazy_exit(void)
{
	cancel_delayed_work_sync(&disarm_work);
}
