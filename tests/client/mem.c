// SPDX-License-Identifier: GPL-2.0-only
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
#define GIANT		(1UL << 30)

#ifndef PROT_MTE
#define PROT_MTE	0x20
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB	(21U << 26)
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB	(21 << 26)
#define MAP_HUGE_1GB	(30 << 26)
#endif
#ifndef MAP_HUGE_64KB
#define MAP_HUGE_64KB	(16 << 26)
#endif
#ifndef MAP_HUGE_32MB
#define MAP_HUGE_32MB	(25 << 26)
#endif

const char *const mem_name[MEM_KINDS] = {
	[MEM_ANON4K] = "anon4k",
	[MEM_THP] = "thp",
	[MEM_ANON_SHARED] = "anon-shared",
	[MEM_MEMFD] = "memfd",
	[MEM_MEMFD_PRIVATE] = "memfd-private",
	[MEM_HUGETLB] = "hugetlb2m",
	[MEM_HUGETLB_SHARED] = "hugetlb2m-shared",
	[MEM_HUGETLB_MEMFD] = "hugetlb2m-memfd",
	[MEM_HUGETLB_1G] = "hugetlb1g",
	[MEM_HUGETLB_64K] = "hugetlb64k",
	[MEM_HUGETLB_32M] = "hugetlb32m",
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
	       kind == MEM_HUGETLB_MEMFD || kind == MEM_SHARED_FILE;
}

/**
 * mem_is_hugetlb() - whether memory of this kind comes from the hugetlb pool
 * @kind: the kind
 *
 * Return: true if so
 */
bool mem_is_hugetlb(enum mem_kind kind)
{
	return kind == MEM_HUGETLB || kind == MEM_HUGETLB_SHARED || kind == MEM_HUGETLB_MEMFD ||
	       kind == MEM_HUGETLB_1G || kind == MEM_HUGETLB_64K || kind == MEM_HUGETLB_32M;
}

/**
 * mem_page() - the page size of memory of this kind
 * @kind: the kind
 *
 * Return: bytes
 */
size_t mem_page(enum mem_kind kind)
{
	switch (kind) {
	case MEM_HUGETLB_1G:
		return GIANT;
	case MEM_HUGETLB_64K:
		return 64UL << 10;
	case MEM_HUGETLB_32M:
		return 32UL << 20;
	default:
		return mem_is_hugetlb(kind) ? HUGE : HOST_PAGE;
	}
}

static int huge_flag(enum mem_kind kind)
{
	switch (kind) {
	case MEM_HUGETLB_1G:
		return MAP_HUGE_1GB;
	case MEM_HUGETLB_64K:
		return MAP_HUGE_64KB;
	case MEM_HUGETLB_32M:
		return MAP_HUGE_32MB;
	default:
		return MAP_HUGE_2MB;
	}
}

/**
 * mem_thp() - the size of transparent huge pages
 *
 * Return: bytes; 2 MiB if the kernel has no transparent huge pages
 */
size_t mem_thp(void)
{
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "r");
	size_t size = HUGE;

	if (f && fscanf(f, "%zu", &size) != 1)
		die("the size of huge pages: %s", errno_name(errno));
	if (f)
		fclose(f);
	return size;
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

static long pool(size_t page, const char *name, const char *mode, long value)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/%s", page >> 10, name);
	f = fopen(path, mode);
	if (!f || (*mode == 'r' ? fscanf(f, "%ld", &value) : fprintf(f, "%ld\n", value)) < 1 ||
	    fclose(f))
		die("%s: %s", path, errno_name(errno));
	return value;
}

/* The pool only ever grows, so that pages go from one VM to the next. */
static void reserve_hugetlb(enum mem_kind kind, size_t size)
{
	size_t page = mem_page(kind);
	long missing = (long)(size / page) - pool(page, "free_hugepages", "r", 0);

	if (size % page)
		die("%s comes in pages of %zu KiB", mem_name[kind], page >> 10);
	if (missing <= 0)
		return;
	pool(page, "nr_hugepages", "w", missing + pool(page, "nr_hugepages", "r", 0));
	if (pool(page, "free_hugepages", "r", 0) < (long)(size / page))
		die("the host has no %zu bytes of huge pages", size);
}

/*
 * A file on ramfs: page cache like that of a disk file system, without a disk. The root file system
 * does not serve: an initramfs is unpacked to tmpfs, which can hold tags.
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

/**
 * mem_fd() - a file for memory of this kind
 * @kind: the kind
 * @size: how large
 *
 * Return: its descriptor, or -1 where the kind has none
 */
int mem_fd(enum mem_kind kind, size_t size)
{
	unsigned int flags = MFD_CLOEXEC;
	int fd;

	if (mem_is_file(kind))
		return ramfs_file(size);
	if (kind == MEM_HUGETLB_MEMFD)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	else if (kind != MEM_MEMFD && kind != MEM_MEMFD_PRIVATE)
		return -1;
	if (mem_is_hugetlb(kind))
		reserve_hugetlb(kind, size);
	fd = memfd_create("guest", flags);
	if (fd < 0 || ftruncate(fd, size))
		die("memfd: %s", errno_name(errno));
	return fd;
}

/* An address that is aligned for huge pages */
static void *reserve_aligned(size_t size, size_t align)
{
	char *p = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	char *start;

	if (p == MAP_FAILED)
		die("no %zu bytes of addresses", size);
	start = (char *)(((uintptr_t)p + align - 1) & ~(align - 1));
	if (start > p)
		munmap(p, start - p);
	munmap(start + size, p + align - start);
	return start;
}

static void *map(enum mem_kind kind, size_t size, void *fixed, int fd, int prot)
{
	int flags = MAP_FIXED | (mem_is_shared(kind) ? MAP_SHARED : MAP_PRIVATE);
	size_t align = mem_page(kind) > mem_thp() ? mem_page(kind) : mem_thp();
	void *p = fixed ? fixed : reserve_aligned(size, align);

	if (fd < 0)
		flags |= MAP_ANONYMOUS;
	if (mem_is_hugetlb(kind) && fd < 0) {
		reserve_hugetlb(kind, size);
		flags |= MAP_HUGETLB | huge_flag(kind);
	}
	p = mmap(p, size, prot, flags, fd, 0);
	if (p == MAP_FAILED)
		die("mmap of %zu bytes of %s: %s", size, mem_name[kind], errno_name(errno));
	if (kind == MEM_THP)
		madvise(p, size, MADV_HUGEPAGE);
	else if (kind == MEM_ANON4K)
		madvise(p, size, MADV_NOHUGEPAGE);
	return p;
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
	int fd = mem_fd(kind, size);
	void *p = map(kind, size, fixed, fd, PROT_READ | PROT_WRITE);

	if (fd >= 0)
		close(fd);
	return p;
}

/**
 * mem_map_tagged() - PROT_MTE memory of the host, from the same source as memory of this kind
 * @kind: the guest's kind
 * @size: in bytes
 *
 * Files of hugetlbfs cannot be mapped PROT_MTE, but anonymous memory of the same pool can.
 *
 * Return: its address
 */
void *mem_map_tagged(enum mem_kind kind, size_t size)
{
	if (kind == MEM_HUGETLB_MEMFD || kind == MEM_HUGETLB_SHARED)
		kind = MEM_HUGETLB;
	else if (!mem_is_hugetlb(kind) && kind != MEM_THP)
		kind = MEM_ANON4K;
	return map(kind, size, NULL, -1, PROT_READ | PROT_WRITE | PROT_MTE);
}

/**
 * mem_may_be_tagged() - whether this host's processes may map such memory PROT_MTE
 * @kind: the guest's kind
 *
 * 5.10 does, 6.1 and 6.12 do not from the hugetlb pool.
 *
 * Return: true if mem_map_tagged() can be called
 */
bool mem_may_be_tagged(enum mem_kind kind)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_HUGETLB | MAP_HUGE_2MB;
	void *p;

	if (!mem_is_hugetlb(kind))
		return true;
	p = mmap(NULL, HUGE, PROT_READ | PROT_WRITE | PROT_MTE, flags, -1, 0);
	if (p == MAP_FAILED && errno != EINVAL)
		die("hugetlb memory: %s", errno_name(errno));
	if (p != MAP_FAILED)
		munmap(p, HUGE);
	return p != MAP_FAILED;
}

/**
 * mem_map_fd() - a shared mapping of a file
 * @fd: the file
 * @size: in bytes
 * @prot: PROT_*
 *
 * Return: its address
 */
void *mem_map_fd(int fd, size_t size, int prot)
{
	void *p = mmap(reserve_aligned(size, mem_thp()), size, prot, MAP_SHARED | MAP_FIXED, fd, 0);

	if (p == MAP_FAILED)
		die("mmap of a file: %s", errno_name(errno));
	return p;
}
