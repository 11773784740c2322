// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's log, if we may read it: with kernel.dmesg_restrict only root may.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#include "kvm-mte.h"

#define READ_ALL	3
#define SIZE_BUFFER	10

static bool looked;
static char *log_text;

static char *read_klog(void)
{
	int size = klogctl(SIZE_BUFFER, NULL, 0);
	char *text;
	int got;

	if (size <= 0)
		return NULL;
	text = need(malloc(size + 1));
	got = klogctl(READ_ALL, text, size);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[got] = '\0';
	return text;
}

static void look(void)
{
	if (looked)
		return;
	looked = true;
	log_text = *root ? read_all(below_root("/var/log/dmesg"), NULL) : read_klog();
}

/* "<6>[    1.234567] text" */
static const char *skip_prefix(const char *line)
{
	const char *p = line;

	if (*p == '<' && strchr(p, '>'))
		p = strchr(p, '>') + 1;
	if (*p == '[' && strstr(p, "] "))
		p = strstr(p, "] ") + 2;
	return p;
}

/**
 * klog_readable - may we read the kernel's log?
 *
 * Return: whether we may.
 */
bool klog_readable(void)
{
	look();
	return log_text;
}

/**
 * klog_last - the last line of the kernel's log that begins so
 * @text: how
 *
 * Return: the line, valid until the next call; NULL if there is none, or if we may not
 * read it.
 */
const char *klog_last(const char *text)
{
	const char *line, *said, *found = NULL;
	static char *copy;

	look();
	for (line = log_text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		said = skip_prefix(line);
		if (!strncmp(said, text, strlen(text)))
			found = said;
	}
	free(copy);
	copy = found ? need(strndup(found, strcspn(found, "\n"))) : NULL;
	return copy;
}
