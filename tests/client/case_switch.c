// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MTE registers of several vCPUs of two VMs and of a host process, all on one CPU. None must
 * see those of another.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"
#include "hostwatch.h"

#define VMS		2
#define HOLD_READS	20000
#define IRGS		64

struct worker {
	pthread_t thread;
	struct vcpu *v;
	int nr;
	unsigned int mask;	/* tags that the thread itself may get from IRG */
	unsigned long held_bad, yield_bad, vmm_bad, irg_bad, own_bad;
	long preempted;
};

static void check_vmm_view(struct worker *w, u64 seed)
{
	int i;

	for (i = 0; i < MTE_REGS; i++)
		w->vmm_bad += reg_must_get(w->v, mte_reg_id[i]) != guest_mte_value(seed, i);
}

static void differs(struct worker *w, const char *how)
{
	u64 *ret = w->v->mb->ret;

	diag("vCPU thread %d, %s: %s is %#lx, not %#lx", w->nr, how, mte_reg_name[ret[1]], ret[2],
	     ret[3]);
}

/*
 * Right after KVM_RUN, without a switch of threads in between: that would restore the mask, and
 * hide that KVM has not restored it.
 */
static void check_own_irg(struct worker *w)
{
	int i;

	for (i = 0; i < IRGS; i++)
		w->own_bad += !(w->mask & 1 << ((unsigned long)host_irg(w) >> 56 & 0xf));
}

static void one_round(struct worker *w, u64 seed)
{
	struct vcpu *v = w->v;
	u64 exclude = 0xffff & ~(0x11UL << (w->nr % 4)), tags;

	if (vcpu_cmd(v, CMD_MTE_HOLD, seed, HOLD_READS)) {
		w->held_bad++;
		differs(w, "preempted");
	}
	vcpu_cmd(v, CMD_MTE_WRITE, seed + 1);
	sched_yield();
	check_vmm_view(w, seed + 1);
	sched_yield();
	if (vcpu_cmd(v, CMD_MTE_VERIFY, seed + 1)) {
		w->yield_bad++;
		differs(w, "yielded");
	}
	tags = vcpu_cmd(v, CMD_IRG, exclude, IRGS);
	check_own_irg(w);
	w->irg_bad += !tags || (tags & exclude);
}

static void *vcpu_thread(void *arg)
{
	struct worker *w = arg;
	struct rusage ru;
	unsigned int r;

	pin_to(opt.cpu);
	w->mask = 0x2100 << (w->nr % 3);
	host_mte_mode(w->nr & 1 ? HOST_TCF_ASYNC : HOST_TCF_NONE, w->mask);
	for (r = 0; r < rounds_or(50); r++)
		one_round(w, ((u64)w->nr << 32) + 2 * r + opt.seed);
	getrusage(RUSAGE_THREAD, &ru);
	w->preempted = ru.ru_nivcsw;
	is(host_faults(), 0, "vCPU thread %d: no stray tag check fault on the host",
	   w->nr);
	return NULL;
}

static void report(struct worker *w)
{
	is(w->held_bad, 0, "vCPU thread %d: registers stay while the guest is preempted", w->nr);
	is(w->yield_bad, 0, "vCPU thread %d: registers stay over exits to the VMM", w->nr);
	is(w->vmm_bad, 0, "vCPU thread %d: the VMM sees them in between", w->nr);
	is(w->irg_bad, 0, "vCPU thread %d: IRG yields only tags that GCR_EL1 allows", w->nr);
	is(w->own_bad, 0, "vCPU thread %d: the thread's own IRG, only tags that its mask allows",
	   w->nr);
}

static void run_workers(struct worker *w, int n)
{
	struct host_watch host = { .name = "host thread", .cpu = opt.cpu, .mask = 0x0a50 };
	long preempted = 0;
	int i;

	host_watch_start(&host);
	for (i = 0; i < n; i++)
		pthread_create(&w[i].thread, NULL, vcpu_thread, &w[i]);
	for (i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		preempted += w[i].preempted;
	}
	host_watch_end(&host);
	for (i = 0; i < n; i++)
		report(&w[i]);
	/* Otherwise nothing was shown about preemption. */
	ok(preempted > 0, "vCPU threads were preempted");
	diag("%ld times", preempted);
}

CASE(switch,
     "MTE registers mixed up between vCPUs, VMs and host on one CPU")
{
	int per_vm = opt.vcpus > 1 ? opt.vcpus : 2, i;
	struct worker w[VMS * GUEST_MAX_VCPUS];
	struct vm *vm[VMS];

	host_catch_faults();
	memset(w, 0, sizeof(w));
	for (i = 0; i < VMS * per_vm; i++) {
		if (i % per_vm == 0)
			vm[i / per_vm] = vm_ready(per_vm);
		w[i].v = &vm[i / per_vm]->vcpu[i % per_vm];
		w[i].nr = i;
	}
	run_workers(w, VMS * per_vm);
	for (i = 0; i < VMS; i++)
		vm_destroy(vm[i]);
	return 0;
}
