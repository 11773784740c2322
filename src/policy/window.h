/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A read of a list.  The lists are binary attributes, because their text may be longer than
 * a page, the limit of other attributes.
 */
#ifndef _KVM_MTE_POLICY_WINDOW_H
#define _KVM_MTE_POLICY_WINDOW_H

#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>

/**
 * struct window - the part of a text that is read
 * @buf: where the part goes
 * @len: size of @buf, in bytes
 * @off: offset of the part in the text, in bytes
 * @at: length of the text so far, in bytes
 * @done: bytes in @buf
 */
struct window {
	char *buf;
	size_t len;
	loff_t off;
	loff_t at;
	size_t done;
};

/**
 * window_add - add a piece to the end of the text
 * @w: the window
 * @text: the piece
 * @n: its length, in bytes
 *
 * Context: any.
 */
static inline void window_add(struct window *w, const char *text, size_t n)
{
	size_t from = clamp_t(loff_t, w->off - w->at, 0, n);
	size_t part = min_t(size_t, n - from, w->len - w->done);

	memcpy(w->buf + w->done, text + from, part);
	w->done += part;
	w->at += n;
}

#endif /* _KVM_MTE_POLICY_WINDOW_H */
