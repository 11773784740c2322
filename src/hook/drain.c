// SPDX-License-Identifier: GPL-2.0
/*
 * Wrapped calls, and waiting for them.
 *
 * Why it is safe to unload: a wrapper may sleep, and unregistering waits only
 * for callbacks.  Each diverted call is therefore counted, in the callback,
 * before it leaves for the wrapper, and hook_disarm() waits until as many have
 * left.  The few instructions between a wrapper's decrement and its return are
 * covered by a last wait for every task to have left the kernel code that it
 * was preempted in.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>

#include "hook/engine.h"

DEFINE_PER_CPU(long, hook_in_flight);

/* How often to say what unloading waits for. */
#define DRAIN_NOTICE	(10 * HZ)

static bool no_calls_in_flight(void)
{
	unsigned int cpu;
	long sum = 0;

	/*
	 * Nobody raises the count any more.  A call may have been counted on
	 * one CPU and left on another, so only the sum has a meaning; it falls
	 * to 0 once and stays there.
	 */
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(hook_in_flight, cpu));
	return sum == 0;
}

/**
 * hook_drain - wait until all wrapped calls have left their wrappers
 *
 * No new call is diverted any more.  None of those that are left waits for user space:
 * such calls pin the module.
 *
 * Context: may sleep.
 */
void hook_drain(void)
{
	unsigned long tell = jiffies + DRAIN_NOTICE;

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
