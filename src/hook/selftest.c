// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks two functions of the module before any function of KVM is hooked, to test that
 * hooking works on this kernel: a watch sees the arguments, a wrapper can call the
 * original and change its result, and neither runs after the hooks are removed.
 */
#include <linux/bsearch.h>
#include <linux/kernel.h>

#include "hook/hook.h"

/* bsearch() calls the functions, so the compiler does not know which function is called. */
static const int selftest_key = 0x1234, selftest_elt = 0x1234;
static int watched_calls;
static bool watched_args;

static noinline int selftest_watched(const void *key, const void *elt)
{
	/* The compiler must not know the arguments or the result. */
	barrier();
	return *(const int *)key - *(const int *)elt;
}

static noinline int selftest_wrapped(const void *key, const void *elt)
{
	barrier();
	return *(const int *)key - *(const int *)elt;
}

HOOK_WATCH2(selftest_watched, int, const void *, key, const void *, elt)
{
	watched_calls++;
	watched_args = key == &selftest_key && elt == &selftest_elt;
}

/* Returns the opposite of the original: found becomes not found. */
HOOK_WRAP(selftest_wrapped, int, (const void *key, const void *elt), (key, elt))
{
	return original(selftest_wrapped)(key, elt) ? 0 : 1;
}

static struct hook selftests[] = {
	{ "selftest_watched", "the selftest", &hook_selftest_watched, HOOK_ALWAYS },
	{ "selftest_wrapped", "the selftest", &hook_selftest_wrapped, HOOK_ALWAYS },
};

static bool finds(cmp_func_t cmp)
{
	return bsearch(&selftest_key, &selftest_elt, 1, sizeof(selftest_elt), cmp);
}

static bool hooked_works(void)
{
	bool found = finds(selftest_watched);

	return found && watched_calls == 1 && watched_args &&
	       !finds(selftest_wrapped);
}

static bool unhooked_works(void)
{
	bool found = finds(selftest_watched);

	return found && watched_calls == 1 && finds(selftest_wrapped);
}

/**
 * hook_selftest - prove that hooking works here
 * @how: the mechanism
 *
 * Context: module init; may sleep.
 * Return: 0; -EIO if a hook does not work; or the error of hook_arm().
 */
int hook_selftest(enum hook_mechanism how)
{
	bool works;
	int err;

	selftests[0].addr = (unsigned long)selftest_watched;
	selftests[1].addr = (unsigned long)selftest_wrapped;
	err = hook_arm(selftests, ARRAY_SIZE(selftests), how);
	if (err)
		return err;
	works = hooked_works();
	hook_disarm(selftests, ARRAY_SIZE(selftests));
	if (works && unhooked_works())
		return 0;
	pr_err("selftest: hooks by %s do not work on this kernel\n",
	       hook_mechanism_name(how));
	return -EIO;
}
