// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clocks of the bench cases. They are meant for a host that counts instructions (QEMU's -icount),
 * where a nanosecond of its time is one instruction.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

static clockid_t idle_clock;

/**
 * bench_now() - the virtual counter
 *
 * Return: its ticks
 */
u64 bench_now(void)
{
	u64 v;

	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r" (v) :: "memory");
	return v;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/**
 * bench_quartile() - a sample that neither the host's timer nor chance has disturbed
 * @sample: samples; they are sorted
 * @n: how many
 *
 * If half of the samples take longer (huge pages on 6.1), their median is not stable.
 *
 * Return: their lower quartile
 */
u64 bench_quartile(u64 *sample, size_t n)
{
	qsort(sample, n, sizeof(*sample), compare);
	return sample[n / 4];
}

/**
 * bench_eighth() - the same, if about a quarter of the samples take less than the others
 * @sample: samples; they are sorted
 * @n: how many
 *
 * Return: their lowest eighth
 */
u64 bench_eighth(u64 *sample, size_t n)
{
	qsort(sample, n, sizeof(*sample), compare);
	return sample[n / 8];
}

/**
 * bench_print() - a result
 * @row: what was measured
 * @value: instructions, or bytes
 */
void bench_print(const char *row, double value)
{
	printf("bench %s %.1f\n", row, value);
	fflush(stdout);
}

static void *spin(void *arg)
{
	(void)arg;
	for (;;)
		asm volatile("" ::: "memory");
	return NULL;
}

/**
 * bench_spin() - start a thread that takes the host's idle time, for bench_work()
 *
 * While a thread waits for others (RCU, a kernel thread), the host is idle, and its clock goes on
 * without instructions. A SCHED_IDLE thread takes this time, and the kernel counts it.
 */
void bench_spin(void)
{
	struct sched_param param = { 0 };
	pthread_t thread;

	if (pthread_create(&thread, NULL, spin, NULL) ||
	    pthread_setschedparam(thread, SCHED_IDLE, &param) ||
	    pthread_getcpuclockid(thread, &idle_clock))
		die("a thread for the host's idle time");
}

static u64 ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000UL + t.tv_nsec;
}

/**
 * bench_work() - how much all threads of the host have worked so far
 *
 * Return: instructions, since some time
 */
u64 bench_work(void)
{
	return ns(CLOCK_MONOTONIC) - ns(idle_clock);
}
