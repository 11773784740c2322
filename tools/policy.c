// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte policy: the policy for VMs that are created from now on.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-mte.h"

static void put_cgroup(const char *list, const char *path, void *arg)
{
	(void)arg;
	printf("%-8s ", list);
	put_safely(stdout, path);
	putchar('\n');
}

/* @cgroup: NULL for the default policy, and all cgroups that have their own */
static int show(const char *path, const char *cgroup)
{
	char word[16];
	int err = read_word(AT_FDCWD, path, word, sizeof(word));

	if (err) {
		complain("%s: %s", path, strerror(-err));
		return END_ERROR;
	}
	if (cgroup) {
		show_cgroup(cgroup, word);
		return END_OK;
	}
	puts(word);
	each_listed_cgroup(put_cgroup, NULL);
	return END_OK;
}

static int set(const char *path, const char *word)
{
	int err = write_word(AT_FDCWD, path, word);

	if (!err)
		return END_OK;
	if (err == -EACCES || err == -EPERM)
		complain("only root may change the policy");
	else
		complain("%s: %s", path, strerror(-err));
	return END_ERROR;
}

static bool is_policy(const char *word)
{
	return !strcmp(word, "request") || !strcmp(word, "on") || !strcmp(word, "off");
}

static bool is_migration(const char *word)
{
	return !strcmp(word, "warn") || !strcmp(word, "refuse");
}

/* Prints an error if the arguments are not right. */
static bool check(int argc, char **argv, const char *cgroup, bool migration)
{
	if (cgroup && migration) {
		usage_error("policy: --migration is for all VMs, not for a cgroup's");
		return false;
	}
	if (cgroup && !is_cgroup_path(cgroup))
		return false;
	if (argc > 1) {
		usage_error("policy takes one word");
		return false;
	}
	if (migration) {
		if (!argc || is_migration(argv[0]))
			return true;
		usage_error("policy --migration: not one of warn, refuse: %s", argv[0]);
		return false;
	}
	if (!argc || is_policy(argv[0]) || (cgroup && !strcmp(argv[0], "none")))
		return true;
	usage_error("policy: not one of request, on, off%s: %s", cgroup ? ", none" : "", argv[0]);
	return false;
}

static int show_migration(const char *path)
{
	char word[16];
	int err = read_word(AT_FDCWD, path, word, sizeof(word));

	if (err == -ENOENT)
		complain("the loaded module has no policy for migrations");
	else if (err)
		complain("%s: %s", path, strerror(-err));
	else
		puts(word);
	return err ? END_ERROR : END_OK;
}

/* @word: NULL to show it */
static int do_migration(const char *word)
{
	char *path = below_root(MTE_POLICY "/migration");
	int end = word ? set(path, word) : show_migration(path);

	free(path);
	return end;
}

/**
 * cmd_policy - "kvm-mte policy [request|on|off]",
 *	"kvm-mte policy --cgroup=PATH [request|on|off|none]",
 *	"kvm-mte policy --migration [warn|refuse]"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_policy(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cgroup", required_argument, NULL, 'c' },
		{ "migration", no_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 }
	};
	const char *cgroup = NULL;
	bool migration = false;
	char *path;
	int c, end;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return more_than_help();
		if (c == 'c')
			cgroup = optarg;
		else
			migration = true;
	}
	argc -= optind;
	argv += optind;
	if (!check(argc, argv, cgroup, migration))
		return END_USAGE;
	if (!is_loaded())
		return not_loaded();
	if (migration)
		return do_migration(argc ? argv[0] : NULL);
	if (cgroup && argc)
		return set_cgroup(cgroup, argv[0]);
	path = below_root(MTE_POLICY "/default");
	end = argc ? set(path, argv[0]) : show(path, cgroup);
	free(path);
	return end;
}
