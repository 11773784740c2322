/* SPDX-License-Identifier: GPL-2.0-only */
/* The admin's interface: /sys/kernel/kvm_mte. */
#ifndef _KVM_MTE_ADMIN_H
#define _KVM_MTE_ADMIN_H

#include <linux/sysfs.h>

int admin_init(void);
void admin_exit(void);

/* vm_files.c: the files of a VM's directory */
extern const struct sysfs_ops vm_files_ops;
extern const struct attribute_group *vm_files[];

#endif /* _KVM_MTE_ADMIN_H */
