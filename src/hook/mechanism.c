// SPDX-License-Identifier: GPL-2.0-only
/* The words for the two mechanisms, ftrace and kprobes. */
#include <linux/kernel.h>
#include <linux/string.h>

#include "hook/engine.h"

static const char * const mechanism_names[] = {
	[HOOK_BY_FTRACE] = "ftrace",
	[HOOK_BY_KPROBE] = "kprobe",
};

/**
 * hook_mechanism_name - the word for a mechanism
 * @how: the mechanism
 *
 * Context: any.
 * Return: "ftrace" or "kprobe".
 */
const char *hook_mechanism_name(enum hook_mechanism how)
{
	return mechanism_names[how];
}

/**
 * hook_parse_mechanism - parse the module parameter hook=
 * @word: auto, ftrace or kprobe
 * @how: set to the mechanism to use
 *
 * Context: module init.
 * Return: 0; -EINVAL for any other word; -EOPNOTSUPP if the word is ftrace and this
 * kernel's ftrace cannot divert calls.
 */
int hook_parse_mechanism(const char *word, enum hook_mechanism *how)
{
	if (sysfs_streq(word, "auto")) {
		*how = COMPAT_HAS_FTRACE ? HOOK_BY_FTRACE : HOOK_BY_KPROBE;
		return 0;
	}
	if (sysfs_streq(word, "kprobe")) {
		*how = HOOK_BY_KPROBE;
		return 0;
	}
	if (!sysfs_streq(word, "ftrace")) {
		pr_err("hook=%s: not one of auto, ftrace, kprobe\n", word);
		return -EINVAL;
	}
	if (!COMPAT_HAS_FTRACE) {
		pr_err("hook=ftrace: this kernel's ftrace cannot divert calls; use hook=kprobe\n");
		return -EOPNOTSUPP;
	}
	*how = HOOK_BY_FTRACE;
	return 0;
}
