// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file policy/migration: what the module does when a VMM that does not know of tags
 * begins to migrate a VM with MTE.  A new VM gets the word in this file, and keeps it until
 * an admin writes to the VM's own file.  vm/migration.c does what the word says.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/ratelimit.h>
#include <linux/string.h>

#include "policy/migration.h"
#include "policy/writer.h"

static const char * const words[] = {
	[MIGRATION_WARN] = "warn",
	[MIGRATION_REFUSE] = "refuse",
};

static enum migration_policy for_new_vms = MIGRATION_WARN;

/**
 * migration_parse - find a word
 * @word: warn or refuse; a newline at the end is allowed
 *
 * Context: any.
 * Return: an enum migration_policy, or -EINVAL for any other word.
 */
int migration_parse(const char *word)
{
	return sysfs_match_string(words, word);
}

/**
 * migration_word - the opposite of migration_parse()
 * @migration: the policy
 *
 * Context: any.
 * Return: the word, as in sysfs.
 */
const char *migration_word(enum migration_policy migration)
{
	return words[migration];
}

static int parse(const char *word)
{
	int migration = migration_parse(word);

	if (migration < 0)
		pr_notice_ratelimited("migration: not one of warn, refuse\n");
	return migration;
}

/**
 * migration_set_default - set the word for new VMs
 * @word: as for migration_parse()
 *
 * Context: any.
 * Return: 0; -EINVAL for any other word, and nothing has changed.
 */
int migration_set_default(const char *word)
{
	int migration = parse(word);

	if (migration < 0)
		return migration;
	WRITE_ONCE(for_new_vms, migration);
	return 0;
}

/**
 * migration_default - the policy for new VMs
 *
 * Context: any.
 * Return: the policy.
 */
enum migration_policy migration_default(void)
{
	return READ_ONCE(for_new_vms);
}

static ssize_t migration_show(struct kobject *kobj, struct kobj_attribute *attr,
			      char *buf)
{
	return sysfs_emit(buf, "%s\n", migration_word(migration_default()));
}

static ssize_t migration_store(struct kobject *kobj, struct kobj_attribute *attr,
			       const char *buf, size_t len)
{
	struct writer who = writer_current();
	int migration = parse(buf);

	if (migration < 0)
		return migration;
	/* Another process may write at the same time: each logs its own word. */
	if (xchg(&for_new_vms, migration) != migration)
		writer_log(&who, "policy/migration: %s", migration_word(migration));
	return len;
}

struct kobj_attribute migration_attr = __ATTR_RW(migration);
