// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmatags DISK - a device reads and writes memory that has tags. It writes words to the disk from
 * memory with tags, and reads them into other memory with tags, without the page cache. Prints how
 * many tags and words are wrong after that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PROT_MTE
#define PROT_MTE		0x20
#endif
#define TAGGED_ADDR_ENABLE	(1UL << 0)
#define GRANULE			16UL
#define SIZE			(1UL << 20)

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	return x ^ (x >> 29);
}

static uint64_t tag_of(uint64_t i, uint64_t seed)
{
	return 1 + mix(i * 1000003 + seed) % 15;
}

static char *tagged_memory(uint64_t seed)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE | PROT_MTE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	uint64_t i;

	if (p == MAP_FAILED)
		exit(2);
	for (i = 0; i < SIZE / GRANULE; i++) {
		uint64_t at = (uint64_t)(p + i * GRANULE) | tag_of(i, seed) << 56;

		asm volatile(".arch armv8.5-a+memtag\n stg %0, [%0]" : : "r" (at) : "memory");
	}
	return p;
}

/* Tag checks are off, so pointers without tags may be used. */
static uint64_t wrong_tags(char *p, uint64_t seed)
{
	uint64_t i, bad = 0;

	for (i = 0; i < SIZE / GRANULE; i++) {
		uint64_t at = (uint64_t)(p + i * GRANULE);

		asm volatile(".arch armv8.5-a+memtag\n ldg %0, [%0]" : "+r" (at) : : "memory");
		bad += (at >> 56 & 0xf) != tag_of(i, seed);
	}
	return bad;
}

static uint64_t wrong_words(const char *p)
{
	const uint64_t *word = (const uint64_t *)p;
	uint64_t i, bad = 0;

	for (i = 0; i < SIZE / sizeof(*word); i++)
		bad += word[i] != mix(i);
	return bad;
}

int main(int argc, char **argv)
{
	int fd = open(argc > 1 ? argv[1] : "", O_RDWR | O_DIRECT | O_SYNC);
	char *from, *to;
	uint64_t i;

	if (fd < 0 || prctl(PR_SET_TAGGED_ADDR_CTRL, TAGGED_ADDR_ENABLE, 0, 0, 0))
		return 2;
	from = tagged_memory(1);
	to = tagged_memory(2);
	for (i = 0; i < SIZE / sizeof(i); i++)
		((volatile uint64_t *)from)[i] = mix(i);
	if (pwrite(fd, from, SIZE, 0) != (ssize_t)SIZE || pread(fd, to, SIZE, 0) != (ssize_t)SIZE)
		return 3;
	printf("%lu %lu %lu\n", wrong_tags(from, 1), wrong_tags(to, 2), wrong_words(to));
	return 0;
}
