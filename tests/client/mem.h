/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest memory of every kind */
#ifndef MEM_H
#define MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#define HOST_PAGE	((unsigned long)getpagesize())
#define HOST_PAGE_MAX	65536UL

enum mem_kind {
	MEM_ANON4K, MEM_THP, MEM_ANON_SHARED, MEM_MEMFD, MEM_MEMFD_PRIVATE,
	MEM_HUGETLB, MEM_HUGETLB_SHARED, MEM_HUGETLB_MEMFD, MEM_HUGETLB_1G,
	MEM_HUGETLB_64K, MEM_HUGETLB_32M,
	MEM_PRIVATE_FILE, MEM_SHARED_FILE, MEM_KINDS
};

extern const char *const mem_name[MEM_KINDS];

int mem_kind(const char *name);
size_t mem_page(enum mem_kind kind);
size_t mem_thp(void);
int mem_fd(enum mem_kind kind, size_t size);
void *mem_map(enum mem_kind kind, size_t size, void *fixed);
void *mem_map_fd(int fd, size_t size, int prot);
void *mem_map_tagged(enum mem_kind kind, size_t size);
bool mem_may_be_tagged(enum mem_kind kind);
bool mem_is_shared(enum mem_kind kind);
bool mem_is_hugetlb(enum mem_kind kind);
bool mem_is_file(enum mem_kind kind);

#endif
