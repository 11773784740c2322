// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's log.  With kernel.dmesg_restrict only root may read it.
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
 * klog_readable - can the kernel's log be read?
 *
 * Return: true if it can.
 */
bool klog_readable(void)
{
	look();
	return log_text;
}

/**
 * klog_last - find the last line of the kernel's log that begins with a text
 * @text: the text
 *
 * Return: the line, valid until the next call; NULL if there is none, or if the log cannot
 * be read.
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
