// SPDX-License-Identifier: GPL-2.0-only
/*
 * --progress: how much of the memory is done.  On a terminal a line that changes, otherwise
 * a line for each 10 %.
 */
#include <unistd.h>

#include "tags.h"

#define STEP		10
/* On a terminal: milliseconds between two changes. */
#define INTERVAL	250

static void show(struct progress *progress, int percent)
{
	fprintf(stderr, "%skvm-mte: %d%%, %llu pages with tags%s", progress->tty ? "\r" : "",
		percent, (unsigned long long)progress->pages, progress->tty ? "" : "\n");
	progress->shown = percent;
	progress->when = now_ms();
}

/**
 * progress_begin - nothing is done yet
 * @progress: @progress->on is set
 * @total: size of the memory, in bytes
 */
void progress_begin(struct progress *progress, uint64_t total)
{
	progress->tty = isatty(STDERR_FILENO);
	progress->total = total;
	progress->shown = -1;
	if (progress->on)
		show(progress, 0);
}

/**
 * progress_add - a part is done
 * @progress: from progress_begin()
 * @bytes: its size
 * @pages: number of pages with tags in it
 */
void progress_add(struct progress *progress, uint64_t bytes, uint64_t pages)
{
	int percent;

	progress->done += bytes;
	progress->pages += pages;
	if (!progress->on)
		return;
	percent = 100.0 * progress->done / progress->total;
	if (progress->tty ? now_ms() - progress->when >= INTERVAL || percent == 100 :
			    percent / STEP > progress->shown / STEP)
		show(progress, percent);
}

/**
 * progress_end - end the line, so that other text can be printed
 * @progress: from progress_begin()
 */
void progress_end(struct progress *progress)
{
	if (progress->on && progress->tty && progress->total)
		putc('\n', stderr);
	progress->total = 0;
}
