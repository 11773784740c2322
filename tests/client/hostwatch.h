/* SPDX-License-Identifier: GPL-2.0-only */
/* A host thread that uses MTE, and checks it while guests use MTE, too */
#ifndef HOSTWATCH_H
#define HOSTWATCH_H

#include <pthread.h>
#include <stdbool.h>

/**
 * struct host_watch - one such thread
 * @name: for the names of its points
 * @cpu: where it runs
 * @mask: tags that it lets IRG choose
 * @pause_us: sleeps so long between two rounds; 0: only yields
 * @thread: private
 * @stop: private
 */
struct host_watch {
	const char *name;
	int cpu;
	unsigned int mask;
	unsigned int pause_us;
	pthread_t thread;
	bool stop;
};

void host_catch_faults(void);
int host_faults(void);
void host_watch_start(struct host_watch *w);
void host_watch_end(struct host_watch *w);

#endif
