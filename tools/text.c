// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints text that another user has chosen.  A guest's name may be any bytes.  Printed
 * unchanged, they could move the terminal's cursor, set the window's title, or hide a
 * line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "kvm-mte.h"

static void put_escaped(FILE *to, unsigned char byte)
{
	switch (byte) {
	case '\n':
		fputs("\\n", to);
		break;
	case '\t':
		fputs("\\t", to);
		break;
	case '\\':
		fputs("\\\\", to);
		break;
	default:
		fprintf(to, "\\x%02x", byte);
	}
}

/*
 * Only characters that take a place of their own are printed.  Not printed are bytes that
 * are no character of the locale, control characters, and characters that change the
 * direction of their neighbours or are drawn over them.
 */
static bool is_safe(const char *text, size_t len)
{
	wchar_t wc;

	if (len == 1)
		return text[0] >= ' ' && text[0] <= '~' && text[0] != '\\';
	mbtowc(NULL, NULL, 0);
	return mbtowc(&wc, text, len) == (int)len && wcwidth(wc) > 0;
}

/**
 * put_safely - print text so that it is safe on a terminal
 * @to: the file to print to
 * @text: any bytes
 */
void put_safely(FILE *to, const char *text)
{
	size_t left = strlen(text);
	int len, i;

	while (left) {
		mblen(NULL, 0);
		len = mblen(text, left);
		if (len < 1)
			len = 1;
		if (is_safe(text, len))
			fwrite(text, 1, len, to);
		else
			for (i = 0; i < len; i++)
				put_escaped(to, text[i]);
		text += len;
		left -= len;
	}
}

/**
 * put_pages - print the size of a number of base pages
 * @to: the file to print to
 * @pages: number of base pages
 */
void put_pages(FILE *to, long long pages)
{
	static const char units[] = "KMGTPE";
	double size = (double)pages * sysconf(_SC_PAGESIZE) / 1024;
	char text[32];
	int i = 0;

	while (size >= 1024 && units[i + 1]) {
		size /= 1024;
		i++;
	}
	/* As ls -h and df -h: 0, 9.5M, 123M */
	snprintf(text, sizeof(text), "%.*f%c", size < 10 && i, size, units[i]);
	fprintf(to, "%7s", pages ? text : "0");
}
