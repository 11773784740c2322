// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON strings, in ASCII only: every parser accepts them, and they cannot control a
 * terminal.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "kvm-mte.h"

/* Replaces bytes that are not UTF-8, which a JSON string cannot have. */
#define REPLACEMENT	0xfffd

/* Number of bytes that follow the first byte of a character; -1 if it cannot be the first. */
static int nr_following(unsigned char first)
{
	if (first < 0x80)
		return 0;
	if (first >= 0xc2 && first <= 0xdf)
		return 1;
	if (first >= 0xe0 && first <= 0xef)
		return 2;
	if (first >= 0xf0 && first <= 0xf4)
		return 3;
	return -1;
}

/* Reads the next character.  Bytes that are not UTF-8 are read one at a time. */
static uint32_t next_char(const unsigned char **text)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = *text;
	int i, n = nr_following(*p);
	uint32_t c;

	*text = p + 1;
	if (n <= 0)
		return n ? REPLACEMENT : *p;
	c = *p & (0x3f >> n);
	/* This also stops at the zero byte at the end of the text. */
	for (i = 1; i <= n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		c = c << 6 | (p[i] & 0x3f);
	}
	/* Not allowed: an encoding that is too long, a surrogate, a value above the last one. */
	if (c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return REPLACEMENT;
	*text = p + n + 1;
	return c;
}

/**
 * put_json - print a JSON string with its quotes
 * @to: the file to print to
 * @text: any bytes; bytes that are not UTF-8 become U+FFFD.  NULL is printed as null.
 */
void put_json(FILE *to, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t c;

	if (!text) {
		fputs("null", to);
		return;
	}
	putc('"', to);
	while (*p) {
		c = next_char(&p);
		if (c >= 0x10000)
			fprintf(to, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				0xdc00 + ((c - 0x10000) & 0x3ff));
		else if (c < ' ' || c > '~')
			fprintf(to, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			fprintf(to, "\\%c", (int)c);
		else
			putc((int)c, to);
	}
	putc('"', to);
}
