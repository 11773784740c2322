// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's file for the running kernel, and what modinfo says of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm-mte.h"

/**
 * installed - find the module for a kernel
 * @release: the kernel's release
 *
 * A line of modules.dep is "path/kvm_mte.ko[.xz]: what it needs".
 *
 * Return: its path below /lib/modules/@release; the caller frees it.  NULL if there is none.
 */
char *installed(const char *release)
{
	char *text = read_all(below_root("/lib/modules/%s/modules.dep", release), NULL);
	char *line, *next, *slash, *path = NULL;

	if (!text)
		return NULL;
	for (line = strtok_r(text, "\n", &next); line && !path;
	     line = strtok_r(NULL, "\n", &next)) {
		line[strcspn(line, ":")] = '\0';
		slash = strrchr(line, '/');
		if (!strncmp(slash ? slash + 1 : line, "kvm_mte.ko", 10))
			path = need(strdup(line));
	}
	free(text);
	return path;
}

/**
 * installed_for_another - is the module installed for any kernel?
 *
 * Called when it is not installed for the running kernel.
 *
 * Return: true if it is.
 */
bool installed_for_another(void)
{
	char *modules = below_root("/lib/modules");
	DIR *dir = opendir(modules);
	struct dirent *d;
	bool found = false;
	char *path;

	free(modules);
	while (dir && !found && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		path = installed(d->d_name);
		found = path;
		free(path);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void child(int out, char *const *argv)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, STDIN_FILENO);
	dup2(null, STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	/* A program that hangs must not hang this one.  The alarm survives the exec. */
	alarm(10);
	execvp(argv[0], argv);
	_exit(127);
}

/**
 * output_of - run a program
 * @argv: the program and its arguments
 *
 * Return: what it prints on standard output; the caller frees it.  NULL if it cannot be
 * run, or fails.
 */
char *output_of(char *const *argv)
{
	FILE *out = tmpfile();
	char *text = NULL;
	int status = -1;
	pid_t pid;

	if (!out)
		return NULL;
	fflush(stdout);
	pid = fork();
	if (!pid)
		child(fileno(out), argv);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && !status) {
		char *name;

		if (asprintf(&name, "/proc/self/fd/%d", fileno(out)) >= 0)
			text = read_all(name, NULL);
	}
	fclose(out);
	return text;
}

/**
 * module_info - what modinfo says of the module that is installed for the running kernel
 *
 * Return: lines "key: value"; the caller frees them.  NULL if it is not installed, or
 * modinfo fails.
 */
char *module_info(void)
{
	char *release = host_release();
	char *path = installed(release ?: ""), *full, *text;

	if (!path) {
		free(release);
		return NULL;
	}
	full = *path == '/' ? below_root("%s", path) :
			      below_root("/lib/modules/%s/%s", release, path);
	/* /sbin is not in every user's path. */
	text = output_of((char *[]){ access("/sbin/modinfo", X_OK) ? "modinfo" : "/sbin/modinfo",
			 full, NULL });
	free(full);
	free(path);
	free(release);
	return text;
}

/* The next value of a key, in what is left of the text; NULL if there is none. */
static const char *next_value(const char **info, const char *key, size_t *size)
{
	size_t len = strlen(key);
	const char *line = *info, *value;

	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		value = line + len + 1;
		value += strspn(value, " \t");
		*size = strcspn(value, "\n");
		*info = strchr(line, '\n');
		return value;
	}
	return NULL;
}

/**
 * info_value - find a value among what modinfo says
 * @info: from module_info(); may be NULL
 * @key: the key
 *
 * Return: the first such value; the caller frees it.  NULL if there is none.
 */
char *info_value(const char *info, const char *key)
{
	size_t size;
	const char *value = next_value(&info, key, &size);

	return value ? need(strndup(value, size)) : NULL;
}

/**
 * info_has - is this one of the values of a key?
 * @info: from module_info(); may be NULL
 * @key: the key, which may have several values
 * @value: the value
 *
 * Return: true if it is.
 */
bool info_has(const char *info, const char *key, const char *value)
{
	const char *has;
	size_t size;

	while ((has = next_value(&info, key, &size)))
		if (size == strlen(value) && !strncmp(has, value, size))
			return true;
	return false;
}
