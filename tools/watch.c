// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for a VM to come, change or go: the module's uevents, as the kernel
 * sends them to everybody who listens.  In a container there may be none; the
 * interval does then.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "kvm-mte.h"

/* The kernel's own multicast group; udev has another. */
#define GROUP_KERNEL	1

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* The second one ends the program wherever it is. */
static void catch(int signal)
{
	struct sigaction action = { .sa_handler = stop, .sa_flags = SA_RESETHAND };

	sigaction(signal, &action, NULL);
}

/**
 * watch_open - begin to listen
 *
 * Return: for watch_wait().
 */
int watch_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
	int fd;

	catch(SIGINT);
	catch(SIGTERM);
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A message is words with a zero behind each. */
static bool is_ours(const char *message, size_t len)
{
	static const char ours[] = "SUBSYSTEM=kvm_mte";

	return memmem(message, len, ours, sizeof(ours));
}

/* All that is there now: several VMs may have changed. */
static bool drain(int fd)
{
	struct sockaddr_nl from;
	bool any = false;
	char message[8192];
	socklen_t len;
	ssize_t got;

	for (;;) {
		len = sizeof(from);
		got = recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&from, &len);
		/* Some were lost: one may have been ours. */
		if (got < 0 && errno == ENOBUFS)
			any = true;
		else if (got < 0)
			return any;
		else if (!from.nl_pid && is_ours(message, got))
			any = true;
	}
}

/**
 * watch_wait - until something has changed, or time is up
 * @fd: from watch_open()
 * @seconds: at most so long
 *
 * Return: false if a signal asked to end.
 */
bool watch_wait(int fd, double seconds)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct timespec now, start;
	int left;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = 1000 * (seconds - (now.tv_sec - start.tv_sec) -
			       (now.tv_nsec - start.tv_nsec) / 1e9);
		if (stopped)
			return false;
		if (left <= 0 || (poll(&wait, 1, left) > 0 && drain(fd)))
			return true;
	}
}
