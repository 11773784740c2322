/* SPDX-License-Identifier: GPL-2.0 */
/* Options, the cases, and VMs made as the options say */
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
	enum policy policy;	/* that the host is expected to have for us */
	bool on;		/* the guest is expected to have MTE */
	enum mem_kind mem;
	size_t size;
	size_t span;		/* tags go into so much of it only, half at each end; 0: all */
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

int case_idreg(void);
int case_mteregs(void);
int case_regdump(void);
int case_reset(void);
int case_tagfill(void);
int case_tagread(void);
int case_visible(void);
int case_stale(void);
int case_late(void);
int case_tagcheck(void);
int case_dcgsw(void);
int case_tco(void);
int case_switch(void);
int case_slots(void);
int case_slip(void);
int case_life(void);
int case_undo(void);
int case_firstrun(void);
int case_vgicbusy(void);
int case_newvcpu(void);
int case_hammer(void);
int case_run(void);
int case_badio(void);
int case_aarch32(void);
int case_nested(void);
int case_offered(void);
int case_hold(void);
int case_stuck(void);
int case_share(void);
int case_hostmte(void);
int case_huge(void);
int case_swap(void);
int case_cap(void);
int case_caprace(void);
int case_copytags(void);
int case_copyslots(void);
int case_save(void);
int case_restore(void);
int case_fuzz(void);
int case_starts(void);
int case_dirtylog(void);
int case_ask(void);
int case_linger(void);
int case_uevents(void);
int case_press(void);
int case_writeback(void);
int case_hammerfd(void);
int case_give(void);
int case_cow(void);
int case_uffd(void);
int case_reuse(void);
int case_remap(void);
int case_copyhang(void);
int case_unread(void);
int case_ksm(void);
int case_bench(void);
int case_benchload(void);

#endif
