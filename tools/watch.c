// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits until a VM is created, changes or is destroyed, by listening to the module's
 * uevents.  In a container there may be no uevents: then only the interval counts.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "kvm-mte.h"

/* The multicast group of the kernel; udev has another one. */
#define GROUP_KERNEL	1

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* A second signal ends the program at once. */
static void catch(int signal)
{
	struct sigaction action = { .sa_handler = stop, .sa_flags = SA_RESETHAND };

	sigaction(signal, &action, NULL);
}

/**
 * watch_signals - from now on watch_wait() returns false after SIGINT or SIGTERM
 */
void watch_signals(void)
{
	catch(SIGINT);
	catch(SIGTERM);
}

/**
 * watch_stopped - has a signal asked the program to end?
 *
 * Return: true if one has.
 */
bool watch_stopped(void)
{
	return stopped;
}

/**
 * watch_open - begin to listen
 *
 * Return: a descriptor for watch_wait(); -1 if there are no uevents.
 */
int watch_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
	int fd;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A message consists of words, each with a zero byte at its end. */
static bool is_ours(const char *message, size_t len)
{
	static const char ours[] = "SUBSYSTEM=kvm_mte";

	return memmem(message, len, ours, sizeof(ours));
}

/* Reads all messages that have arrived: several VMs may have changed. */
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
		/* Messages were lost.  One of them may have been about a VM. */
		if (got < 0 && errno == ENOBUFS)
			any = true;
		else if (got < 0)
			return any;
		else if (!from.nl_pid && is_ours(message, got))
			any = true;
	}
}

/**
 * watch_wait - wait until a VM has changed, or the time is over
 * @fd: from watch_open()
 * @seconds: the longest time to wait
 *
 * Return: false if a signal asks the program to end.
 */
bool watch_wait(int fd, double seconds)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	long long start = now_ms();
	int left;

	for (;;) {
		left = 1000 * seconds - (now_ms() - start);
		if (stopped)
			return false;
		if (left <= 0 || (poll(&wait, 1, left) > 0 && drain(fd)))
			return true;
	}
}
