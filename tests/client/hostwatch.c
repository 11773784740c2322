// SPDX-License-Identifier: GPL-2.0-only
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "client.h"
#include "hostwatch.h"

#define IRGS	64
#define SIZE	16384UL

#ifndef SEGV_MTEAERR
#define SEGV_MTEAERR	8
#define SEGV_MTESERR	9
#endif

struct stats {
	unsigned long rounds, bad_irg, bad_tags, stray, async_lost, sync_lost;
	unsigned int tags_seen;
};

/* Signals of this thread */
static _Thread_local volatile int async_faults, sync_faults;

static void on_segv(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	if (si->si_code == SEGV_MTEAERR) {
		async_faults++;
		return;
	}
	if (si->si_code != SEGV_MTESERR) {
		signal(sig, SIG_DFL);
		return;
	}
	sync_faults++;
	uc->uc_mcontext.pc += 4;
}

/**
 * host_catch_faults() - count tag check faults instead of dying of them
 */
void host_catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
}

/**
 * host_faults() - tag check faults of the calling thread
 *
 * Return: their number
 */
int host_faults(void)
{
	return async_faults + sync_faults;
}

static void store(void *p)
{
	asm volatile("str xzr, [%0]" :: "r" (p) : "memory");
}

static void *other_tag(void *p)
{
	return (void *)((unsigned long)p ^ 1UL << 56);
}

static void check_irg(struct stats *s, void *mem, unsigned int mask)
{
	unsigned int i, tag;

	for (i = 0; i < IRGS; i++) {
		tag = (unsigned long)host_irg(mem) >> 56 & 0xf;
		s->tags_seen |= 1 << tag;
		s->bad_irg += !(mask & 1 << tag);
	}
}

static void check_faults(struct stats *s, void *mem, unsigned int mask)
{
	void *p = host_irg(mem);

	host_set_tag(p);
	async_faults = 0;
	sync_faults = 0;
	store(p);
	sched_yield();
	store(p);
	syscall(SYS_gettid);
	s->stray += host_faults();

	async_faults = 0;
	store(other_tag(p));
	syscall(SYS_gettid);
	s->async_lost += async_faults != 1;

	host_mte_mode(HOST_TCF_SYNC, mask);
	sched_yield();
	async_faults = 0;
	store(p);
	store(other_tag(p));
	s->sync_lost += sync_faults != 1;
	s->stray += async_faults;
	host_mte_mode(HOST_TCF_ASYNC, mask);
}

static void report(const struct host_watch *w, const struct stats *s)
{
	diag("%s: %lu rounds", w->name, s->rounds);
	is(s->tags_seen, w->mask, "%s: IRG yields each tag that its mask allows", w->name);
	is(s->bad_irg, 0, "%s: IRG yields no other tag", w->name);
	is(s->bad_tags, 0, "%s: its memory keeps its tags", w->name);
	is(s->stray, 0, "%s: no stray tag check fault", w->name);
	is(s->async_lost, 0, "%s: each asynchronous fault arrives, once", w->name);
	is(s->sync_lost, 0, "%s: each synchronous fault arrives, once", w->name);
}

static void *watch(void *arg)
{
	struct host_watch *w = arg;
	void *mem = host_tagged_map(4096), *own = host_tagged_map(SIZE);
	struct stats s = { 0 };

	pin_to(w->cpu);
	host_mte_mode(HOST_TCF_ASYNC, w->mask);
	host_tag_fill(own, SIZE, w->mask);
	do {
		check_irg(&s, mem, w->mask);
		sched_yield();
		check_faults(&s, mem, w->mask);
		s.bad_tags += host_tag_verify(own, SIZE, w->mask);
		s.rounds++;
		if (w->pause_us)
			usleep(w->pause_us);
	} while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE));
	report(w, &s);
	return NULL;
}

/**
 * host_watch_start() - start the thread; host_catch_faults() must have been called
 * @w: what it is to do
 */
void host_watch_start(struct host_watch *w)
{
	if (pthread_create(&w->thread, NULL, watch, w))
		die("pthread_create");
}

/**
 * host_watch_end() - end the thread, which then reports
 * @w: which
 */
void host_watch_end(struct host_watch *w)
{
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	pthread_join(w->thread, NULL);
}
