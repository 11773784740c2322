// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data that both mechanisms use when they divert a call, the wait for the diverted calls,
 * and the test whether ftrace has stopped permanently.
 *
 * Why it is safe to unload: a wrapper may sleep, and unregistering waits only for
 * callbacks.  So the callback counts each call before it diverts it to the wrapper.
 * hook_disarm() waits until all counted calls have left their wrappers.  A wrapper
 * still runs a few instructions after it has dropped the count.  So hook_disarm() then
 * calls synchronize_rcu_tasks(), which waits until no task is preempted in them.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/stop_machine.h>

#include "hook/engine.h"
#include "hook/symbol.h"

DEFINE_PER_CPU(long, hook_in_flight);

/* Marks a wrapper's call of the original: see HOOK_CALL_ORIGINAL(). */
unsigned long hook_secret __ro_after_init;

DEFINE_RATELIMIT_STATE(hook_ratelimit, 5 * HZ, 40);

/* How often the log says that unloading still waits. */
#define DRAIN_NOTICE	(10 * HZ)

static bool no_calls_in_flight(void)
{
	unsigned int cpu;
	long sum = 0;

	/*
	 * No callback raises the count any more.  A call may enter on one CPU and
	 * leave on another, so only the sum has a meaning.  It falls to 0 once and
	 * stays 0.
	 */
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(hook_in_flight, cpu));
	return sum == 0;
}

static int do_nothing(void *data)
{
	return 0;
}

/**
 * hook_drain - wait until all wrapped calls have left their wrappers
 *
 * No new call is diverted any more.  When the module is unloaded, nearly all remaining calls do
 * not wait for user space: a call that may do so pins the module (HOOK_WRAP_WAITS()).  The
 * exceptions are the creation and the destruction of a VM.  After a failed init every call may
 * wait for user space: a reference does not keep a module whose init fails.  In both cases
 * hook/wait.c names the process.
 *
 * Context: may sleep; no lock is held that a callback of CPU hotplug takes.
 */
void hook_drain(void)
{
	unsigned long tell = jiffies + DRAIN_NOTICE;

	/*
	 * ftrace_shutdown() of 5.10 before 5.10.154 does not wait for callbacks if another
	 * ops traces the same functions.  So a callback that has found the module's ops
	 * may still raise the count.  Callbacks run with preemption off.  When all CPUs
	 * have stopped, none of them is left.
	 */
	stop_machine(do_nothing, NULL, NULL);
	while (!no_calls_in_flight()) {
		usleep_range(500, 1000);
		if (time_before(jiffies, tell))
			continue;
		pr_notice_ratelimited("still waiting for calls of hooked functions to return\n");
		tell = jiffies + DRAIN_NOTICE;
	}
	/* After hook_leave() a wrapper has only its return left. */
	synchronize_rcu_tasks();
	hook_wait_exit();
}

static unsigned long is_dead_addr;

/**
 * hook_symbols - kernel functions that the engine itself calls
 * @symbols: array to fill, of HOOK_SYMBOLS_MAX
 *
 * Context: any.
 * Return: their number.
 */
unsigned int hook_symbols(struct symbol *symbols)
{
	if (!COMPAT_HAS_FTRACE)
		return 0;
	symbols[0] = (struct symbol){ "ftrace_is_dead", &is_dead_addr, true,
				      "refusal of rmmod after ftrace has stopped permanently" };
	return 1;
}

/**
 * hook_ftrace_is_dead - has ftrace stopped permanently?
 *
 * Context: any.
 * Return: true if it can neither set nor remove a hook any more.
 */
bool hook_ftrace_is_dead(void)
{
	int (*is_dead)(void) = (void *)is_dead_addr;

	return is_dead && is_dead();
}
