// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host process that uses MTE, with one thread on every CPU. Guests that run meanwhile must not
 * disturb it. Prints "ready" first; a line on stdin, or the end of stdin, ends it.
 */
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "hostwatch.h"

#define CPUS_MAX	16

CASE(hostmte,
     "guests that disturb a host process which uses MTE, until stdin ends")
{
	struct host_watch w[CPUS_MAX] = { 0 };
	char name[CPUS_MAX][16], line[16];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), i;

	if (cpus > CPUS_MAX)
		cpus = CPUS_MAX;
	host_catch_faults();
	for (i = 0; i < cpus; i++) {
		snprintf(name[i], sizeof(name[i]), "CPU %ld", i);
		w[i].name = name[i];
		w[i].cpu = i;
		w[i].mask = 0x0a50 << i % 4;
		w[i].pause_us = 1000;
		host_watch_start(&w[i]);
	}
	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		diag("end of input");
	for (i = 0; i < cpus; i++)
		host_watch_end(&w[i]);
	return 0;
}
