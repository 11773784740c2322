/* SPDX-License-Identifier: GPL-2.0-only */
/* The physical pages of memory */
#ifndef PAGES_H
#define PAGES_H

#include <stddef.h>

/* Of Documentation/admin-guide/mm/pagemap.rst; the last one is PG_mte_tagged. */
#define KPF_KSM		21
#define KPF_THP		22
#define KPF_ZERO_PAGE	24
#define KPF_ARCH_2	41

size_t mem_pfns(void *p, size_t size, unsigned long *pfn);
size_t mem_with_flag(void *p, size_t size, int flag);
size_t mem_overlap(unsigned long *a, size_t na, unsigned long *b, size_t nb);

#endif
