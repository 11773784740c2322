/* SPDX-License-Identifier: GPL-2.0 */
/* Guest memory of every kind, and which physical pages are behind it */
#ifndef MEM_H
#define MEM_H

#include <stdbool.h>
#include <stddef.h>

enum mem_kind {
	MEM_ANON4K, MEM_THP, MEM_ANON_SHARED, MEM_MEMFD, MEM_MEMFD_PRIVATE,
	MEM_HUGETLB, MEM_HUGETLB_SHARED, MEM_PRIVATE_FILE, MEM_SHARED_FILE, MEM_KINDS
};

extern const char *const mem_name[MEM_KINDS];

int mem_kind(const char *name);
void *mem_map(enum mem_kind kind, size_t size, void *fixed);
bool mem_is_shared(enum mem_kind kind);
bool mem_is_hugetlb(enum mem_kind kind);
bool mem_is_file(enum mem_kind kind);

size_t mem_pfns(void *p, size_t size, unsigned long *pfn);
size_t mem_overlap(unsigned long *a, size_t na, unsigned long *b, size_t nb);

#endif
