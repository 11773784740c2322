// SPDX-License-Identifier: GPL-2.0-only
/*
 * The configuration of the running kernel.  Distributions keep it in different places.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

/* %s stands for the running kernel's release. */
static const char * const places[] = {
	"/boot/config-%s",
	"/lib/modules/%s/config",
	"/lib/modules/%s/build/.config",
};

#define CONFIG_GZ	"/proc/config.gz"

static bool looked;
static char *config, *source;

static void look(void)
{
	char *rel = host_release();
	char *place;
	size_t i;

	looked = true;
	for (i = 0; rel && !config && i < ARRAY_SIZE(places); i++) {
		/* Each place has one %s. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (asprintf(&place, places[i], rel) < 0)
			break;
#pragma GCC diagnostic pop
		config = read_all(below_root("%s", place), NULL);
		if (config)
			source = place;
		else
			free(place);
	}
	free(rel);
	if (config)
		return;
	place = below_root(CONFIG_GZ);
	if (access(place, R_OK)) {
		free(place);
		return;
	}
	/* Every system has gzip. */
	config = output_of((char *[]){ "gzip", "-dcq", place, NULL });
	free(place);
	if (config)
		source = need(strdup(CONFIG_GZ));
}

/**
 * config_has - is an option of the kernel on?
 * @option: as "CONFIG_ARM64_MTE"
 *
 * Return: YES or NO; UNKNOWN if the configuration cannot be found.
 */
enum tribool config_has(const char *option)
{
	size_t len = strlen(option);
	const char *line;

	if (!looked)
		look();
	if (!config)
		return UNKNOWN;
	for (line = config; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, option, len) && line[len] == '=')
			return YES;
	}
	return NO;
}

/**
 * config_source - the file that config_has() reads
 *
 * Return: its path; "nowhere" if there is none.
 */
const char *config_source(void)
{
	return source ?: "nowhere";
}
