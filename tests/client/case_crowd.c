// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user who makes the module's search for VMs long: one large table of open files, full of
 * descriptors of VMs, that belongs to many processes (CLONE_FILES without CLONE_THREAD).  Prints
 * "ready PID VMS", and ends at the next line on stdin.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

#define VMS		64
#define DESCRIPTORS	200000
#define PROCESSES	512
#define STACK		4096

static int sleeper(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

/* The search would meet the last VM after all others. */
static void fill_table(void)
{
	struct rlimit limit = { DESCRIPTORS + 1000, DESCRIPTORS + 1000 };
	int i, fd = -1;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("RLIMIT_NOFILE: %s", errno_name(errno));
	for (i = 0; i < VMS; i++)
		fd = vm_create()->fd;
	for (i = 0; i < DESCRIPTORS; i++)
		if (dup(fd) < 0)
			die("dup: %s", errno_name(errno));
}

static void share_table(pid_t *pids)
{
	char *stacks = malloc((size_t)PROCESSES * STACK);
	int i;

	if (!stacks)
		die("out of memory");
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = clone(sleeper, stacks + (size_t)(i + 1) * STACK,
				CLONE_FILES | CLONE_VM | SIGCHLD, NULL);
		if (pids[i] < 0)
			die("clone: %s", errno_name(errno));
	}
}

CASE(crowd,
     "no points: many processes share a table with very many descriptors of VMs")
{
	static pid_t pids[PROCESSES];
	char line[16];
	int i;

	fill_table();
	share_table(pids);
	printf("ready %d %d\n", getpid(), VMS);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		diag("the standard input has ended");
	for (i = 0; i < PROCESSES; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
