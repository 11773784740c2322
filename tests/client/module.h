/* SPDX-License-Identifier: GPL-2.0-only */
/* What the module shows in sysfs */
#ifndef MODULE_H
#define MODULE_H

#include "kvm.h"

#define MODULE_DIR	"/sys/kernel/kvm_mte"

bool module_injects(void);
bool module_repairs(const char *name);
void module_needed(void);
void module_vm_path(struct vm *vm, const char *file, char *path, size_t size);
int module_write(struct vm *vm, const char *file, const char *text, size_t len);
int module_enable(struct vm *vm, bool on);
const char *module_read(struct vm *vm, const char *file);
long module_number(struct vm *vm, const char *file);

#endif
