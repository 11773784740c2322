/* SPDX-License-Identifier: GPL-2.0-only */
/* Handlers that see a call and do not replace it.  Include hook.h instead. */
#ifndef _KVM_MTE_WATCH_H
#define _KVM_MTE_WATCH_H

#define HOOK_HANDLER_WATCH(fn)						\
	extern const struct hook_handler hook_##fn;			\
	const struct hook_handler hook_##fn = {				\
		.kind = HOOK_WATCH,					\
		.watch = fn##_entry,					\
	}

/*
 * HOOK_WATCHn(fn, type, type1, arg1, ...) { body }: fn has n arguments and returns type; the
 * body returns nothing.
 */
#define HOOK_WATCH1(fn, type, t1, a1)					\
	HOOK_SAME_TYPE(fn, typeof(type(t1)));				\
	static __always_inline void fn##_watched(t1 a1);		\
	static notrace void fn##_entry(const u64 *x)			\
	{								\
		fn##_watched((t1)x[0]);					\
	}								\
	HOOK_HANDLER_WATCH(fn);						\
	static __always_inline void fn##_watched(t1 a1)

#define HOOK_WATCH2(fn, type, t1, a1, t2, a2)				\
	HOOK_SAME_TYPE(fn, typeof(type(t1, t2)));			\
	static __always_inline void fn##_watched(t1 a1, t2 a2);		\
	static notrace void fn##_entry(const u64 *x)			\
	{								\
		fn##_watched((t1)x[0], (t2)x[1]);			\
	}								\
	HOOK_HANDLER_WATCH(fn);						\
	static __always_inline void fn##_watched(t1 a1, t2 a2)

#define HOOK_WATCH3(fn, type, t1, a1, t2, a2, t3, a3)			\
	HOOK_SAME_TYPE(fn, typeof(type(t1, t2, t3)));			\
	static __always_inline void fn##_watched(t1 a1, t2 a2, t3 a3);	\
	static notrace void fn##_entry(const u64 *x)			\
	{								\
		fn##_watched((t1)x[0], (t2)x[1], (t3)x[2]);		\
	}								\
	HOOK_HANDLER_WATCH(fn);						\
	static __always_inline void fn##_watched(t1 a1, t2 a2, t3 a3)

#endif /* _KVM_MTE_WATCH_H */
