/* SPDX-License-Identifier: GPL-2.0 */
/* Inside the hook engine: what hook.c and its two mechanisms share. */
#ifndef _KVM_MTE_HOOK_ENGINE_H
#define _KVM_MTE_HOOK_ENGINE_H

#include <linux/module.h>

#include "compat.h"
#include "hook.h"

int hook_ftrace_check_owners(struct hook *hooks, unsigned int nr);
int hook_ftrace_arm(struct hook *hooks, unsigned int nr);
void hook_ftrace_disarm(struct hook *hooks, unsigned int nr);

int hook_kprobe_arm(struct hook *hooks, unsigned int nr);
unsigned long hook_kprobe_disarm(struct hook *hooks, unsigned int nr);

/* A call that comes from this module is a wrapper's call of the original. */
static __always_inline bool hook_called_by_wrapper(unsigned long lr)
{
	return within_module(lr, THIS_MODULE);
}

/*
 * Runs in the tracer's callback.  Returns where the call goes, or 0: to the
 * function itself.  The count is raised here, where unregistering still waits
 * for us, and dropped by hook_leave().
 */
static __always_inline unsigned long
hook_dispatch(const struct hook *hook, const u64 *args, unsigned long lr)
{
	const struct hook_handler *handler = hook->handler;

	if (handler->kind == HOOK_WATCH) {
		handler->watch(args);
		return 0;
	}
	if (hook_called_by_wrapper(lr))
		return 0;
	this_cpu_inc(hook_in_flight);
	return (unsigned long)handler->wrapper;
}

#endif /* _KVM_MTE_HOOK_ENGINE_H */
