/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel counts, as the proof that something has really happened */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdbool.h>

long counter(const char *name);
void counters_start(const char *list);
bool counters_grown(void);
void counters_check(void);

#endif
