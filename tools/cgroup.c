// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cgroups with their own policy: the module's lists of them, and the cgroups themselves.
 * A cgroup is named by its path, as after "0::" in /proc/PID/cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

static const char * const lists[] = { "on", "request", "off" };

/* Where cgroup2 is mounted on hosts with version 2 only, and on hosts with both versions. */
static const char * const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

/* No cgroup is called "." or "..", but they would lead out of the hierarchy. */
static bool has_dots(const char *path)
{
	size_t len;

	for (; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if ((len == 1 || len == 2) && !strncmp(path, "..", len))
			return true;
	}
	return false;
}

/**
 * is_cgroup_path - can a word be the path of a cgroup?
 * @word: the word
 *
 * Prints an error if not.
 *
 * Return: true if it can.
 */
bool is_cgroup_path(const char *word)
{
	if (word[0] == '/' && !has_dots(word))
		return true;
	usage_error("not the path of a cgroup, as after \"0::\" in /proc/PID/cgroup: %s", word);
	return false;
}

/**
 * each_listed_cgroup - call a function for each cgroup on the lists
 * @do_cgroup: gets the list, the path, and @arg
 * @arg: for the function
 */
void each_listed_cgroup(void (*do_cgroup)(const char *list, const char *path, void *arg),
			void *arg)
{
	char *text, *rest, *path;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		text = read_all(below_root(MTE_POLICY "/%s_cgroups", lists[i]), NULL);
		rest = text;
		while (rest && *rest) {
			path = strsep(&rest, "\n");
			do_cgroup(lists[i], path, arg);
		}
		free(text);
	}
}

static int write_list(const char *list, const char *fmt, const char *path)
{
	char *file = below_root(MTE_POLICY "/%s_cgroups", list), *text;
	/* A module of an earlier version does not have the file. */
	int err = access(file, F_OK) ? -ENXIO : 0;

	if (!err) {
		if (asprintf(&text, fmt, path) < 0)
			text = NULL;
		err = write_word(AT_FDCWD, file, need(text));
		free(text);
	}
	free(file);
	return err;
}

static const char *why_refused(int err, bool is_off)
{
	switch (err) {
	case -ENOENT:
		return is_off ? "on no list" : "no such cgroup";
	case -ENOTDIR:
		return "not a cgroup, but a file of one";
	case -EINVAL:
		return "not the path of a cgroup";
	case -ENOSPC:
		return "the module's lists are full";
	case -EOPNOTSUPP:
		return "this host does not use cgroup v2: cgroup2 is not mounted";
	case -ENXIO:
		return "the loaded module has no policy for cgroups";
	default:
		return strerror(-err);
	}
}

/**
 * struct nearest - a search for the nearest listed cgroup
 * @path: the cgroup whose policy is looked for
 * @list: the list of the nearest so far; NULL: none
 * @listed: its path
 */
struct nearest {
	const char *path;
	const char *list;
	char *listed;
};

/* Several slashes in a row become one, and a slash at the end is left out. */
static char *plain_path(const char *path)
{
	char *plain = need(strdup(path)), *to = plain;

	for (; *path; path++)
		if (*path != '/' || to == plain || to[-1] != '/')
			*to++ = *path;
	if (to > plain + 1 && to[-1] == '/')
		to--;
	*to = '\0';
	return plain;
}

static void look_for(const char *list, const char *path, void *arg)
{
	struct nearest *n = arg;

	if (!strcmp(path, n->path))
		n->list = list;
}

/* If it is on no list, the module's own error says so. */
static int take_off_list(const char *path)
{
	char *plain = plain_path(path);
	struct nearest n = { .path = plain };
	int err;

	each_listed_cgroup(look_for, &n);
	err = write_list(n.list ?: lists[0], "-%s", plain);
	free(plain);
	return err;
}

/**
 * set_cgroup - give a cgroup a policy
 * @path: the cgroup
 * @word: on, off, request; none: no policy of its own
 *
 * Prints an error.
 *
 * Return: exit status.
 */
int set_cgroup(const char *path, const char *word)
{
	bool is_off = !strcmp(word, "none");
	int err = is_off ? take_off_list(path) : write_list(word, "%s", path);

	if (!err)
		return END_OK;
	if (err == -EACCES || err == -EPERM)
		complain("only root may change the policy");
	else
		complain("%s: %s", path, why_refused(err, is_off));
	return END_ERROR;
}

static bool is_above(const char *upper, const char *path)
{
	size_t len = strlen(upper);

	return !strcmp(upper, "/") ||
	       (!strncmp(path, upper, len) && (!path[len] || path[len] == '/'));
}

static void look_nearer(const char *list, const char *path, void *arg)
{
	struct nearest *n = arg;

	if (!is_above(path, n->path) || (n->list && strlen(path) <= strlen(n->listed)))
		return;
	n->list = list;
	free(n->listed);
	n->listed = need(strdup(path));
}

/**
 * show_cgroup - print the policy of a cgroup, and where the policy comes from
 * @path: the cgroup, which need not exist
 * @word: the default policy
 */
void show_cgroup(const char *path, const char *word)
{
	char *plain = plain_path(path);
	struct nearest n = { .path = plain };

	each_listed_cgroup(look_nearer, &n);
	if (!n.list) {
		printf("%s (the default)\n", word);
	} else if (!strcmp(n.listed, plain)) {
		puts(n.list);
	} else {
		printf("%s (of ", n.list);
		put_safely(stdout, n.listed);
		puts(")");
	}
	free(n.listed);
	free(plain);
}

/* The directory of a cgroup.  NULL: cgroup2 is not mounted. */
static char *cgroup_dir(const char *path)
{
	char *file;
	size_t i;
	bool is_there;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		file = below_root("%s/cgroup.controllers", mounts[i]);
		is_there = !access(file, F_OK);
		free(file);
		if (is_there)
			return below_root("%s%s", mounts[i], path);
	}
	return NULL;
}

static const char *why_not_joined(int err)
{
	switch (err) {
	case -ENOENT:
		return "no such cgroup";
	case -EBUSY:
		return "it has controllers for cgroups below it (cgroup.subtree_control), so it cannot have processes";
	default:
		return strerror(-err);
	}
}

/**
 * join_cgroup - move this process to a cgroup
 * @path: the cgroup
 *
 * Prints an error.
 *
 * Return: 0 or a negative errno.
 */
int join_cgroup(const char *path)
{
	char *dir = cgroup_dir(path), *file;
	int err;

	if (!dir) {
		complain("%s: %s", path, why_refused(-EOPNOTSUPP, false));
		return -EOPNOTSUPP;
	}
	if (asprintf(&file, "%s/cgroup.procs", dir) < 0)
		file = NULL;
	/* 0 means the writer itself, in every pid namespace. */
	err = write_word(AT_FDCWD, need(file), "0");
	if (err)
		complain("%s: %s", path, why_not_joined(err));
	free(file);
	free(dir);
	return err;
}
