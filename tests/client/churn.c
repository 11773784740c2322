// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "churn.h"
#include "mem.h"
#include "swapping.h"

#define WAIT_TENTHS	1200
#define PAGE		HOST_PAGE
#define CHUNK		64
#define MAX_THREADS	8
#define MPOL_MF_MOVE	2
#define KSM_TWINS	(2UL << 20)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

const char *const churn_words[] = {
	[CHURN_COMPACT] = "compact",
	[CHURN_MOVE] = "move",
	[CHURN_PAGEOUT] = "pageout",
	[CHURN_SWAPOFF] = "swapoff",
	[CHURN_KSM] = "ksm",
	[CHURN_SPLIT] = "split",
	[CHURN_OFFLINE] = "offline",
	NULL
};

static struct {
	pthread_t thread[MAX_THREADS];
	int nr;
	bool stop;
	const char *block;
	unsigned long offlined;
	char *mem;
	size_t pages;
} churn;

static int try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return n < 0 ? -errno : 0;
}

/* Pseudo-random numbers, the same in each run */
static unsigned long next(unsigned long *state)
{
	*state = guest_mix(*state);
	return *state;
}

static bool stopped(void)
{
	return __atomic_load_n(&churn.stop, __ATOMIC_ACQUIRE);
}

static void *compact(void *arg)
{
	while (!stopped()) {
		try_write("/proc/sys/vm/compact_memory", "1");
		usleep(20000);
	}
	return arg;
}

static void *split(void *arg)
{
	while (!stopped()) {
		try_write("/sys/kernel/debug/split_huge_pages", "1");
		usleep(50000);
	}
	return arg;
}

/* A block that cannot be emptied now stays online. */
static void *offline(void *arg)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/devices/system/memory/%s/state", churn.block);
	while (!stopped()) {
		if (try_write(path, "offline"))
			continue;
		__atomic_fetch_add(&churn.offlined, 1, __ATOMIC_RELEASE);
		usleep(20000);
		if (try_write(path, "online_movable"))
			die("%s: cannot be set online", path);
		usleep(100000);
	}
	return arg;
}

/* To one node and back again. A page that cannot be moved now is moved another time. */
static void *move(void *arg)
{
	unsigned long r = 1, at, i;
	int node[CHUNK], status[CHUNK], to = 0;
	void *page[CHUNK];

	while (!stopped()) {
		at = next(&r) % churn.pages;
		for (i = 0; i < CHUNK; i++) {
			page[i] = churn.mem + (at + i) % churn.pages * PAGE;
			node[i] = to;
		}
		if (syscall(SYS_move_pages, 0, CHUNK, page, node, status, MPOL_MF_MOVE) < 0 &&
		    errno != ENOENT)
			die("move_pages to node %d: %s", to, errno_name(errno));
		to = !to;
		usleep(500);
	}
	return arg;
}

static void *evict(void *arg)
{
	unsigned long r = 2, at, n;

	while (!stopped()) {
		at = next(&r) % churn.pages;
		n = churn.pages / 8 < churn.pages - at ? churn.pages / 8 : churn.pages - at;
		madvise(churn.mem + at * PAGE, n * PAGE, MADV_PAGEOUT);
		usleep(5000);
	}
	return arg;
}

/* KSM is allowed to merge the guest's memory. Only its tags prevent that: KSM does merge the pages at @p. */
static void let_merge(void)
{
	char *p = mmap(NULL, KSM_TWINS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || madvise(p, KSM_TWINS, MADV_MERGEABLE) ||
	    madvise(churn.mem, churn.pages * PAGE, MADV_MERGEABLE))
		die("MADV_MERGEABLE: %s", errno_name(errno));
	memset(p, 0x5a, KSM_TWINS);
	if (try_write("/sys/kernel/mm/ksm/pages_to_scan", "10000") ||
	    try_write("/sys/kernel/mm/ksm/sleep_millisecs", "1") ||
	    try_write("/sys/kernel/mm/ksm/run", "1"))
		die("KSM cannot be started");
}

static void add(unsigned int mask, enum churn bit, void *(*fn)(void *))
{
	if (!(mask & 1u << bit))
		return;
	if (pthread_create(&churn.thread[churn.nr++], NULL, fn, NULL))
		die("pthread_create");
}

/**
 * churn_start() - start to disturb a guest's memory
 * @mask: how: bits of enum churn (CHURN_SWAPOFF is left to churn_swapoff())
 * @vm: the guest
 * @block: for CHURN_OFFLINE: which block of the host's memory
 */
void churn_start(unsigned int mask, struct vm *vm, const char *block)
{
	if (mask & 1u << CHURN_OFFLINE && !block)
		die("--with=offline needs --block=NAME");
	churn.block = block;
	churn.stop = false;
	churn.nr = 0;
	churn.mem = vm->data;
	churn.pages = vm->data_size / PAGE;
	add(mask, CHURN_COMPACT, compact);
	add(mask, CHURN_SPLIT, split);
	add(mask, CHURN_OFFLINE, offline);
	add(mask, CHURN_MOVE, move);
	add(mask, CHURN_PAGEOUT, evict);
	if (mask & 1u << CHURN_KSM)
		let_merge();
}

/**
 * churn_end() - stop to disturb it
 */
void churn_end(void)
{
	int i;

	/* The block may go offline for the first time after the guest has done all its work. */
	for (i = 0; churn.block && i < WAIT_TENTHS; i++) {
		if (__atomic_load_n(&churn.offlined, __ATOMIC_ACQUIRE))
			break;
		usleep(100000);
	}
	__atomic_store_n(&churn.stop, true, __ATOMIC_RELEASE);
	while (churn.nr)
		pthread_join(churn.thread[--churn.nr], NULL);
	if (churn.block) {
		diag("%s was taken offline %lu times", churn.block, churn.offlined);
		ok(churn.offlined > 0, "it really happened: %s was taken offline", churn.block);
	}
}

/**
 * churn_lift_limit() - remove memory.high from this process's cgroup, if it has one
 */
void churn_lift_limit(void)
{
	char line[128], path[256];
	FILE *f = fopen("/proc/self/cgroup", "r");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "0::/", 4) || !line[4])
			continue;
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/memory.high", line + 4);
		if (try_write(path, "max"))
			die("%s: cannot be lifted", path);
	}
	if (f)
		fclose(f);
}

static void *all_swap_off(void *arg)
{
	swap_spaces(true);
	return arg;
}

/**
 * churn_swapoff() - swapoff of all swap space while the guest runs
 */
void churn_swapoff(void)
{
	add(1u << CHURN_SWAPOFF, CHURN_SWAPOFF, all_swap_off);
}
