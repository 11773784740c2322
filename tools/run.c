// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte run: a policy for the command that this process becomes, and for its
 * children.  No other process ever has it, and it goes with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

static int join(const char *policy)
{
	char *path = below_root(MTE_POLICY "/%s_pids", policy);
	/* 0 is who writes it, in whatever pid namespace that is. */
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

/**
 * cmd_run - "kvm-mte run [--on|--off|--request] -- COMMAND..."
 * @argc: how many
 * @argv: its own arguments
 *
 * Return: exit status, if it does not become the command.
 */
int cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "on", no_argument, NULL, 'n' },
		{ "off", no_argument, NULL, 'f' },
		{ "request", no_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 }
	};
	const char *policy = "on";
	int c;

	/* "+": what follows the command is the command's. */
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == '?') {
			more_than_help();
			return END_RUN_ERROR;
		}
		policy = c == 'n' ? "on" : c == 'f' ? "off" : "request";
	}
	if (optind >= argc) {
		usage_error("run: which command?");
		return END_RUN_ERROR;
	}
	if (join(policy))
		return END_RUN_ERROR;
	execvp(argv[optind], argv + optind);
	c = errno;
	complain("%s: %s", argv[optind], strerror(c));
	return c == ENOENT ? END_RUN_NOT_FOUND : END_RUN_CANNOT;
}
