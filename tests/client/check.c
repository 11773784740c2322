// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results as TAP points without numbers. The caller counts them: see tests/host/client.sh. Safe to
 * use from threads.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int failed;

static void point(bool good, const char *tail, const char *fmt, va_list ap)
{
	pthread_mutex_lock(&lock);
	printf("%sok - ", good ? "" : "not ");
	vprintf(fmt, ap);
	printf("%s\n", tail);
	fflush(stdout);
	failed += !good;
	pthread_mutex_unlock(&lock);
}

/**
 * ok() - one result
 * @good: whether the point holds
 * @fmt: its name
 *
 * Return: @good
 */
bool ok(bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	point(good, "", fmt, ap);
	va_end(ap);
	return good;
}

/**
 * is() - one result: two numbers are equal; both are shown if not
 * @got: what was seen
 * @want: what is right
 * @fmt: its name
 *
 * Return: whether they are equal
 */
bool is(long got, long want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	point(got == want, "", fmt, ap);
	va_end(ap);
	if (got != want)
		diag("got %ld (%#lx), want %ld (%#lx)", got, got, want, want);
	return got == want;
}

/**
 * is_text() - one result: two words are equal; both are shown if not
 * @got: what was seen
 * @want: what is right
 * @fmt: its name
 *
 * Return: whether they are equal
 */
bool is_text(const char *got, const char *want, const char *fmt, ...)
{
	bool same = !strcmp(got, want);
	va_list ap;

	va_start(ap, fmt);
	point(same, "", fmt, ap);
	va_end(ap);
	if (!same)
		diag("got '%s', want '%s'", got, want);
	return same;
}

/**
 * skip() - one result that cannot be tested here
 * @why: the reason
 * @fmt: its name
 */
void skip(const char *why, const char *fmt, ...)
{
	char tail[128];
	va_list ap;

	snprintf(tail, sizeof(tail), " # SKIP %s", why);
	va_start(ap, fmt);
	point(true, tail, fmt, ap);
	va_end(ap);
}

/**
 * diag() - a remark, not a result
 * @fmt: the text
 */
void diag(const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&lock);
	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	va_end(ap);
	pthread_mutex_unlock(&lock);
}

/**
 * die() - a failed result that ends the program
 * @fmt: what went wrong
 */
void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	point(false, "", fmt, ap);
	va_end(ap);
	exit(1);
}

/**
 * errno_name() - the name of an error number
 * @err: the number, of either sign
 *
 * Return: its name, or the number as text where none is known; "0" for none
 */
const char *errno_name(int err)
{
	static _Thread_local char buf[16];

	if (err < 0)
		err = -err;
	if (err && strerrorname_np(err))
		return strerrorname_np(err);
	snprintf(buf, sizeof(buf), "%d", err);
	return buf;
}

/**
 * checks_failed() - how many results were bad so far
 *
 * Return: their number
 */
int checks_failed(void)
{
	return failed;
}
