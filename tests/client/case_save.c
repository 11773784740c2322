// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest with two vCPUs is saved by one process and goes on in another, as in a migration. The
 * first vCPU is in the middle of a command that reads its MTE registers again and again.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "save.h"

#define PAGE		HOST_PAGE
#define STEP		64
#define FOR_EVER	(~0UL)
#define TRIES		200

static struct vcpu *kicked;

static void on_kick(int sig)
{
	(void)sig;
	kicked->run->immediate_exit = 1;
}

/* Runs until it is kicked, so that the registers are those in the middle of a command. */
static void *run_until_kick(void *arg)
{
	struct vcpu *v = arg;
	int r = kvm_ioctl(v->fd, KVM_RUN, NULL);

	v->run->immediate_exit = 0;
	if (r != -EINTR)
		die("the guest ended a command that has no end: %s, exit %u", errno_name(r),
		    v->run->exit_reason);
	return NULL;
}

static bool holds(struct vcpu *v, u64 seed)
{
	int i;

	for (i = 0; i < MTE_REGS; i++)
		if (reg_must_get(v, mte_reg_id[i]) != guest_mte_value(seed, i))
			return false;
	return true;
}

static void run_a_while(struct vcpu *v)
{
	struct sigaction act = { .sa_handler = on_kick };
	pthread_t t;

	kicked = v;
	sigaction(SIGUSR1, &act, NULL);
	pthread_create(&t, NULL, run_until_kick, v);
	usleep(50000);
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
}

/* Leaves the vCPU somewhere in CMD_MTE_HOLD. */
static void enter_hold(struct vcpu *v, u64 seed)
{
	int i;

	v->mb->cmd = CMD_MTE_HOLD;
	v->mb->arg[0] = seed;
	v->mb->arg[1] = FOR_EVER;
	for (i = 0; i < TRIES; i++) {
		run_a_while(v);
		if (holds(v, seed))
			return;
	}
	die("the VMM never sees the MTE registers that the guest has written");
}

/* Lets the command run on, then ends it. */
static void leave_hold(struct vcpu *v, const char *when)
{
	run_a_while(v);
	v->mb->stop = 1;
	if (vcpu_run(v))
		die("KVM_RUN");
	is(v->mb->ret[0], 0, "%s: the first vCPU, in the middle of a command, finds its MTE registers",
	   when);
	if (v->mb->ret[0])
		diag("%s is %#lx, not %#lx", mte_reg_name[v->mb->ret[1]], v->mb->ret[2],
		     v->mb->ret[3]);
	v->mb->stop = 0;
}

static void write_all(FILE *f, const void *p, size_t n)
{
	if (fwrite(p, 1, n, f) != n)
		die("%s: cannot be written", opt.file);
}

static void read_all(FILE *f, void *p, size_t n)
{
	if (fread(p, 1, n, f) != n)
		die("%s: cannot be read", opt.file);
}

static FILE *open_file(const char *mode)
{
	FILE *f = fopen(opt.file, mode);

	if (!f)
		die("%s: %s", opt.file, errno_name(errno));
	return f;
}

/* --- out --- */

static void save_memory(struct vm *vm, FILE *f, u64 ipa, void *p, size_t size)
{
	unsigned char *tags = malloc(size / TAG_GRANULE);
	/* In pieces, as a VMM would */
	size_t piece = size / 4, i;

	for (i = 0; i < size; i += piece)
		if (tags_get(vm, ipa + i, tags + i / TAG_GRANULE, piece) != (int)piece)
			die("the tags at %#lx cannot be read", ipa + i);
	write_all(f, tags, size / TAG_GRANULE);
	write_all(f, p, size);
	free(tags);
}

static void save_vcpu(struct vcpu *v, FILE *f)
{
	struct save_regs r = save_regs_get(v);

	write_all(f, &r.n, sizeof(r.n));
	write_all(f, r.reg, r.n * sizeof(*r.reg));
	free(r.reg);
}

CASE(save,
     "tags or registers that a VMM cannot read out; leaves them in --file")
{
	struct vm *vm = vm_ready(SAVE_VCPUS);
	struct save_head h = { SAVE_MAGIC, opt.seed, opt.size };
	FILE *f = open_file("w");
	int i;

	vcpu_cmd(&vm->vcpu[1], CMD_STORE, GUEST_DATA, vm_data_end(vm), STEP, opt.seed);
	vm_tag_fill(&vm->vcpu[1], opt.seed);
	vcpu_cmd(&vm->vcpu[1], CMD_MTE_WRITE, opt.seed + 1);
	enter_hold(&vm->vcpu[0], opt.seed);
	write_all(f, &h, sizeof(h));
	for (i = 0; i < SAVE_VCPUS; i++)
		save_vcpu(&vm->vcpu[i], f);
	save_memory(vm, f, GUEST_CODE, vm->code, GUEST_CODE_SIZE);
	save_memory(vm, f, GUEST_DATA, vm->data, vm->data_size);
	is(fclose(f), 0, "saved to %s", opt.file);
	/* Reading must not change anything. */
	leave_hold(&vm->vcpu[0], "after saving");
	is(vcpu_cmd(&vm->vcpu[1], CMD_MTE_VERIFY, opt.seed + 1), 0,
	   "after saving: the second vCPU has its MTE registers");
	is(vm_tag_verify(&vm->vcpu[1], opt.seed), 0, "after saving: all tags");
	vm_destroy(vm);
	return 0;
}

/* --- in --- */

static struct save_regs load_regs(FILE *f)
{
	struct save_regs r;

	read_all(f, &r.n, sizeof(r.n));
	r.reg = calloc(r.n, sizeof(*r.reg));
	if (!r.reg)
		die("out of memory");
	read_all(f, r.reg, r.n * sizeof(*r.reg));
	return r;
}

static void load_memory(struct vm *vm, FILE *f, u64 ipa, void *p, size_t size)
{
	unsigned char *tags = malloc(size / TAG_GRANULE);

	read_all(f, tags, size / TAG_GRANULE);
	/* Tags first, into memory that has no pages yet. The VMM's data must not change them. */
	is(tags_put(vm, ipa, tags, size), opt.on ? (long)size : -EINVAL,
	   "tags into the guest at %#lx", ipa);
	read_all(f, p, size);
	free(tags);
}

static void finds_all(struct vm *vm, u64 seed, const char *when)
{
	struct vcpu *v = &vm->vcpu[1];

	is(vcpu_cmd(v, CMD_MTE_VERIFY, seed + 1), 0, "%s: the second vCPU finds its MTE registers",
	   when);
	is(vm_tag_verify(v, seed), 0, "%s: every tag", when);
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), STEP, seed), 0, "%s: its data", when);
	is(vcpu_cmd(&vm->vcpu[0], CMD_MTE_VERIFY, seed), 0,
	   "%s: the first vCPU finds its MTE registers", when);
}

/*
 * Like a VMM that stops a running guest: all registers that were read can be written back, and
 * nothing changes. Commands are in the mailbox, so the registers are always those at the doorbell.
 */
static void write_back(struct vm *vm, u64 seed)
{
	struct save_regs r[SAVE_VCPUS];
	int i;

	for (i = 0; i < SAVE_VCPUS; i++)
		r[i] = save_regs_get(&vm->vcpu[i]);
	for (i = 0; i < SAVE_VCPUS; i++)
		is(save_regs_put(&vm->vcpu[i], &r[i], false), 0,
		   "written back at once: registers of vCPU %d refused", i);
	finds_all(vm, seed, "written back at once");
	for (i = 0; i < SAVE_VCPUS; i++)
		vcpu_cmd(&vm->vcpu[i], CMD_MTE_WRITE, seed + 99);
	for (i = 0; i < SAVE_VCPUS; i++)
		is(save_regs_put(&vm->vcpu[i], &r[i], false), 0,
		   "written back after a run: registers of vCPU %d refused", i);
	finds_all(vm, seed, "written back after a run");
	/* As at a reset of the guest */
	for (i = 0; i < SAVE_VCPUS; i++)
		if (vcpu_try_init(&vm->vcpu[i], 0))
			die("KVM_ARM_VCPU_INIT");
	for (i = 0; i < SAVE_VCPUS; i++)
		is(save_regs_put(&vm->vcpu[i], &r[i], false), 0,
		   "written back after an init: registers of vCPU %d refused", i);
	finds_all(vm, seed, "written back after an init");
	for (i = 0; i < SAVE_VCPUS; i++)
		free(r[i].reg);
}

CASE(restore,
     "tags or registers that a new VM does not get back from --file")
{
	FILE *f = open_file("r");
	struct save_head h;
	struct save_regs r[SAVE_VCPUS];
	struct vm *vm;
	int i;

	read_all(f, &h, sizeof(h));
	if (h.magic != SAVE_MAGIC)
		die("%s: not a saved VM", opt.file);
	for (i = 0; i < SAVE_VCPUS; i++)
		r[i] = load_regs(f);
	opt.size = h.data_size;
	vm = vm_ready(SAVE_VCPUS);
	load_memory(vm, f, GUEST_CODE, vm->code, GUEST_CODE_SIZE);
	load_memory(vm, f, GUEST_DATA, vm->data, vm->data_size);
	/* Without MTE the four and the ID register are refused, so a VMM notices what is missing. */
	for (i = 0; i < SAVE_VCPUS; i++)
		is(save_regs_put(&vm->vcpu[i], &r[i], !opt.on), opt.on ? 0 : MTE_REGS + 1,
		   "registers of vCPU %d that are refused", i);
	if (opt.on) {
		leave_hold(&vm->vcpu[0], "restored");
		finds_all(vm, h.seed, "restored");
		write_back(vm, h.seed);
	}
	for (i = 0; i < SAVE_VCPUS; i++)
		free(r[i].reg);
	vm_destroy(vm);
	fclose(f);
	return 0;
}
