// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest fills its memory with values that are hard to guess, and reads them back again and
 * again. Meanwhile the host squeezes and moves this memory: see churn.c, and the memory limit and
 * swap space of the calling script.
 */
#include <pthread.h>
#include <stdlib.h>

#include "client.h"

/* Prime, and larger than what the kernel reads ahead */
#define SCATTER	97
/* How many times as many rounds, if what is to be proved has not happened yet */
#define MOST	8

struct part {
	struct vcpu *v;
	enum guest_cmd cmd;
	u64 start, end, step;
	u64 tags, words, faults;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct part *p = arg;
	u64 *ret = p->v->mb->ret;

	vcpu_cmd(p->v, p->cmd, p->start, p->end, opt.seed, p->step);
	p->tags = ret[0];
	p->words = ret[1];
	p->faults = ret[2];
	if (p->cmd == CMD_PRESS_VERIFY && p->tags)
		diag("vCPU %d: the first wrong tag is at %#lx", p->v->id, ret[3]);
	return NULL;
}

/* Each vCPU works on its own part of the memory, all at once */
static struct part all(struct vm *vm, enum guest_cmd cmd, u64 step)
{
	size_t size = vm->data_size / vm->nr_vcpus & ~4095UL;
	struct part part[GUEST_MAX_VCPUS], sum = { 0 };
	int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		part[i] = (struct part){ &vm->vcpu[i], cmd, GUEST_DATA + i * size,
					 GUEST_DATA + (i + 1) * size, step };
		if (pthread_create(&part[i].thread, NULL, work, &part[i]))
			die("pthread_create");
	}
	for (i = 0; i < vm->nr_vcpus; i++) {
		pthread_join(part[i].thread, NULL);
		sum.tags += part[i].tags;
		sum.words += part[i].words;
		sum.faults += part[i].faults;
	}
	return sum;
}

static void fill(struct vm *vm)
{
	is(all(vm, CMD_PRESS_FILL, 1).faults, 0, "filling: stray tag check faults");
}

static void verify(struct vm *vm, unsigned int round)
{
	struct part sum = all(vm, CMD_PRESS_VERIFY, round & 1 ? SCATTER : 1);

	is(sum.tags, 0, "read %u of %zu MiB of %s: wrong tags", round + 1, vm->data_size >> 20,
	   mem_name[opt.mem]);
	is(sum.words, 0, "read %u: wrong words", round + 1);
	is(sum.faults, 0, "read %u: stray tag check faults", round + 1);
}

CASE(press,
     "tags or words lost while the host squeezes and moves the guest's memory")
{
	struct vm *vm = vm_ready(opt.vcpus);
	unsigned int r, rounds = rounds_or(4);

	counters_start(opt.proof);
	churn_start(opt.churn, vm, opt.block);
	fill(vm);
	for (r = 0; r < rounds; r++) {
		if (r == rounds / 2 && opt.churn & 1u << CHURN_SWAPOFF) {
			churn_lift_limit();
			churn_swapoff();
		}
		verify(vm, r);
	}
	/*
	 * On a slow host, khugepaged may not have had its turn yet. It takes only memory of which at
	 * least one page is mapped writable: none is after pages were read in from swap.
	 */
	for (; r < MOST * rounds && !counters_grown(); r++) {
		verify(vm, r);
		fill(vm);
	}
	verify(vm, r);
	churn_end();
	counters_check();
	vm_destroy(vm);
	return 0;
}
