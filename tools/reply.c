// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a value out of a line of JSON, as QEMU's monitor sends it.  All of the line must be
 * JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "jobs.h"

/* QEMU nests less. */
#define DEPTH_MAX	64

/**
 * struct reader - a line of JSON that is being read
 * @at: the next character
 * @value: the beginning of the value that is looked for; NULL as long as it was not found
 * @end: its end
 */
struct reader {
	const char *at;
	const char *value;
	const char *end;
};

static bool read_value(struct reader *r, const char *path, int depth);

static void skip_blanks(struct reader *r)
{
	r->at += strspn(r->at, " \t\r\n");
}

static bool take(struct reader *r, char c)
{
	skip_blanks(r);
	if (*r->at != c)
		return false;
	r->at++;
	return true;
}

static bool read_string(struct reader *r)
{
	if (!take(r, '"'))
		return false;
	for (; *r->at != '"'; r->at++) {
		if ((unsigned char)*r->at < ' ')
			return false;
		if (*r->at == '\\' && !strchr("\"\\/bfnrtu", *++r->at))
			return false;
		if (!*r->at)
			return false;
	}
	r->at++;
	return true;
}

/* A number, true, false or null. */
static bool read_literal(struct reader *r)
{
	static const char *const words[] = { "true", "false", "null" };
	char *end;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strncmp(r->at, words[i], strlen(words[i]))) {
			r->at += strlen(words[i]);
			return true;
		}
	}
	if (!strchr("-0123456789", *r->at) || !*r->at)
		return false;
	strtod(r->at, &end);
	r->at = end;
	return true;
}

/* The rest of the path below the member whose name ends at r->at; NULL: the path is another. */
static const char *path_in(const struct reader *r, const char *name, const char *path)
{
	size_t len = r->at - 1 - name;

	if (!path || !len || strncmp(path, name, len))
		return NULL;
	if (path[len] == '.')
		return path + len + 1;
	return path[len] ? NULL : path + len;
}

static bool read_members(struct reader *r, const char *path, int depth)
{
	const char *name;

	if (take(r, '}'))
		return true;
	do {
		skip_blanks(r);
		name = r->at + 1;
		if (!read_string(r))
			return false;
		name = path_in(r, name, path);
		if (!take(r, ':') || !read_value(r, name, depth + 1))
			return false;
	} while (take(r, ','));
	return take(r, '}');
}

static bool read_elements(struct reader *r, int depth)
{
	if (take(r, ']'))
		return true;
	do {
		if (!read_value(r, NULL, depth + 1))
			return false;
	} while (take(r, ','));
	return take(r, ']');
}

static bool read_value(struct reader *r, const char *path, int depth)
{
	const char *begin;
	bool valid;

	skip_blanks(r);
	begin = r->at;
	if (depth > DEPTH_MAX)
		return false;
	if (take(r, '{'))
		valid = read_members(r, path, depth);
	else if (take(r, '['))
		valid = read_elements(r, depth);
	else
		valid = *r->at == '"' ? read_string(r) : read_literal(r);
	if (valid && path && !*path && !r->value) {
		r->value = begin;
		r->end = r->at;
	}
	return valid;
}

/* A string without its quotes.  \" \\ and \/ are decoded, other escapes are left as they are. */
static void copy(const struct reader *r, char *value, size_t size)
{
	bool is_string = *r->value == '"';
	const char *from = r->value + is_string, *end = r->end - is_string;

	for (; from < end && size > 1; size--) {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\' || from[1] == '/'))
			from++;
		*value++ = *from++;
	}
	*value = '\0';
}

/**
 * reply_get - read a value out of a line of JSON
 * @reply: the line
 * @path: names that lead to the value, separated by dots
 * @value: buffer for the value; a string is without its quotes
 * @size: size of the buffer, in bytes
 *
 * Return: 1 if the value is there; 0 if it is not; -1 if the line is not a JSON object.
 */
int reply_get(const char *reply, const char *path, char *value, size_t size)
{
	struct reader r = { .at = reply };

	value[0] = '\0';
	skip_blanks(&r);
	if (*r.at != '{' || !read_value(&r, path, 0))
		return -1;
	skip_blanks(&r);
	if (*r.at)
		return -1;
	if (!r.value)
		return 0;
	copy(&r, value, size);
	return 1;
}
