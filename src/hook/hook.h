/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks on functions of the running kernel.
 *
 * The engine (this directory) knows nothing of KVM.  One of the macros below defines
 * a handler, next to the code that it serves.  The handler takes effect through its
 * row in the table in src/hook_table.c.
 */
#ifndef _KVM_MTE_HOOK_H
#define _KVM_MTE_HOOK_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/types.h>

/**
 * enum hook_kind - what a hook does to the hooked function
 * @HOOK_WATCH: a handler sees the arguments at entry; the function then runs.
 *	The handler runs inside the tracer's callback.  With kprobes, interrupts
 *	are off.  With ftrace, preemption is off on kernels that call the handler
 *	through their list of ops.  Kernels that call it directly from the function
 *	(DYNAMIC_FTRACE_WITH_CALL_OPS) leave preemption as the function's caller has
 *	it.  So a handler that needs preemption off turns it off itself.  It must not
 *	sleep, and must not call a hooked function.
 * @HOOK_WRAP: a replacement with the same prototype runs in the function's
 *	place.  It may call the original.  It runs in the context of the function's
 *	caller.
 */
enum hook_kind { HOOK_WATCH, HOOK_WRAP };

/**
 * enum hook_when - when a hook is armed
 * @HOOK_ALWAYS: from hook_arm() to hook_disarm(); hook_arm() fails if the hook is
 *	impossible
 * @HOOK_OPTIONAL: the same, but hook_arm() goes on if the hook is impossible
 * @HOOK_ON_DEMAND: from the first ondemand_get() to some seconds after the last
 *	ondemand_put(); hook_arm() fails if the hook is impossible
 * @HOOK_ON_HOLD: the same, but with references of its own, for hooks that are seldom
 *	needed.  A table with such hooks has no HOOK_ON_DEMAND hooks.
 * @HOOK_ON_SLOT: as HOOK_ON_HOLD, again with references of its own.  If ftrace cannot trace
 *	the function, a kprobe catches its calls.  hook_arm() goes on if that is impossible
 *	too.
 */
enum hook_when { HOOK_ALWAYS, HOOK_OPTIONAL, HOOK_ON_DEMAND, HOOK_ON_HOLD, HOOK_ON_SLOT };

/**
 * enum hook_mechanism - how the engine catches calls of the functions
 * @HOOK_BY_FTRACE: ftrace_ops that own the functions (IPMODIFY)
 * @HOOK_BY_KPROBE: one kprobe for each function
 */
enum hook_mechanism { HOOK_BY_FTRACE, HOOK_BY_KPROBE };

/**
 * struct hook_handler - the constant half of a hook, from HOOK_WATCHn/HOOK_WRAP
 * @kind: watch or wrap
 * @watch: HOOK_WATCH: called with the argument registers x0..x7
 * @wants: HOOK_WRAP_IF: called with the same registers; decides whether to wrap this call
 * @waits: HOOK_WRAP_WAITS: each wrapped call pins the module
 * @wrapper: HOOK_WRAP: entry point that replaces the function
 * @original: HOOK_WRAP: the address at which to call the function, set by the engine
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
 * @handler: what to do at a call
 * @when: when it is armed
 * @groups: bits with a meaning for the table's owner: see hook_group_works()
 * @addr: the function's address; 0 until resolved, or if the hook is impossible
 * @site: the address that ftrace reports for the function; 0 if not used
 * @untraceable: ftrace cannot trace the function, so HOOK_BY_FTRACE uses a kprobe for it
 * @sees_original: the hook also catches the wrapper's call of the original
 * @armed: the hook catches calls now
 * @rewritten: a jump was seen in the function's text: see text.c
 * @pins: holds a reference on the module, because the text is rewritten
 * @kp: used by HOOK_BY_KPROBE, and if @untraceable
 */
struct hook {
	const char *name;
	const char *purpose;
	const struct hook_handler *handler;
	enum hook_when when;
	unsigned long groups;
	unsigned long addr;
	unsigned long site;
	bool untraceable;
	bool sees_original;
	bool armed;
	bool rewritten;
	bool pins;
	struct kprobe kp;
};

/* May hook_arm() go on without this hook if it is impossible?  The hook then has no @addr. */
static inline bool hook_may_be_missing(const struct hook *hook)
{
	return hook->when == HOOK_OPTIONAL || hook->when == HOOK_ON_SLOT;
}

int hook_arm(struct hook *hooks, unsigned int nr, enum hook_mechanism how);
unsigned long hook_disarm(struct hook *hooks, unsigned int nr);
int hook_parse_mechanism(const char *word, enum hook_mechanism *how);
const char *hook_mechanism_name(enum hook_mechanism how);
bool hook_group_exists(unsigned long group);
bool hook_group_works(unsigned long group);
unsigned int hook_armed(void);
unsigned long hook_missed(void);
int hook_selftest(enum hook_mechanism how);

/* Calls in flight: the engine raises the count when it diverts a call to a wrapper. */
DECLARE_PER_CPU(long, hook_in_flight);

/*
 * A wrapper calls this last.  Only the return to its caller follows; hook_disarm()
 * waits for that too.
 */
static inline void hook_leave(void)
{
	this_cpu_dec(hook_in_flight);
}

struct hook_wait;

struct hook_wait *hook_wait_begin(const char *function);
void hook_wait_end(struct hook_wait *wait);
void hook_unpin(void);

/*
 * If a kernel header declares the function, its prototype must be the one that the
 * handler was written for.  With another prototype the module does not compile.
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
 * How the engine recognises a wrapper's call of the original.  It cannot use the return
 * address: a kretprobe on the function replaces that before the engine's probe sees the
 * call.  Instead the call has a frame on the stack, which no other code writes to:
 *
 *	SP + 0	frame record: x29, x30
 *	SP + 16	hook_secret ^ SP ^ the original's address, until the engine has
 *		seen the call
 *
 * SP: the stack pointer at the function's entry.  So the mark is valid for one call, from one
 * place of one stack.  Interrupts in between, and calls from inside the original, have
 * a lower SP.  If the original ends with a tail call, the called function has the same SP
 * but another address, so the mark does not match.
 *
 * If the original is called after its trace site (hook.c:enter_original()), the engine
 * does not see the call, and the mark stays.  fn_call clears it when the original has
 * returned.
 *
 * Arguments are in registers only: a function with more than eight arguments cannot be
 * wrapped.
 */
#define HOOK_FRAME_SIZE	32
#define HOOK_FRAME_MARK	16

extern unsigned long hook_secret;

/*
 * fn_call: calls the address in fn_original, with such a frame.  x9, x10 and x16
 * hold no arguments and need not be preserved.  HINT #34 is BTI C: C code may call
 * fn_call by a pointer.
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
 * original(fn)(args) calls the function that a wrapper replaces.  To use it above the
 * wrapper, write HOOK_ORIGINAL(fn) first.
 */
#define HOOK_ORIGINAL(fn)						\
	static void *fn##_original __used __read_mostly;		\
	extern typeof(fn) fn##_call
#define original(fn) fn##_call

/*
 * HOOK_WRAP(fn, type, (type1 arg1, ...), (arg1, ...)) { body }
 * The body may call the original: the engine does not divert a call by original(fn).
 */
#define HOOK_WRAP(fn, type, proto, args)				\
	HOOK_WRAP_IF(fn, NULL, type, proto, args)

/*
 * The same for calls for which wants_fn(arguments) returns true; other calls go
 * directly to the original.  wants_fn() runs in the context of a watch's handler, and
 * under the same rules.
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
 * HOOK_WRAP_IF() with the return address of the call in "caller".  fn_entry() is notrace,
 * because a tracer replaces its return address.
 */
#define HOOK_UNPAREN(...) __VA_ARGS__
#define HOOK_WRAP_FROM(fn, wants_fn, type, proto, args)			\
	HOOK_SAME_TYPE(fn, typeof(type proto));				\
	HOOK_ORIGINAL(fn);						\
	static noinline type						\
	fn##_wrapped(unsigned long caller, HOOK_UNPAREN proto);		\
	static notrace type fn##_entry proto				\
	{								\
		type fn##_ret = fn##_wrapped(_RET_IP_, HOOK_UNPAREN args); \
									\
		hook_leave();						\
		return fn##_ret;					\
	}								\
	HOOK_HANDLER_WRAP(fn, wants_fn, false);				\
	static noinline type						\
	fn##_wrapped(unsigned long caller, HOOK_UNPAREN proto)

/*
 * HOOK_WRAP_IF() for calls that can wait for user space.  Such a call touches user memory,
 * which a userfaultfd or a FUSE server may never provide, or takes a lock that KVM
 * holds while it touches user memory.  A wrapped call pins the module.  So rmmod is
 * refused at once (EAGAIN) and does not wait for ever.  If the call takes a long time, the
 * log names it.  While the module is being unloaded, calls are not wrapped.  No VM is on at
 * that time, because a VM that is on pins the module too.
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
		hook_unpin();						\
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

#include "hook/watch.h"

#endif /* _KVM_MTE_HOOK_H */
