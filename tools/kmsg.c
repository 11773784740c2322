// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's lines in the kernel's log, as events.  Each read of /dev/kmsg returns one
 * line: "LEVEL,NUMBER,TIME,FLAGS;TEXT".  Bytes that are not printable are there as \xHH.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "events.h"

/**
 * events_open_log - from now on, the module's lines in the log are events
 *
 * Return: a file; -1 after an error message.
 */
int events_open_log(void)
{
	char *path = below_root("/dev/kmsg");
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		complain("%s: %s: refusals, and who has changed what, are not shown", path,
			 strerror(errno));
	else
		lseek(fd, 0, SEEK_END);
	free(path);
	return fd;
}

/* Undoes what /dev/kmsg has done to bytes that are not printable, in place. */
static void unescape(char *text)
{
	unsigned int byte;
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] == 'x' && isxdigit((unsigned char)text[2]) &&
		    isxdigit((unsigned char)text[3]) && sscanf(text + 2, "%2x", &byte) == 1 &&
		    byte) {
			*to++ = byte;
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* "1234-11: text": ends the VM's name with a zero byte. */
static char *split_vm(char *text, const char **vm)
{
	size_t first = strspn(text, "0123456789"), second;

	*vm = NULL;
	if (!first || text[first] != '-')
		return text;
	second = strspn(text + first + 1, "0123456789");
	if (!second || strncmp(text + first + 1 + second, ": ", 2))
		return text;
	text[first + 1 + second] = '\0';
	*vm = text;
	return text + first + 1 + second + 2;
}

/* "what, by uid 0, process 4711 (name)".  The name may have any characters. */
static bool split_writer(char *text, struct event *event)
{
	static const char mark[] = ", by uid ";
	char *by = NULL, *name = NULL, *next, *end = text + strlen(text);
	unsigned int uid, by_uid = 0;
	int pid, by_pid = 0, at;

	/* A cgroup's name may have this text.  The name of a process is too short for it. */
	for (next = strstr(text, mark); next; next = strstr(next + 1, mark)) {
		at = 0;
		if (sscanf(next, ", by uid %u, process %d (%n", &uid, &pid, &at) != 2 || !at)
			continue;
		by = next;
		name = next + at;
		by_uid = uid;
		by_pid = pid;
	}
	if (!by || end[-1] != ')' || end - 1 < name)
		return false;
	end[-1] = '\0';
	*by = '\0';
	event->by_uid = by_uid;
	event->by_pid = by_pid;
	event->by_name = name;
	return true;
}

static bool is_refusal(const char *text)
{
	static const char * const words[] = {
		"not turned on", "no longer turning on", "not changed", "not held", " refused",
		" not mapped", "policy asked for MTE, but ",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

static void take(char *line, bool alone)
{
	static const char ours[] = "kvm_mte: ";
	struct event event = NO_EVENT;
	char *text = strchr(line, ';'), *whole, *rest;

	if (!text || strncmp(text + 1, ours, sizeof(ours) - 1))
		return;
	text += sizeof(ours);
	/* Lines "KEY=value" follow. */
	text[strcspn(text, "\n")] = '\0';
	unescape(text);
	rest = split_vm(text, &event.vm);
	/* A uevent has reported this already. */
	if (!alone && !strncmp(rest, "untracked migration: ", 21))
		return;
	whole = need(strdup(rest));
	event.pid = event.vm ? atoll(event.vm) : -1;
	event.message = whole;
	if (split_writer(rest, &event))
		event.what = "set";
	else
		event.what = is_refusal(rest) ? "refused" : "message";
	event_put(&event);
	free(whole);
}

/**
 * events_read_log - print the module's lines that are new
 * @fd: from events_open_log()
 * @alone: there are no uevents
 *
 * Return: false if there will be no more.
 */
bool events_read_log(int fd, bool alone)
{
	struct event lost = NO_EVENT;
	char line[8193];
	ssize_t got;

	for (;;) {
		got = read(fd, line, sizeof(line) - 1);
		if (got > 0) {
			line[got] = '\0';
			take(line, alone);
			continue;
		}
		/* The log has overwritten lines that were not read yet. */
		if (got < 0 && errno == EPIPE) {
			lost.what = "lost";
			lost.message = "lines of the log were lost";
			event_put(&lost);
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		return got < 0 && errno == EAGAIN;
	}
}
