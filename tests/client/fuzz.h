/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the fuzzer share */
#ifndef FUZZ_H
#define FUZZ_H

#include "kvm.h"

#define FUZZ_SIZE	(2UL << 20)
/* Where slots come and go */
#define FUZZ_TARGET	(GUEST_DATA + (1UL << 30))
/* Buffers: four sections, RW, PROT_NONE, PROT_READ, RW. Nothing is mapped after them. */
#define FUZZ_SECTION	(64UL << 10)
#define FUZZ_KERNEL	((void *)(-1UL << 46))

#define FUZZ_ONE_OF(s, list)	((list)[fuzz_rnd(s) % (sizeof(list) / sizeof((list)[0]))])

static inline u64 fuzz_rnd(u64 *s)
{
	return guest_mix((*s)++);
}

void fuzz_wrong(const char *what, u64 a, u64 b, long got);
void fuzz_copy(struct vm *vm, char *arena, u64 *s);
void fuzz_copy_report(void);

#endif
