// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte drain: turns the policy off, and prints which VMs still keep the module from being
 * unloaded.  Nothing is done to a VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

/* The longest time between two looks, in seconds: a held VM that is released sends no uevent. */
#define INTERVAL	2.0

static int cannot(const char *path, int err)
{
	if (err == -EACCES || err == -EPERM)
		complain("only root may change the policy");
	else
		complain("%s: %s", path, strerror(-err));
	return END_ERROR;
}

static void said(const char *what, const char *who, const char *before)
{
	fputs(what, stdout);
	put_safely(stdout, who);
	printf(": %s -> off\n", before);
}

static int turn_default_off(void)
{
	char *path = below_root(MTE_POLICY "/default");
	char before[16];
	int err = read_word(AT_FDCWD, path, before, sizeof(before));
	bool is_off = !strcmp(before, "off");

	if (!err && !is_off)
		err = write_word(AT_FDCWD, path, "off");
	if (err)
		cannot(path, err);
	else if (is_off)
		puts("policy: off already");
	else
		said("policy", "", before);
	free(path);
	return err ? END_ERROR : END_OK;
}

/* Moves all entries of the list to the list "off".  An entry that is gone meanwhile is no error. */
static int turn_list_off(const char *list, const char *of, const char *what)
{
	char *text = read_all(below_root(MTE_POLICY "/%s_%s", list, of), NULL);
	char *line, *next, *path;
	int err, end = END_OK;

	for (line = text ? strtok_r(text, "\n", &next) : NULL; line && !end;
	     line = strtok_r(NULL, "\n", &next)) {
		path = below_root(MTE_POLICY "/off_%s", of);
		err = write_word(AT_FDCWD, path, line);
		if (!err)
			said(what, line, list);
		else if (err != -ESRCH && err != -ENOENT)
			end = cannot(path, err);
		free(path);
	}
	free(text);
	return end;
}

static int turn_policy_off(void)
{
	int end = turn_default_off();

	if (!end)
		end = turn_list_off("on", "cgroups", "cgroup ");
	if (!end)
		end = turn_list_off("request", "cgroups", "cgroup ");
	if (!end)
		end = turn_list_off("on", "pids", "process ");
	if (!end)
		end = turn_list_off("request", "pids", "process ");
	return end;
}

static bool needs_module(const struct vm *vm)
{
	return strcmp(vm->state, "off") || vm->held;
}

/*
 * If the origin is not admin, the VM had MTE from the start, and its program knows the tag
 * registers.  It may need them at each reset, also after MTE was turned off, so "disable" does
 * not help.  "migrate" refuses a VM that is held.
 */
static void put_need(const struct vm *vm)
{
	put_vm(stdout, vm);
	printf(": %s%s, process %lld: ", vm->state, vm->held ? ", held" : "", vm->pid);
	if (vm->held && strcmp(vm->state, "off"))
		printf("load its tags or \"kvm-mte release %s\"; then ", vm->dir);
	if (!strcmp(vm->state, "off"))
		printf("\"kvm-mte release %s\"\n", vm->dir);
	else if (!strcmp(vm->state, "turning-off"))
		puts("reboot its guest, migrate it or end it");
	else if (!strcmp(vm->state, "turning-on"))
		printf("\"kvm-mte disable %s\", migrate it or end it\n", vm->dir);
	else if (!strcmp(vm->origin, "admin"))
		printf("\"kvm-mte disable %s\" and reboot its guest, migrate it or end it\n",
		       vm->dir);
	else
		puts("migrate it or end it");
}

/* A program that has /dev/kvm_mte open, or that just writes to a file, uses the module too. */
static long long uses(void)
{
	char *path = below_root("/sys/module/kvm_mte/refcnt");
	long long nr;

	read_number(AT_FDCWD, path, &nr);
	free(path);
	return nr;
}

/**
 * struct need - what keeps the module loaded
 * @nr: number of VMs
 * @uses: how often the module is used, by VMs and others
 * @names: the VMs' directories and states, to see a change
 */
struct need {
	size_t nr;
	long long uses;
	char *names;
};

/* Prints the VMs if they are not as in @last. */
static int look(struct need *need_now, const char *last)
{
	size_t size, i;
	struct vms vms;
	FILE *names;
	int end = need_vms(&vms);

	need_now->nr = 0;
	names = need(open_memstream(&need_now->names, &size));
	for (i = 0; !end && i < vms.nr; i++) {
		if (!needs_module(&vms.vm[i]))
			continue;
		need_now->nr++;
		fprintf(names, "%s %s %lld\n", vms.vm[i].dir, vms.vm[i].state, vms.vm[i].held);
	}
	fclose(names);
	need_now->uses = uses();
	for (i = 0; !end && (!last || strcmp(last, need_now->names)) && i < vms.nr; i++)
		if (needs_module(&vms.vm[i]))
			put_need(&vms.vm[i]);
	vms_free(&vms);
	return end;
}

static bool is_free(const struct need *need_now)
{
	return !need_now->nr && need_now->uses <= 0;
}

static void put_result(const struct need *need_now)
{
	if (is_free(need_now))
		puts("no VM needs the module: \"rmmod kvm_mte\" unloads it");
	else if (need_now->nr)
		printf("%zu VM%s the module\n", need_now->nr,
		       need_now->nr == 1 ? " needs" : "s need");
	else
		puts("no VM needs the module, but a program uses it: it has /dev/kvm_mte open, or writes to a file of the module");
}

/* @seconds: less than 0 for no limit */
static int wait_until_free(struct need *need_now, double seconds)
{
	double left = INTERVAL;
	long long start = now_ms();
	char *last = need_now->names;
	int fd = watch_open(), end = END_OK;

	watch_signals();
	while (!end && !is_free(need_now)) {
		if (seconds >= 0)
			left = seconds - (now_ms() - start) / 1000.0;
		if (left <= 0)
			break;
		if (flush_output() || !watch_wait(fd, left < INTERVAL ? left : INTERVAL))
			break;
		end = look(need_now, last);
		free(last);
		last = need_now->names;
	}
	if (fd >= 0)
		close(fd);
	return end;
}

/* @seconds: NULL to look once */
static int drain(const double *seconds)
{
	struct need need_now;
	int end = turn_policy_off();

	if (end)
		return end;
	end = look(&need_now, NULL);
	if (!end && seconds)
		end = wait_until_free(&need_now, *seconds);
	if (!end) {
		put_result(&need_now);
		end = is_free(&need_now) ? END_OK : END_IN_USE;
		if (end && watch_stopped())
			complain("interrupted: the policy stays off; \"kvm-mte policy\" sets another one");
	}
	free(need_now.names);
	return end;
}

/**
 * cmd_drain - "kvm-mte drain [--wait[=SECONDS]]"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_drain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "wait", optional_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 }
	};
	double seconds = -1;
	bool wait = false;
	int c;

	while ((c = getopt_long(argc, argv, "w::", options, NULL)) != -1) {
		if (c != 'w')
			return more_than_help();
		wait = true;
		if (optarg && !parse_seconds(optarg, &seconds))
			return usage_error("--wait: not a number of seconds: %s", optarg);
	}
	if (optind < argc)
		return usage_error("drain takes no argument: %s", argv[optind]);
	if (!is_loaded())
		return not_loaded();
	return drain(wait ? &seconds : NULL);
}
