// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_ENABLE_CAP in several threads against KVM_CREATE_VCPU in another. KVM_ENABLE_CAP must succeed
 * only while there is no vCPU. If it succeeds, the VM has all of MTE. Otherwise it has nothing of it.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "client.h"
#include "life.h"

#define MAX_THREADS	16

static struct vm *vm;
static pthread_barrier_t start, done;
static unsigned int nr_rounds;
/* Progress of the vCPU's creation: 0 not begun, 1 in the ioctl, 2 done */
static int progress;
/* How many threads have asked in this round */
static unsigned int asked;

struct asker {
	pthread_t thread;
	int before, after;	/* progress around the call */
	int result;
};

/* A quarter of the rounds lets a thread ask first, a quarter creates the vCPU first. */
static bool first_asked(unsigned int r)
{
	return r % 4 == 0;
}

static bool first_created(unsigned int r)
{
	return r % 4 == 1;
}

static void wait_a_little(unsigned int n)
{
	while (n--)
		asm volatile("" ::: "memory");
}

static void *ask(void *arg)
{
	struct asker *a = arg;
	unsigned int r;

	for (r = 0; r < nr_rounds; r++) {
		pthread_barrier_wait(&start);
		wait_a_little(guest_mix(opt.seed + r) % 4096);
		while (first_created(r) && __atomic_load_n(&progress, __ATOMIC_SEQ_CST) != 2)
			sched_yield();
		a->before = __atomic_load_n(&progress, __ATOMIC_SEQ_CST);
		a->result = vm_enable_mte(vm);
		a->after = __atomic_load_n(&progress, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&asked, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&done);
	}
	return NULL;
}

static void create(unsigned int r)
{
	wait_a_little(guest_mix(~opt.seed + r) % 4096);
	while (first_asked(r) && !__atomic_load_n(&asked, __ATOMIC_SEQ_CST))
		sched_yield();
	__atomic_store_n(&progress, 1, __ATOMIC_SEQ_CST);
	vcpu_create(vm);
	__atomic_store_n(&progress, 2, __ATOMIC_SEQ_CST);
}

/* Return: what is wrong, or NULL */
static const char *judge_one(const struct asker *a)
{
	if (a->result && a->result != -EINVAL)
		return "an error other than EINVAL";
	if (a->before == 2 && !a->result)
		return "success although there was a vCPU";
	if (a->after == 0 && a->result)
		return "EINVAL before any vCPU";
	return NULL;
}

static const char *judge_guest(bool on)
{
	struct vcpu *v = &vm->vcpu[0];
	u64 val, want = on ? host_pfr1() & PFR1_MTE : 0;

	if (strcmp(module_read(vm, "state"), on ? "on" : "off"))
		return "the state is not what the calls returned";
	if (strcmp(module_read(vm, "origin"), on ? "vmm" : "none"))
		return "the origin is not what the calls returned";
	if (vm_enable_mte(vm) != -EINVAL)
		return "KVM_ENABLE_CAP at the end does not give EINVAL";
	vcpu_init(v);
	if (guest_pfr1(v) != (reg_must_get(v, REG_PFR1)) || (guest_pfr1(v) & PFR1_MTE) != want)
		return "the ID register is not what the calls returned";
	if (!reg_get(v, mte_reg_id[MTE_GCR], &val) != on)
		return "GCR_EL1 is not what the calls returned";
	vcpu_cmd(v, CMD_TAG_FILL, GUEST_DATA, GUEST_DATA + 4096, 3);
	if (vcpu_cmd(v, CMD_TAG_READ, GUEST_DATA, GUEST_DATA + 4096) != (on ? 256 : 0))
		return "tags are not what the calls returned";
	return NULL;
}

static const char *judge(struct asker *a, unsigned int n, bool *on)
{
	const char *wrong = NULL;
	unsigned int i;

	*on = false;
	for (i = 0; i < n && !wrong; i++) {
		wrong = judge_one(&a[i]);
		*on |= !a[i].result;
	}
	return wrong ?: judge_guest(*on);
}

CASE(caprace,
     "KVM_CAP_ARM_MTE enabled although there is a vCPU, or enabled in part")
{
	unsigned int n = opt.threads < MAX_THREADS ? opt.threads : MAX_THREADS, r, i, bad = 0;
	struct asker a[MAX_THREADS];
	unsigned int won = 0;
	bool on;

	module_needed();
	nr_rounds = rounds_or(200);
	pthread_barrier_init(&start, NULL, n + 1);
	pthread_barrier_init(&done, NULL, n + 1);
	for (i = 0; i < n; i++)
		pthread_create(&a[i].thread, NULL, ask, &a[i]);
	for (r = 0; r < nr_rounds; r++) {
		const char *wrong;

		vm = vm_create();
		vm_load_guest(vm);
		vm_memory(vm, MEM_ANON4K, HOST_PAGE);
		progress = 0;
		asked = 0;
		pthread_barrier_wait(&start);
		create(r);
		pthread_barrier_wait(&done);
		wrong = judge(a, n, &on);
		if (wrong && !bad++)
			diag("round %u: %s", r, wrong);
		won += on;
		vm_destroy(vm);
	}
	for (i = 0; i < n; i++)
		pthread_join(a[i].thread, NULL);
	is(bad, 0, "enabled and on, or refused and off, in each of %u rounds of %u threads",
	   nr_rounds, n);
	diag("enabled in %u rounds", won);
	return 0;
}
