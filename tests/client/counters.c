// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "counters.h"

#define MAX_COUNTERS	16
#define NAME_LEN	64

static struct {
	char name[NAME_LEN];
	long before, least;
} counters[MAX_COUNTERS];
static int nr_counters;

static long from_file(const char *path)
{
	FILE *f = fopen(path, "r");
	long n;

	if (!f || fscanf(f, "%ld", &n) != 1)
		die("%s: no number", path);
	fclose(f);
	return n;
}

static long from_vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	char word[NAME_LEN];
	long n, found = -1;

	if (!f)
		die("/proc/vmstat cannot be read");
	while (fscanf(f, "%63s %ld", word, &n) == 2)
		if (!strcmp(word, name))
			found = n;
	fclose(f);
	if (found < 0)
		die("the kernel does not count %s", name);
	return found;
}

/**
 * counter() - a counter of the kernel
 * @name: a word of /proc/vmstat, or a file: zswap.NAME or frontswap.NAME in debugfs, ksm.NAME in
 *	sysfs
 *
 * Return: its value
 */
long counter(const char *name)
{
	char path[128];

	if (!strncmp(name, "zswap.", 6)) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/zswap/%s", name + 6);
		return from_file(path);
	}
	if (!strncmp(name, "ksm.", 4)) {
		snprintf(path, sizeof(path), "/sys/kernel/mm/ksm/%s", name + 4);
		return from_file(path);
	}
	if (!strncmp(name, "frontswap.", 10)) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/frontswap/%s", name + 10);
		return from_file(path);
	}
	return from_vmstat(name);
}

/**
 * counters_start() - note the values of counters
 * @list: NAME:N,NAME:N...: each must have grown by N at least when it is checked; or NULL
 */
void counters_start(const char *list)
{
	int n;

	nr_counters = 0;
	while (list && *list) {
		if (nr_counters == MAX_COUNTERS ||
		    sscanf(list, "%63[^:,]:%ld%n", counters[nr_counters].name,
			   &counters[nr_counters].least, &n) != 2)
			die("not a list of counters: %s", list);
		counters[nr_counters].before = counter(counters[nr_counters].name);
		nr_counters++;
		list += n;
		list += *list == ',';
	}
}

static long grown(int i)
{
	return counter(counters[i].name) - counters[i].before;
}

/**
 * counters_grown() - whether all counters of counters_start() have grown enough
 */
bool counters_grown(void)
{
	int i;

	for (i = 0; i < nr_counters && grown(i) >= counters[i].least; i++)
		;
	return i == nr_counters;
}

/**
 * counters_check() - one point for each counter of counters_start()
 */
void counters_check(void)
{
	int i;

	for (i = 0; i < nr_counters; i++) {
		long by = grown(i);

		diag("%s: %ld", counters[i].name, by);
		ok(by >= counters[i].least, "it really happened: %s has grown by %ld or more",
		   counters[i].name, counters[i].least);
	}
}
