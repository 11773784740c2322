/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-mte check: what the parts of the check share.
 */
#ifndef KVM_MTE_CHECK_H
#define KVM_MTE_CHECK_H

#include "kvm-mte.h"

/**
 * enum verdict - what was found out about a requirement
 * @CHECK_OK: it is met
 * @CHECK_NO: it is not met
 * @CHECK_INSTALL: it is not met, but the module has only to be installed
 * @CHECK_UNKNOWN: it cannot be known from user space
 * @CHECK_ROOT: it is not known, and root can know it
 */
enum verdict { CHECK_OK, CHECK_NO, CHECK_INSTALL, CHECK_UNKNOWN, CHECK_ROOT };

/* check.c */
void checked(enum verdict verdict, const char *what, const char *todo, const char *fmt, ...)
	__printf(4, 5);
enum verdict check_hidden(void);

/* check_host.c: the CPU, its firmware, the kernel and KVM */
bool check_cpu(void);
void check_configuration(void);
void check_kvm(void);

/* check_module.c: can the module be loaded? */
void check_module(void);

/* check_hooks.c: what could keep the module's hooks away */
void check_hooks(const char *info);

/* check_vmm.c: programs that run VMs */
void check_vmms(void);
void check_vmm_of(const struct vm *vm);

/* check_vm.c, check_memory.c: a VM */
int check_vm(const char *which);
void check_memory(const struct vm *vm, const char *refused);

#endif /* KVM_MTE_CHECK_H */
