// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals that ask to stop, and the news that a child has ended, from a file descriptor.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "jobs.h"

/* Signals of one event come within this time, in milliseconds. */
#define ONE_EVENT	1000

/**
 * signals_open - from now on, signals that ask to stop are counted
 * @before: set to the signals that were blocked before
 *
 * Return: a file descriptor that is readable when one has come, or when a child has ended.
 */
int signals_open(sigset_t *before)
{
	struct sigaction old;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	/* nohup(1): a blocked signal comes even if it is ignored. */
	if (sigaction(SIGHUP, NULL, &old) || old.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, before);
	/* The program that reads the output may end. */
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0)
		return fd;
	complain("signalfd: %s", strerror(errno));
	exit(END_ERROR);
}

/*
 * One event may send several signals: when a terminal is closed, its shell and the kernel send
 * SIGHUP each; systemd sends SIGTERM and SIGHUP to a session; timeout(1) sends SIGTERM twice.
 * SIGINT is a key.
 */
static bool is_another(int signal)
{
	static long long last = -ONE_EVENT;
	long long before = last;

	last = now_ms();
	return signal == SIGINT || last - before >= ONE_EVENT;
}

/**
 * signals_read - take the signals that have come
 * @fd: from signals_open()
 *
 * Return: how often it was asked to stop.
 */
int signals_read(int fd)
{
	struct signalfd_siginfo info;
	int stops = 0;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		stops += info.ssi_signo != SIGCHLD && is_another(info.ssi_signo);
	return stops;
}
