// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte events: prints what happens to VMs, as it happens.  The kernel reports changes of
 * state and untracked migrations as uevents, and refusals and successful changes in its log.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "events.h"

/* If a signal comes between the check for signals and poll(), poll() must end soon. */
#define AGAIN	1000

/**
 * struct stream - what "events" does
 * @json: print objects
 * @left: number of events to print; 0 for no limit
 * @end: it has ended
 * @status: its exit status
 */
struct stream {
	bool json;
	long left;
	bool end;
	int status;
};

static struct stream stream;

static void put_time(FILE *to)
{
	time_t now = time(NULL);
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	fputs(text, to);
}

static void put_string(const char *key, const char *value)
{
	printf(", \"%s\": ", key);
	put_json(stdout, value);
}

static void put_number(const char *key, long long nr)
{
	if (nr < 0)
		printf(", \"%s\": null", key);
	else
		printf(", \"%s\": %lld", key, nr);
}

static void put_object(const struct event *event)
{
	fputs("{\"time\": \"", stdout);
	put_time(stdout);
	putchar('"');
	put_string("event", event->what);
	put_string("vm", event->vm);
	put_string("name", event->name);
	put_number("pid", event->pid);
	put_string("state", event->state);
	put_number("untracked_migrations", event->untracked);
	put_string("message", event->message);
	put_number("by_uid", event->by_uid);
	put_number("by_pid", event->by_pid);
	put_string("by_name", event->by_name);
	puts("}");
}

static void put_line(const struct event *event)
{
	put_time(stdout);
	printf(" %s", event->what);
	if (event->vm) {
		putchar(' ');
		put_safely(stdout, event->vm);
	}
	if (event->name) {
		fputs(" (", stdout);
		put_safely(stdout, event->name);
		putchar(')');
	}
	if (event->message || event->state || event->untracked >= 0)
		fputs(": ", stdout);
	if (event->message)
		put_safely(stdout, event->message);
	else if (event->untracked >= 0)
		printf("%lld so far", event->untracked);
	else if (event->state)
		put_safely(stdout, event->state);
	putchar('\n');
}

/**
 * event_put - print an event
 * @event: the event; its guest's name is added if there is one
 */
void event_put(struct event *event)
{
	char *name = NULL;

	if (stream.end)
		return;
	if (event->pid >= 0)
		name = guest_name(event->pid);
	event->name = name;
	if (stream.json)
		put_object(event);
	else
		put_line(event);
	free(name);
	if (flush_output()) {
		stream.status = END_ERROR;
		stream.end = true;
	}
	if (stream.left && !--stream.left)
		stream.end = true;
}

static int run(void)
{
	int uevents = watch_open(), klog = events_open_log();

	if (uevents < 0)
		complain("no uevents here: changes of state are not shown");
	watch_signals();
	while (!stream.end && !watch_stopped() && (uevents >= 0 || klog >= 0)) {
		struct pollfd fds[] = {
			{ .fd = uevents, .events = POLLIN }, { .fd = klog, .events = POLLIN },
		};

		if (poll(fds, ARRAY_SIZE(fds), AGAIN) <= 0)
			continue;
		if (fds[0].revents)
			events_read_uevents(uevents);
		if (fds[1].revents && !events_read_log(klog, uevents < 0)) {
			close(klog);
			klog = -1;
		}
	}
	if (uevents >= 0)
		close(uevents);
	if (klog >= 0)
		close(klog);
	return stream.status;
}

/**
 * cmd_events - "kvm-mte events [--json] [--count=N]"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_events(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "jc:", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			stream.json = true;
			break;
		case 'c':
			if (!parse_count(optarg, &stream.left))
				return usage_error("--count: not a number: %s", optarg);
			break;
		default:
			return more_than_help();
		}
	}
	if (optind < argc)
		return usage_error("events takes no argument: %s", argv[optind]);
	if (!is_loaded())
		return not_loaded();
	return run();
}
