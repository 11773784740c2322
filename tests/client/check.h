/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

#define PRINTF(a, b)	__attribute__((format(printf, a, b)))

bool ok(bool good, const char *fmt, ...) PRINTF(2, 3);
bool is(long got, long want, const char *fmt, ...) PRINTF(3, 4);
bool is_text(const char *got, const char *want, const char *fmt, ...) PRINTF(3, 4);
void skip(const char *why, const char *fmt, ...) PRINTF(2, 3);
void diag(const char *fmt, ...) PRINTF(1, 2);
void die(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));
const char *errno_name(int err);
int checks_failed(void);

#endif
