// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte run: gives this process a policy, or moves it to a cgroup that has one, and then
 * becomes the command.  The policy of a process counts for the command and its children
 * only, and ends with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

static int join_list(const char *policy)
{
	char *path = below_root(MTE_POLICY "/%s_pids", policy);
	/* 0 means the writer itself, in every pid namespace. */
	int err = write_word(AT_FDCWD, path, "0");

	free(path);
	if (!err)
		return 0;
	if (err == -ENOENT)
		complain("the module kvm_mte is not loaded");
	else if (err == -EACCES || err == -EPERM)
		complain("only root may give a process a policy");
	else
		complain("policy %s: %s", policy, strerror(-err));
	return err;
}

/* @policy: NULL for the cgroup's policy, or for "on" if @cgroup is NULL too */
static int enter(const char *policy, const char *cgroup)
{
	int err;

	if (!cgroup)
		return join_list(policy ? policy : "on");
	if (!is_cgroup_path(cgroup))
		return -EINVAL;
	if (!is_loaded()) {
		complain("the module kvm_mte is not loaded");
		return -ENOENT;
	}
	err = join_cgroup(cgroup);
	return err || !policy ? err : join_list(policy);
}

/**
 * cmd_run - "kvm-mte run [--on|--off|--request] [--cgroup=PATH] -- COMMAND..."
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status, if this process does not become the command.
 */
int cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "on", no_argument, NULL, 'n' },
		{ "off", no_argument, NULL, 'f' },
		{ "request", no_argument, NULL, 'r' },
		{ "cgroup", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 }
	};
	const char *policy = NULL, *cgroup = NULL;
	int c;

	/* "+": options after the command belong to the command. */
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == '?') {
			more_than_help();
			return END_RUN_ERROR;
		}
		if (c == 'c')
			cgroup = optarg;
		else
			policy = c == 'n' ? "on" : c == 'f' ? "off" : "request";
	}
	if (optind >= argc) {
		usage_error("run: which command?");
		return END_RUN_ERROR;
	}
	if (enter(policy, cgroup))
		return END_RUN_ERROR;
	execvp(argv[optind], argv + optind);
	c = errno;
	complain("%s: %s", argv[optind], strerror(c));
	return c == ENOENT ? END_RUN_NOT_FOUND : END_RUN_CANNOT;
}
