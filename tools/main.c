// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte: shows and sets MTE of this host's virtual machines.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kvm-mte.h"

/* --root: the directory that has /sys, /proc, /dev, /boot and /lib. */
const char *root = "";

static const char help[] =
"usage: kvm-mte status [--json]\n"
"       kvm-mte check [--json] [VM|PID|NAME]\n"
"       kvm-mte list [--json] [--watch[=SECONDS]] [--count=N]\n"
"       kvm-mte events [--json] [--count=N]\n"
"       kvm-mte enable|disable VM|PID|NAME...\n"
"       kvm-mte migrate [-e COMMAND] [--host=HOST] DOMAIN DESTINATION-URI [-- VIRSH-OPTION...]\n"
"       kvm-mte migrate --qmp=SOCKET [-e COMMAND] [--host=HOST] [--name=NAME] VM MIGRATE-URI\n"
"       kvm-mte save DOMAIN FILE [-- VIRSH-OPTION...]\n"
"       kvm-mte restore [--paused] FILE [-- VIRSH-OPTION...]\n"
"       kvm-mte save --qmp=SOCKET VM FILE\n"
"       kvm-mte restore --qmp=SOCKET [--paused] VM FILE\n"
"       kvm-mte tags save [--at-end] [--progress] VM|PID|NAME >FILE\n"
"       kvm-mte tags load [--incoming] [--progress] VM|PID|NAME <FILE\n"
"       kvm-mte tags check <FILE\n"
"       kvm-mte hold|release VM|PID|NAME...\n"
"       kvm-mte policy [request|on|off]\n"
"       kvm-mte policy --cgroup=PATH [request|on|off|none]\n"
"       kvm-mte policy --migration [warn|refuse]\n"
"       kvm-mte run [--on|--off|--request] [--cgroup=PATH] -- COMMAND [ARGUMENT...]\n"
"       kvm-mte drain [--wait[=SECONDS]]\n"
"       kvm-mte metrics [--output=FILE]\n"
"       kvm-mte --help | --version\n"
"\n"
"  status   backend, policy and VMs; or why this host's guests cannot have MTE\n"
"  check    can this host, or a VM, have MTE: each requirement, and what to do about it\n"
"  list     the VMs: state, who asked for it, vCPUs, memory with tags, guest's name\n"
"  events   print what happens, as it happens: changes of state, who has changed what,\n"
"           refusals, migrations without the tags\n"
"  enable   turn MTE on for a VM: now, or when its guest next reboots\n"
"  disable  turn MTE off for a VM: now, or when its guest next reboots\n"
"  migrate  migrate a guest with its tags: a domain of libvirt, or a VM by its QEMU's monitor\n"
"  save     save a guest, and its tags in FILE.tags, and end it\n"
"  restore  restore a guest that was saved, with its tags\n"
"  tags     save the tags of a VM's memory (--at-end: when the VM ends), load them into a\n"
"           VM that is held (--incoming: wait for it, and hold it before it runs), or check\n"
"           that what was saved is whole\n"
"  hold     keep a VM's vCPUs out of the guest\n"
"  release  let a VM's vCPUs into the guest again\n"
"  policy   show or set the policy for new VMs, or that for a cgroup's VMs, or what\n"
"           happens at a migration without the tags\n"
"  run      run a command with its own policy: its VMs get MTE (--on, the default), get\n"
"           it if they ask (--request), or do not get it (--off); or in a cgroup\n"
"  drain    turn the policy off, and show which VMs keep the module from being unloaded;\n"
"           or wait until none does\n"
"  metrics  print the module's and the VMs' numbers for Prometheus\n"
"\n"
"  --root=DIR   before the command: look below DIR instead of /\n"
"\n"
"Exit status: 0 done; 1 error; 2 usage; 3 guests cannot have MTE on this host (status,\n"
"check); 4 the module is not loaded (status, check: and nothing was found that prevents\n"
"MTE); 5 only root can know (check); 6 a VM needs the module (drain). run: the\n"
"command's; 125 kvm-mte failed, 126 the command cannot be run, 127 it was not found.\n"
"See kvm-mte(8).\n";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "status", cmd_status },
	{ "check", cmd_check },
	{ "list", cmd_list },
	{ "events", cmd_events },
	{ "enable", cmd_enable },
	{ "disable", cmd_disable },
	{ "tags", cmd_tags },
	{ "migrate", cmd_migrate },
	{ "save", cmd_save },
	{ "restore", cmd_restore },
	{ "hold", cmd_hold },
	{ "release", cmd_release },
	{ "policy", cmd_policy },
	{ "run", cmd_run },
	{ "drain", cmd_drain },
	{ "metrics", cmd_metrics },
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
 * complain - print an error
 * @fmt: printf() style; the result is made safe for a terminal
 */
void complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_message(fmt, args);
	va_end(args);
}

/**
 * more_than_help - print how to get the help
 *
 * Return: END_USAGE.
 */
int more_than_help(void)
{
	fputs("Try \"kvm-mte --help\".\n", stderr);
	return END_USAGE;
}

/**
 * take_json_option - read the options of a command that has only --json
 * @argc: number of arguments
 * @argv: the command and its arguments; optind is set to the first that is no option
 * @json: set to whether it was given
 *
 * Return: exit status.
 */
int take_json_option(int argc, char **argv, bool *json)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	*json = false;
	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (c != 'j')
			return more_than_help();
		*json = true;
	}
	return END_OK;
}

/**
 * usage_error - print that the usage is wrong, and how to get the help
 * @fmt: printf() style
 *
 * Return: END_USAGE.
 */
int usage_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_message(fmt, args);
	va_end(args);
	return more_than_help();
}

/**
 * flush_output - write out what was printed so far
 *
 * Prints the first failure only.
 *
 * Return: 0 or END_ERROR.
 */
int flush_output(void)
{
	static bool failed;

	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	if (!failed)
		complain("cannot write: %s", strerror(errno));
	failed = true;
	return END_ERROR;
}

/* Some filesystems report a failed write when the file is closed. */
static int finish(int end)
{
	if (flush_output())
		return END_ERROR;
	if (close(STDOUT_FILENO) && errno != EBADF) {
		complain("cannot write: %s", strerror(errno));
		return END_ERROR;
	}
	return end;
}

/* If the directory of --root is missing, nothing can be said about a host. */
static int check_root(const char *command)
{
	int fd = open(*root ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return END_OK;
	}
	complain("--root: %s: %s", root, strerror(errno));
	return strcmp(command, "run") ? END_ERROR : END_RUN_ERROR;
}

/* The parent may ignore the end of its children, or block signals. */
static void set_signals(void)
{
	sigset_t none;

	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Each VM needs an open file. */
static void allow_many_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static int run_command(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[0], commands[i].name))
			continue;
		/* getopt() prints its errors with this name. */
		argv[0] = "kvm-mte";
		optind = 0;
		/* Only the command of "run" must find the signals and limits as they were. */
		if (commands[i].run != cmd_run) {
			set_signals();
			allow_many_files();
		}
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
			return finish(END_OK);
		case 'V':
			puts("kvm-mte " VERSION);
			return finish(END_OK);
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
	c = check_root(argv[optind]);
	return c ? c : finish(run_command(argc - optind, argv + optind));
}
