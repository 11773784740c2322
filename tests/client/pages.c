// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "pages.h"

#define PAGEMAP_PRESENT	(1UL << 63)
#define PAGEMAP_PFN	((1UL << 55) - 1)

/**
 * mem_pfns() - which physical pages are mapped
 * @p: start
 * @size: in bytes
 * @pfn: room for one number for each page
 *
 * Return: how many there are
 */
size_t mem_pfns(void *p, size_t size, unsigned long *pfn)
{
	unsigned long i, n = 0, psize = getpagesize(), entry;
	FILE *f = fopen("/proc/self/pagemap", "re");

	if (!f || fseeko(f, (unsigned long)p / psize * 8, SEEK_SET))
		die("/proc/self/pagemap: %s", errno_name(errno));
	for (i = 0; i < size / psize; i++) {
		if (fread(&entry, 8, 1, f) != 1)
			die("/proc/self/pagemap: %s", errno_name(errno));
		if ((entry & PAGEMAP_PRESENT) && (entry & PAGEMAP_PFN))
			pfn[n++] = entry & PAGEMAP_PFN;
	}
	fclose(f);
	return n;
}

/**
 * mem_with_flag() - how many physical pages have a flag
 * @p: start
 * @size: in bytes
 * @flag: KPF_*
 *
 * Return: pages of the host
 */
size_t mem_with_flag(void *p, size_t size, int flag)
{
	unsigned long *pfn = malloc(size / getpagesize() * sizeof(long)), flags;
	size_t n = mem_pfns(p, size, pfn), i, found = 0;
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);

	for (i = 0; i < n; i++) {
		if (pread(fd, &flags, 8, pfn[i] * 8) != 8)
			die("/proc/kpageflags: %s", errno_name(errno));
		found += flags >> flag & 1;
	}
	close(fd);
	free(pfn);
	return found;
}

static int by_number(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/**
 * mem_overlap() - how many physical pages are in both lists; sorts them
 * @a: a list
 * @na: its length
 * @b: another
 * @nb: its length
 *
 * Return: the number
 */
size_t mem_overlap(unsigned long *a, size_t na, unsigned long *b, size_t nb)
{
	size_t i = 0, j = 0, n = 0;

	qsort(a, na, sizeof(*a), by_number);
	qsort(b, nb, sizeof(*b), by_number);
	while (i < na && j < nb) {
		if (a[i] == b[j])
			n++;
		if (a[i] <= b[j])
			i++;
		else
			j++;
	}
	return n;
}
