/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks on functions of the running kernel.
 *
 * The engine (this directory) knows nothing of KVM.  A handler is defined with one
 * of the macros below beside the code it serves, and takes effect through its row in
 * the table in src/hook_table.c.
 */
#ifndef _KVM_MTE_HOOK_H
#define _KVM_MTE_HOOK_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/types.h>

/**
 * enum hook_kind - what a hook does to the function it is set on
 * @HOOK_WATCH: a handler sees the arguments at entry; the function then runs.
 *	The handler runs inside the tracer's callback.  With kprobes interrupts
 *	are off.  With ftrace preemption is off on kernels that call it through
 *	their list of ops; kernels that call it straight from the function
 *	(DYNAMIC_FTRACE_WITH_CALL_OPS) leave it as the function's caller has it.
 *	So a handler that needs preemption off turns it off itself.  It must not
 *	sleep and must not call a function that is hooked itself.
 * @HOOK_WRAP: a replacement with the same prototype runs in the function's
 *	place and calls the original, or does not.  It runs in the context of
 *	the function's caller.
 */
enum hook_kind { HOOK_WATCH, HOOK_WRAP };

/**
 * enum hook_when - when a hook is armed
 * @HOOK_ALWAYS: from hook_arm() to hook_disarm(), or hook_arm() fails
 * @HOOK_OPTIONAL: the same, but hook_arm() goes on without a hook that is impossible
 * @HOOK_ON_DEMAND: between ondemand_get() and ondemand_put(); hook_arm() fails if it
 *	is impossible
 */
enum hook_when { HOOK_ALWAYS, HOOK_OPTIONAL, HOOK_ON_DEMAND };

/**
 * enum hook_mechanism - by what the functions are caught
 * @HOOK_BY_FTRACE: one ftrace_ops that owns all the functions (IPMODIFY)
 * @HOOK_BY_KPROBE: one kprobe a function
 */
enum hook_mechanism { HOOK_BY_FTRACE, HOOK_BY_KPROBE };

/**
 * struct hook_handler - the constant half of a hook; made by HOOK_WATCHn/HOOK_WRAP
 * @kind: watch or wrap
 * @watch: HOOK_WATCH: called with the argument registers x0..x7
 * @wants: HOOK_WRAP_IF: called with the same, decides whether to wrap this call
 * @waits: HOOK_WRAP_WAITS: a call that is wrapped pins the module
 * @wrapper: HOOK_WRAP: entry point that replaces the function
 * @original: HOOK_WRAP: set by the engine to where the function is to be called
 */
struct hook_handler {
	enum hook_kind kind;
	void (*watch)(const u64 *args);
	bool (*wants)(const u64 *args);
	bool waits;
	void *wrapper;
	void **original;
};

/**
 * struct hook - one row of a table of hooks
 * @name: the kernel function's name, as in kallsyms
 * @purpose: what does not happen without the hook, for messages
 * @handler: what to do there
 * @when: when it is armed
 * @groups: bits with a meaning for the table's owner: see hook_group_works()
 * @addr: the function's address, 0 until resolved, or if the hook is impossible
 * @site: the address ftrace reports for it, 0 if not used
 * @armed: calls are caught now
 * @rewritten: a jump was seen in the function's text: see text.c
 * @pins: holds a reference on the module, because it is rewritten
 * @kp: used by HOOK_BY_KPROBE only
 */
struct hook {
	const char *name;
	const char *purpose;
	const struct hook_handler *handler;
	enum hook_when when;
	unsigned long groups;
	unsigned long addr;
	unsigned long site;
	bool armed;
	bool rewritten;
	bool pins;
	struct kprobe kp;
};

int hook_arm(struct hook *hooks, unsigned int nr, enum hook_mechanism how);
unsigned long hook_disarm(struct hook *hooks, unsigned int nr);
int hook_parse_mechanism(const char *word, enum hook_mechanism *how);
const char *hook_mechanism_name(enum hook_mechanism how);
bool hook_group_exists(unsigned long group);
bool hook_group_works(unsigned long group);
int hook_selftest(enum hook_mechanism how);

/* Calls in flight: raised by the engine when it diverts a call to a wrapper. */
DECLARE_PER_CPU(long, hook_in_flight);

/*
 * The last thing that a wrapper does.  Only the return to its caller follows;
 * hook_disarm() waits for that too.
 */
static inline void hook_leave(void)
{
	this_cpu_dec(hook_in_flight);
}

struct hook_wait;

struct hook_wait *hook_wait_begin(const char *function);
void hook_wait_end(struct hook_wait *wait);

/*
 * A target that a kernel header declares must have just the prototype that the
 * handler was written for: a kernel that changed it does not compile.
 */
#define HOOK_SAME_TYPE(fn, type)					\
	static_assert(__builtin_types_compatible_p(typeof(fn), type),	\
		      #fn "() has another prototype on this kernel")

#define HOOK_HANDLER_WRAP(fn, if_wants, may_wait)			\
	HOOK_CALL_ORIGINAL(fn);						\
	extern const struct hook_handler hook_##fn;			\
	const struct hook_handler hook_##fn = {				\
		.kind = HOOK_WRAP,					\
		.wants = if_wants,					\
		.waits = may_wait,					\
		.wrapper = fn##_entry,					\
		.original = &fn##_original,				\
	}

/*
 * How the engine recognises a wrapper's call of the original.  The return address will
 * not do: a kretprobe on the function replaces it before our own probe sees the call.
 * The call leaves a frame on the stack instead, which nothing else writes to:
 *
 *	SP + 0	frame record: x29, x30
 *	SP + 16	hook_secret ^ SP ^ the original's address, until the engine has
 *		seen the call
 *
 * with SP as it is at the function's entry.  So the mark is good for one call, from
 * one place of one stack: an interrupt that comes in between, and calls that the
 * original makes, have a lower SP, and what is left of the frame after the return
 * has no mark.  By ftrace the engine does not see the call, as the original is called
 * after its trace site, and the mark stays until the return: a function that the
 * original ends with a jump to has the same SP, but another address.  Arguments are
 * in registers only: a function with more than eight cannot be wrapped.
 */
#define HOOK_FRAME_SIZE	32
#define HOOK_FRAME_MARK	16

extern unsigned long hook_secret;

/*
 * fn_call: calls what fn_original points to, with such a frame.  x9, x10 and x16
 * hold no arguments and need not be kept.  HINT #34 is BTI C: C code may come here
 * by a pointer.
 */
#define HOOK_CALL_ORIGINAL(fn)						\
	asm(".pushsection .text, \"ax\"\n"				\
	    ".balign 4\n"						\
	    ".type " #fn "_call, %function\n"				\
	    #fn "_call:\n"						\
	    "	hint	#34\n"						\
	    "	stp	x29, x30, [sp, #-32]!\n"			\
	    "	mov	x29, sp\n"					\
	    "	adrp	x9, hook_secret\n"				\
	    "	ldr	x9, [x9, :lo12:hook_secret]\n"			\
	    "	mov	x10, sp\n"					\
	    "	eor	x9, x9, x10\n"					\
	    "	adrp	x16, " #fn "_original\n"			\
	    "	ldr	x16, [x16, :lo12:" #fn "_original]\n"		\
	    "	eor	x9, x9, x16\n"					\
	    "	str	x9, [sp, #16]\n"				\
	    "	blr	x16\n"						\
	    "	str	xzr, [sp, #16]\n"				\
	    "	ldp	x29, x30, [sp], #32\n"				\
	    "	ret\n"							\
	    ".size " #fn "_call, . - " #fn "_call\n"			\
	    ".popsection\n")

/*
 * The function that a wrapper replaces: original(fn)(args).  Functions that use
 * it above the wrapper say HOOK_ORIGINAL(fn) first.
 */
#define HOOK_ORIGINAL(fn)						\
	static void *fn##_original __used __read_mostly;		\
	extern typeof(fn) fn##_call
#define original(fn) fn##_call

/*
 * HOOK_WRAP(fn, type, (type1 arg1, ...), (arg1, ...)) { body }
 * The original stays reachable from the body: the engine does not divert a call by
 * original(fn).
 */
#define HOOK_WRAP(fn, type, proto, args)				\
	HOOK_WRAP_IF(fn, NULL, type, proto, args)

/*
 * The same for calls that wants_fn(arguments) says yes to; others go straight to
 * the original.  It runs where a watch's handler does, and under the same rules.
 */
#define HOOK_WRAP_IF(fn, wants_fn, type, proto, args)			\
	HOOK_SAME_TYPE(fn, typeof(type proto));				\
	HOOK_ORIGINAL(fn);						\
	static noinline type fn##_wrapped proto;			\
	static type fn##_entry proto					\
	{								\
		type fn##_ret = fn##_wrapped args;			\
									\
		hook_leave();						\
		return fn##_ret;					\
	}								\
	HOOK_HANDLER_WRAP(fn, wants_fn, false);				\
	static noinline type fn##_wrapped proto

/*
 * The same for a call that can wait for user space: that touches user memory, which
 * a userfaultfd or a FUSE server need never provide, or takes a lock that is held
 * where KVM does so.  A call that is wrapped pins the module, so that rmmod is
 * refused at once (EAGAIN) and does not wait for ever; the log names a call that
 * lasts.  While the module goes away calls are not wrapped.  No VM is on then: one
 * that is pins the module, too.
 */
#define HOOK_WRAP_WAITS(fn, wants_fn, type, proto, args)		\
	HOOK_SAME_TYPE(fn, typeof(type proto));				\
	HOOK_ORIGINAL(fn);						\
	static noinline type fn##_wrapped proto;			\
	static type fn##_entry proto					\
	{								\
		struct hook_wait *fn##_wait = hook_wait_begin(#fn);	\
		type fn##_ret = fn##_wrapped args;			\
									\
		hook_wait_end(fn##_wait);				\
		hook_leave();						\
		return fn##_ret;					\
	}								\
	HOOK_HANDLER_WRAP(fn, wants_fn, true);				\
	static noinline type fn##_wrapped proto

/* HOOK_WRAP() and HOOK_WRAP_IF() for a function that returns nothing. */
#define HOOK_WRAP_VOID(fn, proto, args)					\
	HOOK_WRAP_VOID_IF(fn, NULL, proto, args)

#define HOOK_WRAP_VOID_IF(fn, wants_fn, proto, args)			\
	HOOK_SAME_TYPE(fn, typeof(void proto));				\
	HOOK_ORIGINAL(fn);						\
	static noinline void fn##_wrapped proto;			\
	static void fn##_entry proto					\
	{								\
		fn##_wrapped args;					\
		hook_leave();						\
	}								\
	HOOK_HANDLER_WRAP(fn, wants_fn, false);				\
	static noinline void fn##_wrapped proto

#define HOOK_HANDLER_WATCH(fn)						\
	extern const struct hook_handler hook_##fn;			\
	const struct hook_handler hook_##fn = {				\
		.kind = HOOK_WATCH,					\
		.watch = fn##_entry,					\
	}

/* HOOK_WATCHn(fn, type, type1, arg1, ...) { body }: n arguments, result void */
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

#endif /* _KVM_MTE_HOOK_H */
