// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's fail-nth: Documentation/fault-injection/fault-injection.rst. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "failing.h"

/* More allocations than any call makes */
#define NONE_FAILS	1000000u

static int nth_fd;

/**
 * failing_open() - must be called first, by the thread whose allocations fail
 */
void failing_open(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		die("the kernel has no fault injection");
}

/* The nth allocation from now on fails. */
static void arm(unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_fd, text, n, 0) != n)
		die("fail-nth cannot be written");
}

/* Returns how many allocations were missing until the one that arm() has asked for; 0: it has failed. */
static unsigned int disarm(void)
{
	char text[16] = "";

	if (pread(nth_fd, text, sizeof(text) - 1, 0) <= 0)
		die("fail-nth cannot be read");
	arm(0);
	return strtoul(text, NULL, 10);
}

static void begin(const struct step *step, struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	if (step->before)
		step->before(s);
}

static void end(const struct step *step, struct scene *s)
{
	if (step->after)
		step->after(s);
}

/**
 * failing_count() - how many allocations a call makes if none fails
 * @step: the call
 *
 * Return: their number
 */
unsigned int failing_count(const struct step *step)
{
	struct scene s;
	unsigned int n;

	begin(step, &s);
	arm(NONE_FAILS);
	step->call(&s);
	n = NONE_FAILS - disarm();
	end(step, &s);
	return n;
}

struct tally {
	unsigned int failed, odd, stuck, wrong;
};

static void note(const struct step *step, unsigned int nth, unsigned int *n, const char *what)
{
	if ((*n)++ < 5)
		diag("%s, allocation %u: %s", step->name, nth, what);
}

static void look(const struct step *step, struct scene *s, unsigned int nth, bool failed,
		 struct tally *t)
{
	const char *what = step->wrong ? step->wrong(s, failed) : NULL;

	if (what)
		note(step, nth, &t->wrong, what);
}

/* Returns whether there was such an allocation. */
static bool fail_one(const struct step *step, unsigned int nth, struct tally *t)
{
	struct scene s;
	bool reached;
	int r;

	begin(step, &s);
	arm(nth);
	r = step->call(&s);
	reached = !disarm();
	if (r) {
		t->failed++;
		if (!reached || (r != -ENOMEM && (!step->also || r != -step->also)))
			note(step, nth, &t->odd, errno_name(r));
		look(step, &s, nth, true, t);
		r = step->call(&s);
		if (r)
			note(step, nth, &t->stuck, errno_name(r));
	}
	if (!r)
		look(step, &s, nth, false, t);
	end(step, &s);
	return reached;
}

/*
 * kmemleak allocates a record for each allocation, and has spare ones. So there are two in a row,
 * of which often only one is the call's own.
 */
#define IN_A_ROW	2

/**
 * failing_step() - let each allocation of a call fail once
 * @step: the call
 * @most: at most so many of them, in pairs that are spread evenly; 0: all
 */
void failing_step(const struct step *step, unsigned int most)
{
	unsigned int first = step->first ? step->first : 1, i, n = 0, all;
	struct tally t = { 0 };

	/* The first call allocates what later calls find. */
	failing_count(step);
	all = failing_count(step);
	ok(all >= first, "%s: it allocates", step->name);
	all = all - first + 1;
	if (!most || most > all)
		most = all;
	for (i = 0; i < most; i++)
		n += fail_one(step, first + (unsigned long)(i / IN_A_ROW) * IN_A_ROW * all / most + i % IN_A_ROW,
			      &t);
	/* The number differs a little from call to call. */
	for (i = first + all; most == all && fail_one(step, i, &t); i++)
		n++;
	diag("%s: %u of %u allocations have failed, and %u calls with them", step->name, n, all, t.failed);
	ok(n > 0, "%s: allocations fail", step->name);
	is(t.odd, 0, "%s: errors that are not of memory", step->name);
	is(t.wrong, 0, "%s: something is wrong after a failure", step->name);
	is(t.stuck, 0, "%s: the next try fails, too", step->name);
}
