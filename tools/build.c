// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which build of the module is loaded, and which is installed for the running kernel?
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-mte.h"

/* Frees @path. */
static char *word_in(char *path)
{
	char word[80];
	int err = read_word(AT_FDCWD, path, word, sizeof(word));

	free(path);
	return err || !*word ? NULL : need(strdup(word));
}

/**
 * build_loaded - look at the loaded module
 * @build: filled; the caller calls build_free()
 */
void build_loaded(struct build *build)
{
	build->version = word_in(below_root(MTE_DIR "/version"));
	build->srcversion = word_in(below_root("/sys/module/kvm_mte/srcversion"));
}

/**
 * build_installed - look at the module that is installed for the running kernel
 * @build: filled; the caller calls build_free()
 *
 * Return: false if there is none.
 */
bool build_installed(struct build *build)
{
	char *release = host_release(), *path = installed(release ?: ""), *info;

	build->version = NULL;
	build->srcversion = NULL;
	free(release);
	if (!path)
		return false;
	free(path);
	info = module_info();
	build->version = info_value(info, "version");
	build->srcversion = info_value(info, "srcversion");
	free(info);
	return true;
}

/**
 * build_free - free what is known of a build
 * @build: from build_loaded() or build_installed()
 */
void build_free(struct build *build)
{
	free(build->version);
	free(build->srcversion);
}

/**
 * builds_differ - are these two different builds?
 * @a: one of them
 * @b: the other one
 *
 * Return: YES or NO; UNKNOWN if what is known of them is not enough.
 */
enum tribool builds_differ(const struct build *a, const struct build *b)
{
	if (a->version && b->version && strcmp(a->version, b->version))
		return YES;
	if (!a->srcversion || !b->srcversion)
		return UNKNOWN;
	return strcmp(a->srcversion, b->srcversion) ? YES : NO;
}
