// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy decides whether a VMM may enable MTE, and whether VMs get MTE without a
 * request.  It depends on the process that creates the VM.  Processes with their own
 * policy: pids.c.  Cgroups with their own policy: cgroups.c.  How policy turns a VM on and
 * off: vm/yield.c.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/ratelimit.h>
#include <linux/string.h>

#include "compat.h"
#include "policy/cgroups.h"
#include "policy/migration.h"
#include "policy/pids.h"
#include "policy/writer.h"

static const char * const words[] = {
	[POLICY_REQUEST] = "request",
	[POLICY_ON] = "on",
	[POLICY_OFF] = "off",
};

static enum vm_policy policy_default = POLICY_REQUEST;

/* Returns an enum vm_policy, or -EINVAL. */
static int parse(const char *word)
{
	int policy = sysfs_match_string(words, word);

	if (policy < 0)
		pr_notice_ratelimited("policy: not one of request, on, off\n");
	return policy;
}

/**
 * policy_set_default - set the default policy
 * @word: request, on or off; a newline at the end is allowed
 *
 * Context: any.
 * Return: 0; -EINVAL for any other word, and nothing has changed.
 */
int policy_set_default(const char *word)
{
	int policy = parse(word);

	if (policy < 0)
		return policy;
	WRITE_ONCE(policy_default, policy);
	return 0;
}

/**
 * policy_word - the word for the default policy
 *
 * Context: any.
 * Return: request, on or off.
 */
const char *policy_word(void)
{
	return words[READ_ONCE(policy_default)];
}

/**
 * policy_of_current - the policy for a VM that the calling process creates
 *
 * Context: process context; may sleep.
 * Return: the policy of the process itself, or else of its nearest listed ancestor, or
 * else of its cgroup, or else of the nearest listed cgroup above that, or else the default.
 */
enum vm_policy policy_of_current(void)
{
	return policy_of_ancestors(policy_of_cgroups(READ_ONCE(policy_default)));
}

/**
 * policy_of_existing_vm - the policy for a VM that existed before the module
 *
 * Policy does not turn such a VM on, but a default of "off" counts for it.
 *
 * Context: any.
 * Return: the policy.
 */
enum vm_policy policy_of_existing_vm(void)
{
	return READ_ONCE(policy_default) == POLICY_OFF ? POLICY_OFF
							: POLICY_REQUEST;
}

static ssize_t default_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", policy_word());
}

static ssize_t default_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t len)
{
	struct writer who = writer_current();
	int policy = parse(buf);

	if (policy < 0)
		return policy;
	/* Another process may write at the same time: each logs its own word. */
	if (xchg(&policy_default, policy) != policy)
		writer_log(&who, "policy/default: %s", words[policy]);
	return len;
}

static struct kobj_attribute default_attr = __ATTR_RW(default);

static struct attribute *policy_attrs[] = {
	&default_attr.attr, &migration_attr.attr, NULL
};

static COMPAT_BIN_ATTRIBUTES lists[] = {
	&on_pids_attr, &off_pids_attr, &request_pids_attr,
	&on_cgroups_attr, &off_cgroups_attr, &request_cgroups_attr, NULL
};

const struct attribute_group policy_group = {
	.attrs = policy_attrs,
	.bin_attrs = lists,
};

/**
 * policy_exit - remove all processes and cgroups from the lists
 *
 * Context: module exit or a failed init, when no process can use the lists any more;
 * may sleep.
 */
void policy_exit(void)
{
	policy_forget_pids();
	policy_forget_cgroups();
}
