/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel counts, as the proof that something has really happened */
#ifndef COUNTERS_H
#define COUNTERS_H

long counter(const char *name);
void counters_start(const char *list);
void counters_check(void);

#endif
