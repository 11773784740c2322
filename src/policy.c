// SPDX-License-Identifier: GPL-2.0
/*
 * Policy: what becomes of VMs that are made from now on.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/ratelimit.h>
#include <linux/string.h>

#include "kvm_mte.h"

enum policy { POLICY_REQUEST, POLICY_ON, POLICY_OFF };

static const char * const words[] = {
	[POLICY_REQUEST] = "request",
	[POLICY_ON] = "on",
	[POLICY_OFF] = "off",
};

static enum policy policy_default = POLICY_REQUEST;

/**
 * policy_parse - set the default policy
 * @word: request, on or off; a newline at the end is allowed
 *
 * Context: any.
 * Return: 0, or -EINVAL for any other word: then nothing has changed.
 */
int policy_parse(const char *word)
{
	int i = sysfs_match_string(words, word);

	if (i < 0) {
		pr_notice_ratelimited("policy: not one of request, on, off\n");
		return -EINVAL;
	}
	WRITE_ONCE(policy_default, i);
	return 0;
}

/**
 * policy_word - the default policy
 *
 * Return: its word.
 */
const char *policy_word(void)
{
	return words[READ_ONCE(policy_default)];
}

/**
 * policy_apply - a VM has just been made: does policy turn it on?
 * @vm: the VM
 *
 * Context: the ioctl that made it; may sleep.
 */
void policy_apply(struct mte_vm *vm)
{
	/* Failing leaves it off and running, with the reason in the log. */
	if (READ_ONCE(policy_default) == POLICY_ON &&
	    READ_ONCE(vm->origin) == ORIGIN_NONE)
		vm_set(vm, true, ORIGIN_POLICY);
}

static ssize_t default_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", policy_word());
}

static ssize_t default_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t len)
{
	return policy_parse(buf) ?: len;
}

struct kobj_attribute policy_default_attr = __ATTR_RW(default);
