// SPDX-License-Identifier: GPL-2.0
/*
 * kvm-mte: MTE of this host's virtual machines, for those who run them.
 */
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-mte.h"

/* Where /sys, /proc, /dev, /boot and /lib are looked for: --root. */
const char *root = "";

static const char help[] =
"usage: kvm-mte status\n"
"       kvm-mte list [--json] [--watch[=SECONDS]] [--count=N]\n"
"       kvm-mte enable|disable VM|PID|NAME...\n"
"       kvm-mte policy [request|on|off]\n"
"       kvm-mte run [--on|--off|--request] -- COMMAND [ARGUMENT...]\n"
"       kvm-mte --help | --version\n"
"\n"
"  status   backend, policy and VMs; or why this host's guests cannot have MTE\n"
"  list     the VMs: state, who asked for it, vCPUs, memory with tags, guest's name\n"
"  enable   turn MTE on for a VM: now, or when its guest next reboots\n"
"  disable  turn it off, likewise\n"
"  policy   show or set what becomes of new VMs\n"
"  run      run a command whose VMs get MTE (--on, the default), get it if they ask\n"
"           (--request), or do not get it (--off), whatever the policy is\n"
"\n"
"  --root=DIR   before the command: look below DIR instead of /\n"
"\n"
"Exit status: 0 done; 1 error; 2 usage; 3 the module is not loaded, or MTE cannot be\n"
"had. run: that of the command; 125 kvm-mte failed, 126 the command cannot be run, 127 it\n"
"was not found. See kvm-mte(8).\n";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "status", cmd_status },
	{ "list", cmd_list },
	{ "enable", cmd_enable },
	{ "disable", cmd_disable },
	{ "policy", cmd_policy },
	{ "run", cmd_run },
};

static void put_message(const char *fmt, va_list args)
{
	char *text;

	fputs("kvm-mte: ", stderr);
	if (vasprintf(&text, fmt, args) < 0) {
		fputs(fmt, stderr);
	} else {
		put_safely(stderr, text);
		free(text);
	}
	putc('\n', stderr);
}

/**
 * complain - tell of an error
 * @fmt: printf() style; what it comes to is made safe for a terminal
 */
void complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_message(fmt, args);
	va_end(args);
}

/**
 * more_than_help - point to the help
 *
 * Return: the exit status for wrong usage.
 */
int more_than_help(void)
{
	fputs("Try \"kvm-mte --help\".\n", stderr);
	return END_USAGE;
}

/**
 * usage_error - tell of wrong usage
 * @fmt: printf() style
 *
 * Return: the exit status for that.
 */
int usage_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_message(fmt, args);
	va_end(args);
	return more_than_help();
}

static int run_command(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[0], commands[i].name))
			continue;
		/* getopt() complains in this name. */
		argv[0] = "kvm-mte";
		optind = 0;
		return commands[i].run(argc, argv);
	}
	return usage_error("no such command: %s", argv[0]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "root", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	setlocale(LC_CTYPE, "");
	while ((c = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			return END_OK;
		case 'V':
			puts("kvm-mte " VERSION);
			return END_OK;
		case 'r':
			root = optarg;
			break;
		default:
			return more_than_help();
		}
	}
	if (optind >= argc) {
		fputs(help, stderr);
		return END_USAGE;
	}
	return run_command(argc - optind, argv + optind);
}
