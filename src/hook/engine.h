/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside the hook engine: what hook.c and its two mechanisms share. */
#ifndef _KVM_MTE_HOOK_ENGINE_H
#define _KVM_MTE_HOOK_ENGINE_H

#include <linux/module.h>
#include <linux/ratelimit.h>

#include "hook/compat.h"
#include "hook/hook.h"

static inline bool hook_is_on_demand(const struct hook *hook)
{
	return hook->when >= HOOK_ON_DEMAND;
}

/*
 * For the on-demand hooks of the table that was given to hook_arm().  ondemand.c calls
 * these functions, one at a time.
 */
bool hook_any_on_demand(enum hook_when when);
int hook_arm_on_demand(enum hook_when when);
int hook_check_on_demand(void);
int hook_disarm_on_demand(enum hook_when when);

/*
 * The operations of a mechanism.  Rows without an address are skipped.
 *
 * check: can all rows that are not armed be armed?  Impossible optional rows lose
 *	their address.
 * arm: arm all rows that are not on-demand, or none
 * set, clear: arm or remove one row; hook_ftrace_clear() can fail
 * set_group, clear_group: arm or remove all HOOK_ON_DEMAND rows, or none
 * end_group, disarm: remove all HOOK_ON_DEMAND rows, and then all others
 */
#if COMPAT_HAS_FTRACE
int hook_ftrace_check(struct hook *hooks, unsigned int nr, bool off);
int hook_ftrace_arm(struct hook *hooks, unsigned int nr);
int hook_ftrace_set(struct hook *hook);
int hook_ftrace_clear(struct hook *hook);
int hook_ftrace_set_group(struct hook *hooks, unsigned int nr);
int hook_ftrace_clear_group(struct hook *hooks, unsigned int nr);
void hook_ftrace_end_group(struct hook *hooks, unsigned int nr);
void hook_ftrace_disarm(struct hook *hooks, unsigned int nr);
#else
static inline int hook_ftrace_check(struct hook *hooks, unsigned int nr, bool off)
{
	return 0;
}

static inline int hook_ftrace_arm(struct hook *hooks, unsigned int nr)
{
	return -EOPNOTSUPP;
}

static inline int hook_ftrace_set(struct hook *hook)
{
	return -EOPNOTSUPP;
}

static inline int hook_ftrace_clear(struct hook *hook)
{
	return -EOPNOTSUPP;
}

static inline int hook_ftrace_set_group(struct hook *hooks, unsigned int nr)
{
	return -EOPNOTSUPP;
}

static inline int hook_ftrace_clear_group(struct hook *hooks, unsigned int nr)
{
	return -EOPNOTSUPP;
}

static inline void hook_ftrace_end_group(struct hook *hooks, unsigned int nr)
{
}

static inline void hook_ftrace_disarm(struct hook *hooks, unsigned int nr)
{
}
#endif
bool hook_ftrace_is_dead(void);

int hook_kprobe_check(struct hook *hooks, unsigned int nr, bool all);
int hook_kprobe_arm(struct hook *hooks, unsigned int nr);
int hook_kprobe_set(struct hook *hook);
unsigned long hook_kprobe_clear(struct hook *hook);

void hook_wait_exit(void);
void hook_drain(void);

/* text.c: kernel text that is rewritten without ftrace and kprobes */
int hook_text_check(struct hook *hooks, unsigned int nr);
bool hook_text_rewritten(const struct hook *hook);
void hook_text_begin(struct hook *hooks, unsigned int nr, bool ftrace);
void hook_text_end(void);
int hook_text_watch(void);

/*
 * Limits the lines in the log about hooks, because a VMM can cause any number of attempts
 * to arm the hooks.  The burst is large enough for one line for each row of the table.
 */
extern struct ratelimit_state hook_ratelimit;

/* Logs that a hook is impossible.  The checks then set @addr to 0 if the hook may be missing. */
#define hook_cannot(hook, fmt, ...)					\
	do {								\
		if (!__ratelimit(&hook_ratelimit))			\
			break;						\
		if (hook_may_be_missing(hook))				\
			pr_warn("%s: " fmt "; going on without: %s\n",	\
				(hook)->name, ##__VA_ARGS__, (hook)->purpose); \
		else							\
			pr_err("%s: " fmt "; needed for %s\n",		\
			       (hook)->name, ##__VA_ARGS__, (hook)->purpose); \
	} while (0)

/*
 * Logs an error that does not depend on the function, such as -ENOMEM.  An optional
 * hook is not left out because of it.
 */
static inline void hook_refused(const struct hook *hook, const char *who, int err)
{
	if (__ratelimit(&hook_ratelimit))
		pr_err("%s: %s refuses (%d); needed for %s\n", hook->name, who,
		       err, hook->purpose);
}

/*
 * Is this a wrapper's call of the original?  @sp is the stack pointer at the
 * function's entry.  The words above it can be read: they are the caller's frame, or
 * the registers at the base of every stack.  The mark is cleared, because it is valid
 * for this call only.
 */
static __always_inline bool
hook_called_by_wrapper(const struct hook_handler *handler, unsigned long sp)
{
	unsigned long *mark = (unsigned long *)(sp + HOOK_FRAME_MARK);
	unsigned long original = (unsigned long)READ_ONCE(*handler->original);

	if (READ_ONCE_NOCHECK(*mark) != (hook_secret ^ sp ^ original))
		return false;
	WRITE_ONCE(*mark, 0);
	return true;
}

/*
 * Runs in the tracer's callback.  Returns the address to divert the call to, or 0 if
 * the function itself is to run.  The count is raised here, where unregistering still
 * waits for the callback.  hook_leave() drops it.
 */
static __always_inline unsigned long
hook_dispatch(const struct hook *hook, const u64 *args, unsigned long sp)
{
	const struct hook_handler *handler = hook->handler;

	if (handler->kind == HOOK_WATCH) {
		handler->watch(args);
		return 0;
	}
	/* This comes before wants(), so that a wrapper's call always loses its mark. */
	if (hook->sees_original && hook_called_by_wrapper(handler, sp))
		return 0;
	if (handler->wants && !handler->wants(args))
		return 0;
	/*
	 * hook_unpin() drops this reference.  The call always reaches the wrapper,
	 * because no other handler sees it any more.  try_module_get() does not sleep.
	 * It fails while the module is being unloaded.
	 */
	if (handler->waits && !try_module_get(THIS_MODULE))
		return 0;
	this_cpu_inc(hook_in_flight);
	return (unsigned long)handler->wrapper;
}

#endif /* _KVM_MTE_HOOK_ENGINE_H */
