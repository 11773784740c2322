/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel functions that the module calls, or compares pointers with, but does not hook. */
#ifndef _KVM_MTE_CALLS_H
#define _KVM_MTE_CALLS_H

#include "kvm_private.h"

struct symbol;

/* The most symbols that calls_list() writes; calls.c checks it. */
#define CALLS_MAX	16

extern struct kernel_functions kfn;

unsigned int calls_list(struct symbol *symbols);

#endif /* _KVM_MTE_CALLS_H */
