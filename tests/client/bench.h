/* SPDX-License-Identifier: GPL-2.0-only */
/* What the bench cases share; see tests/bench/README.md */
#ifndef BENCH_H
#define BENCH_H

#include "client.h"

#define PAGE	4096UL

/* benchkit.c */
u64 bench_now(void);
u64 bench_quartile(u64 *sample, size_t n);
u64 bench_eighth(u64 *sample, size_t n);
void bench_print(const char *row, double value);
void bench_spin(void);
u64 bench_work(void);

/* bench_host.c */
void bench_swap_process(void);
void bench_vm_life(void);
void bench_memory(void);

#endif
