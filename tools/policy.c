// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte policy: the policy for VMs that are created from now on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-mte.h"

static int show(const char *path)
{
	char word[16];
	int err = read_word(AT_FDCWD, path, word, sizeof(word));

	if (err) {
		complain("%s: %s", path, strerror(-err));
		return END_ERROR;
	}
	puts(word);
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

/**
 * cmd_policy - "kvm-mte policy [request|on|off]"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_policy(int argc, char **argv)
{
	char *path;
	int end;

	if (argc > 2)
		return usage_error("policy takes one word");
	if (argc == 2 && strcmp(argv[1], "request") && strcmp(argv[1], "on") &&
	    strcmp(argv[1], "off"))
		return usage_error("policy: not one of request, on, off: %s", argv[1]);
	if (!is_loaded())
		return not_loaded();
	path = below_root(MTE_POLICY "/default");
	end = argc == 2 ? set(path, argv[1]) : show(path);
	free(path);
	return end;
}
