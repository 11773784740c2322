// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the module's uevents; obeys lines on stdin:
 *
 *   count        -> add N change N remove N bad N        (bad: lacks PID, FD or STATE)
 *   untracked    -> untracked N...                       (UNTRACKED_MIGRATIONS of all so far)
 *   quit         or the end of stdin
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"

#define BUFFER	(64 << 20)

static int sock;
static unsigned long adds, changes, removes, bad;
static char untracked[4096];

static const char *variable(const char *msg, const char *end, const char *name)
{
	size_t n = strlen(name);

	for (; msg < end; msg += strlen(msg) + 1)
		if (!strncmp(msg, name, n) && msg[n] == '=')
			return msg + n + 1;
	return NULL;
}

static void take(const char *msg, const char *end)
{
	const char *subsystem = variable(msg, end, "SUBSYSTEM");
	const char *action = variable(msg, end, "ACTION"), *nr;

	if (!subsystem || strcmp(subsystem, "kvm_mte") || !action)
		return;
	adds += !strcmp(action, "add");
	changes += !strcmp(action, "change");
	removes += !strcmp(action, "remove");
	bad += !variable(msg, end, "PID") || !variable(msg, end, "FD") ||
	       !variable(msg, end, "STATE");
	nr = variable(msg, end, "UNTRACKED_MIGRATIONS");
	if (nr && strlen(untracked) + strlen(nr) + 2 < sizeof(untracked))
		strcat(strcat(untracked, " "), nr);
}

/* All that has been sent by now */
static void drain(void)
{
	char msg[8192];
	ssize_t n;

	while ((n = recv(sock, msg, sizeof(msg) - 1, MSG_DONTWAIT)) > 0) {
		msg[n] = 0;
		take(msg, msg + n);
	}
	if (errno != EAGAIN)
		die("uevents are lost: %s", errno_name(errno));
}

CASE(uevents,
     "no points: counts uevents and obeys lines on stdin")
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int size = BUFFER;
	char line[64];

	sock = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(sock, (void *)&addr, sizeof(addr)))
		die("netlink: %s", errno_name(errno));
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n")) {
		drain();
		if (!strcmp(line, "untracked\n"))
			printf("untracked%s\n", untracked);
		else
			printf("add %lu change %lu remove %lu bad %lu\n", adds, changes, removes, bad);
		fflush(stdout);
	}
	return 0;
}
