// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's uevents, as events.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "events.h"

/* A message consists of words, each with a zero byte at its end. */
static const char *value_of(const char *message, size_t len, const char *key)
{
	size_t size = strlen(key);
	const char *word;

	for (word = message; word < message + len; word += strlen(word) + 1)
		if (!strncmp(word, key, size))
			return word + size;
	return NULL;
}

static const char *word_for(const char *action)
{
	if (!strcmp(action, "add"))
		return "added";
	if (!strcmp(action, "remove"))
		return "removed";
	return "changed";
}

static void take(const char *message, size_t len)
{
	const char *subsystem = value_of(message, len, "SUBSYSTEM=");
	const char *action = value_of(message, len, "ACTION=");
	const char *path = value_of(message, len, "DEVPATH=");
	const char *pid = value_of(message, len, "PID=");
	const char *untracked = value_of(message, len, "UNTRACKED_MIGRATIONS=");
	struct event event = NO_EVENT;

	if (!subsystem || strcmp(subsystem, "kvm_mte") || !action || !path)
		return;
	event.vm = strrchr(path, '/');
	event.vm = event.vm ? event.vm + 1 : path;
	event.pid = pid ? atoll(pid) : -1;
	event.state = value_of(message, len, "STATE=");
	event.what = word_for(action);
	if (untracked) {
		event.what = "untracked-migration";
		event.untracked = atoll(untracked);
	}
	event_put(&event);
}

/**
 * events_read_uevents - print all uevents that have arrived
 * @fd: from watch_open()
 */
void events_read_uevents(int fd)
{
	struct event lost = NO_EVENT;
	struct sockaddr_nl from;
	char message[8192];
	socklen_t len;
	ssize_t got;

	for (;;) {
		len = sizeof(from);
		got = recvfrom(fd, message, sizeof(message) - 1, 0, (struct sockaddr *)&from, &len);
		if (got < 0 && errno == ENOBUFS) {
			lost.what = "lost";
			lost.message = "changes of state were lost: \"kvm-mte list\" has the present ones";
			event_put(&lost);
		} else if (got < 0) {
			return;
		} else if (!from.nl_pid) {
			/* The last word may lack its zero byte. */
			message[got] = '\0';
			take(message, got);
		}
	}
}
