// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "mem.h"

#define HUGE		(2UL << 20)
#define HUGE_PAGES	"/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define PAGEMAP_PRESENT	(1UL << 63)
#define PAGEMAP_PFN	((1UL << 55) - 1)

const char *const mem_name[MEM_KINDS] = {
	[MEM_ANON4K] = "anon4k",
	[MEM_THP] = "thp",
	[MEM_ANON_SHARED] = "anon-shared",
	[MEM_MEMFD] = "memfd",
	[MEM_MEMFD_PRIVATE] = "memfd-private",
	[MEM_HUGETLB] = "hugetlb2m",
	[MEM_HUGETLB_SHARED] = "hugetlb2m-shared",
	[MEM_PRIVATE_FILE] = "private-file",
	[MEM_SHARED_FILE] = "shared-file",
};

/**
 * mem_kind() - find a kind of memory by name
 * @name: the name
 *
 * Return: enum mem_kind, or -1
 */
int mem_kind(const char *name)
{
	int i;

	for (i = 0; i < MEM_KINDS; i++)
		if (!strcmp(name, mem_name[i]))
			return i;
	return -1;
}

/**
 * mem_is_shared() - whether memory of this kind is MAP_SHARED
 * @kind: the kind
 *
 * Return: true if so
 */
bool mem_is_shared(enum mem_kind kind)
{
	return kind == MEM_ANON_SHARED || kind == MEM_MEMFD || kind == MEM_HUGETLB_SHARED ||
	       kind == MEM_SHARED_FILE;
}

/**
 * mem_is_hugetlb() - whether memory of this kind comes from the hugetlb pool
 * @kind: the kind
 *
 * Return: true if so
 */
bool mem_is_hugetlb(enum mem_kind kind)
{
	return kind == MEM_HUGETLB || kind == MEM_HUGETLB_SHARED;
}

/**
 * mem_is_file() - whether memory of this kind is a file that cannot hold tags
 * @kind: the kind
 *
 * Return: true if so
 */
bool mem_is_file(enum mem_kind kind)
{
	return kind == MEM_PRIVATE_FILE || kind == MEM_SHARED_FILE;
}

static long read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long n = -1;

	if (!f || fscanf(f, "%ld", &n) != 1)
		die("%s: cannot be read", path);
	fclose(f);
	return n;
}

/* The pool only ever grows, so that pages go from one VM to the next. */
static void reserve_hugetlb(size_t size)
{
	long missing = (long)(size / HUGE) - read_number(HUGE_PAGES "free_hugepages");
	FILE *f;

	if (missing <= 0)
		return;
	missing += read_number(HUGE_PAGES "nr_hugepages");
	f = fopen(HUGE_PAGES "nr_hugepages", "w");
	if (!f || fprintf(f, "%ld\n", missing) < 0 || fclose(f))
		die(HUGE_PAGES "nr_hugepages: cannot be written");
	if (read_number(HUGE_PAGES "free_hugepages") < (long)(size / HUGE))
		die("the host has no %zu bytes of huge pages", size);
}

/*
 * A file on ramfs: page cache as of any disk file system, without a disk. The root file system
 * will not do: an initramfs is unpacked to tmpfs, which can hold tags.
 */
static int ramfs_file(size_t size)
{
	char dir[] = "/tmp/client.XXXXXX", path[64];
	int fd;

	mkdir("/tmp", 0755);
	if (!mkdtemp(dir) || mount("none", dir, "ramfs", 0, NULL))
		die("a ramfs at %s: %s", dir, errno_name(errno));
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, size))
		die("%s: %s", path, errno_name(errno));
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return fd;
}

static int open_backing(enum mem_kind kind, size_t size)
{
	int fd;

	if (mem_is_file(kind))
		return ramfs_file(size);
	if (kind != MEM_MEMFD && kind != MEM_MEMFD_PRIVATE)
		return -1;
	fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, size))
		die("memfd: %s", errno_name(errno));
	return fd;
}

/* An address that is aligned for huge pages */
static void *reserve_aligned(size_t size)
{
	char *p = mmap(NULL, size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	char *start;

	if (p == MAP_FAILED)
		die("no %zu bytes of addresses", size);
	start = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	if (start > p)
		munmap(p, start - p);
	munmap(start + size, p + HUGE - start);
	return start;
}

/**
 * mem_map() - memory for a guest
 * @kind: what kind
 * @size: in bytes; hugetlb takes whole huge pages
 * @fixed: replace what is mapped there, or NULL
 *
 * Return: its address
 */
void *mem_map(enum mem_kind kind, size_t size, void *fixed)
{
	int fd = open_backing(kind, size);
	int flags = MAP_FIXED | (mem_is_shared(kind) ? MAP_SHARED : MAP_PRIVATE);
	void *p = fixed ? fixed : reserve_aligned(size);

	if (fd < 0)
		flags |= MAP_ANONYMOUS;
	if (mem_is_hugetlb(kind)) {
		reserve_hugetlb(size);
		flags |= MAP_HUGETLB;
	}
	p = mmap(p, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED)
		die("mmap of %zu bytes of %s: %s", size, mem_name[kind], errno_name(errno));
	if (fd >= 0)
		close(fd);
	if (kind == MEM_THP)
		madvise(p, size, MADV_HUGEPAGE);
	else if (kind == MEM_ANON4K)
		madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

/**
 * mem_pfns() - which physical pages are mapped
 * @p: start
 * @size: in bytes
 * @pfn: room for one number each 4 KiB
 *
 * Return: how many there are
 */
size_t mem_pfns(void *p, size_t size, unsigned long *pfn)
{
	unsigned long i, n = 0, psize = getpagesize(), entry;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	for (i = 0; i < size / psize; i++) {
		if (pread(fd, &entry, 8, ((unsigned long)p / psize + i) * 8) != 8)
			die("/proc/self/pagemap: %s", errno_name(errno));
		if ((entry & PAGEMAP_PRESENT) && (entry & PAGEMAP_PFN))
			pfn[n++] = entry & PAGEMAP_PFN;
	}
	close(fd);
	return n;
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
