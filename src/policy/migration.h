/* SPDX-License-Identifier: GPL-2.0-only */
/* May a VMM that does not know of tags migrate a VM with MTE? */
#ifndef _KVM_MTE_MIGRATION_H
#define _KVM_MTE_MIGRATION_H

struct kobj_attribute;

/**
 * enum migration_policy - what the module does about a migration without the tags
 * @MIGRATION_WARN: it is logged and counted
 * @MIGRATION_REFUSE: the VMM gets an error when it starts to log the guest's memory
 */
enum migration_policy { MIGRATION_WARN, MIGRATION_REFUSE };

/* policy/migration in sysfs */
extern struct kobj_attribute migration_attr;

int migration_parse(const char *word);
const char *migration_word(enum migration_policy migration);
int migration_set_default(const char *word);
enum migration_policy migration_default(void);

#endif /* _KVM_MTE_MIGRATION_H */
