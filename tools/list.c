// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte list: print the VMs, once or repeatedly.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

#define INTERVAL	2.0

static void put_table(const struct vms *vms)
{
	const struct vm *vm;
	size_t i;

	printf("%-14s %7s %-11s %-6s %5s %7s  %s\n", "VM", "PID", "STATE", "ORIGIN", "VCPUS",
	       "TAGGED", "NAME");
	for (i = 0; i < vms->nr; i++) {
		vm = &vms->vm[i];
		printf("%-14s %7lld %-11s %-6s %5lld ", vm->dir, vm->pid, vm->state, vm->origin,
		       vm->vcpus);
		put_pages(stdout, vm->pages_tagged);
		fputs("  ", stdout);
		put_safely(stdout, vm->name ?: "-");
		putchar('\n');
	}
}

static void put_object(const struct vm *vm)
{
	fputs("{\"vm\": ", stdout);
	put_json(stdout, vm->dir);
	fputs(", \"name\": ", stdout);
	put_json(stdout, vm->name);
	printf(", \"pid\": %lld, \"state\": ", vm->pid);
	put_json(stdout, vm->state);
	fputs(", \"origin\": ", stdout);
	put_json(stdout, vm->origin);
	printf(", \"vcpus\": %lld, \"pages_tagged\": %lld, \"tags_restored\": %lld, \"untracked_migrations\": %lld, \"held\": %s}",
	       vm->vcpus, vm->pages_tagged, vm->tags_restored, vm->untracked,
	       vm->held ? "true" : "false");
}

static void put_array(const struct vms *vms)
{
	size_t i;

	putchar('[');
	for (i = 0; i < vms->nr; i++) {
		fputs(i ? ",\n " : "\n ", stdout);
		put_object(&vms->vm[i]);
	}
	puts(vms->nr ? "\n]" : "]");
}

/* All VMs in a line, for programs that read a line at a time. */
static void put_line(const struct vms *vms)
{
	size_t i;

	fputs("{\"vms\": [", stdout);
	for (i = 0; i < vms->nr; i++) {
		fputs(i ? ", " : "", stdout);
		put_object(&vms->vm[i]);
	}
	puts("]}");
}

/* For completion: the words that "enable" accepts, one a line. */
static void put_names(const struct vms *vms)
{
	const char *name;
	size_t i;

	for (i = 0; i < vms->nr; i++) {
		puts(vms->vm[i].dir);
		name = vms->vm[i].name;
		if (name && !strpbrk(name, "\n\r\t\033"))
			puts(name);
	}
}

static int list_once(void (*put)(const struct vms *vms))
{
	struct vms vms;
	int err;

	err = vms_read(&vms);
	if (err == -ENOENT) {
		vms_free(&vms);
		return not_loaded();
	}
	if (err)
		complain("%s: %s", MTE_VMS, strerror(-err));
	else
		put(&vms);
	vms_free(&vms);
	if (flush_output())
		return END_ERROR;
	return err ? END_ERROR : END_OK;
}

static int list_again(void (*put)(const struct vms *vms), double seconds, long count)
{
	int fd = watch_open();
	int end;

	watch_signals();
	for (;;) {
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[J", stdout);
		end = list_once(put);
		if (end || (count && !--count) || !watch_wait(fd, seconds))
			break;
		if (put == put_table && !isatty(STDOUT_FILENO))
			putchar('\n');
	}
	if (fd >= 0)
		close(fd);
	return end;
}

/**
 * parse_seconds - read a number of seconds
 * @text: the number: at least 0.1, at most a day
 * @seconds: set to it
 *
 * Return: false if @text is no such number.
 */
bool parse_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return *text && !*end && *seconds >= 0.1 && *seconds <= 86400;
}

/**
 * parse_count - read a number that is greater than 0
 * @text: the number
 * @count: set to it
 *
 * Return: false if @text is no such number.
 */
bool parse_count(const char *text, long *count)
{
	char *end;

	*count = strtol(text, &end, 10);
	return *text && !*end && *count > 0;
}

/**
 * cmd_list - "kvm-mte list"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "names", no_argument, NULL, 'n' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 }
	};
	void (*put)(const struct vms *vms) = put_table;
	double seconds = INTERVAL;
	bool again = false;
	long count = 0;
	int c;

	while ((c = getopt_long(argc, argv, "jw::c:", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			put = put_array;
			break;
		case 'n':
			put = put_names;
			break;
		case 'w':
			again = true;
			if (optarg && !parse_seconds(optarg, &seconds))
				return usage_error("--watch: not a number of seconds: %s", optarg);
			break;
		case 'c':
			again = true;
			if (!parse_count(optarg, &count))
				return usage_error("--count: not a number: %s", optarg);
			break;
		default:
			return more_than_help();
		}
	}
	if (optind < argc)
		return usage_error("list takes no VM: %s", argv[optind]);
	if (again && put == put_array)
		put = put_line;
	return again ? list_again(put, seconds, count) : list_once(put);
}
