/* SPDX-License-Identifier: GPL-2.0-only */
/* Options, the cases, and VMs that are created as the options say */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "check.h"
#include "churn.h"
#include "counters.h"
#include "hostmte.h"
#include "kvm.h"
#include "mem.h"
#include "module.h"
#include "pages.h"
#include "regs.h"
#include "uapi.h"

enum enable { ENABLE_NONE, ENABLE_CAP, ENABLE_SYSFS, ENABLE_LATE };
enum policy { POLICY_REQUEST, POLICY_ON, POLICY_OFF };

struct options {
	enum enable enable;
	enum policy policy;	/* the host's policy for this process */
	bool on;		/* the guest is expected to have MTE */
	enum mem_kind mem;
	size_t size;
	size_t span;		/* tag only so much of it, half at each end; 0: all */
	unsigned int rounds;	/* 0: the case's own default */
	unsigned int threads;
	unsigned int vcpus;
	u64 seed;
	int cpu;
	const char *file;
	unsigned int churn;	/* bits of enum churn */
	const char *block;	/* of the host's memory, for --with=offline */
	const char *proof;	/* counters that must have moved, and how far */
};

extern struct options opt;

/* vmkit.c */
int vm_enable(struct vm *vm);
struct vm *vm_new(void);
void vm_memory(struct vm *vm, enum mem_kind kind, size_t size);
struct vm *vm_off(unsigned int vcpus);
struct vm *vm_ready(unsigned int vcpus);
void vm_init_all(struct vm *vm);
void vm_touch(struct vcpu *v);
void vm_tag_fill(struct vcpu *v, u64 seed);
u64 vm_tag_verify(struct vcpu *v, u64 seed);
u64 vm_tag_count(struct vcpu *v);
u64 vm_data_end(struct vm *vm);
size_t vm_data_used(struct vm *vm);
unsigned int rounds_or(unsigned int dflt);
int host_kernel(void);
void pin_to(int cpu);

#define KERNEL(a, b)	((a) * 1000 + (b))

/**
 * struct test_case - a case of the client
 * @name: its name on the command line
 * @run: runs it; its points go to stdout
 * @catches: the faults that it would catch, for "client list"
 */
struct test_case {
	const char *name;
	int (*run)(void);
	const char *catches;
};

/* CASE(name, "what it would catch") { body }: main.c finds it in the section "cases". */
#define CASE(fn, what)									\
	static int case_##fn(void);							\
	static const struct test_case test_##fn = { #fn, case_##fn, what };		\
	static const struct test_case *const entry_##fn					\
		__attribute__((used, section("cases"))) = &test_##fn;			\
	static int case_##fn(void)

#endif
