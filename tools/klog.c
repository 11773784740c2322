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

/* Other lines may have come. */
static void look_again(void)
{
	free(log_text);
	log_text = NULL;
	looked = false;
	look();
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

/* Number of lines that begin with @text; sets @found to the last one, if any. */
static size_t find_lines(const char *text, const char **found)
{
	const char *line, *said;
	size_t nr = 0;

	for (line = log_text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		said = skip_prefix(line);
		if (!strncmp(said, text, strlen(text))) {
			*found = said;
			nr++;
		}
	}
	return nr;
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
	const char *found = NULL;
	static char *copy;

	look();
	find_lines(text, &found);
	free(copy);
	copy = found ? need(strndup(found, strcspn(found, "\n"))) : NULL;
	return copy;
}

/*
 * The beginning of the module's lines about a VM; the caller frees it.  They do not have the
 * suffix (.1, .2) of a directory's name.
 */
static char *mark_of(const struct vm *vm)
{
	char *mark;

	if (asprintf(&mark, "kvm_mte: %.*s: ", (int)strcspn(vm->dir, "."), vm->dir) < 0)
		mark = NULL;
	return need(mark);
}

/**
 * klog_said - how much the kernel has said about a VM so far
 * @vm: the VM
 *
 * Return: a number for klog_explain().
 */
size_t klog_said(const struct vm *vm)
{
	const char *last = NULL;
	char *mark = mark_of(vm);
	size_t nr;

	look_again();
	nr = find_lines(mark, &last);
	free(mark);
	return nr;
}

/**
 * klog_explain - print the kernel's last line about a VM: why it has refused something
 * @vm: the VM
 * @before: from klog_said(), before the attempt: an older line is not printed
 */
void klog_explain(const struct vm *vm, size_t before)
{
	const char *said;
	char *mark;

	if (klog_said(vm) <= before)
		return;
	mark = mark_of(vm);
	said = klog_last(mark);
	free(mark);
	if (said)
		complain("the kernel says: %s", said);
}
