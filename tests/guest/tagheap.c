// SPDX-License-Identifier: GPL-2.0-only
/*
 * tagheap MIB FILE - a program whose memory has tags everywhere, checked synchronously. It writes
 * new tags and new words, and checks the old ones, until it is stopped. FILE has a line for each
 * round: its number, and how many tags and words were wrong. Where a tag is lost, it dies.
 */
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
#define TCF_SYNC		(1UL << 1)
#define ALL_TAGS		(0xfffeUL << 3)
#define GRANULE			16UL

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	return x ^ (x >> 29);
}

/* The pointer, with its tag, to granule @i in a round. */
static uint64_t *pointer(char *base, uint64_t i, uint64_t round)
{
	uint64_t tag = 1 + mix(i * 1000003 + round) % 15;

	return (uint64_t *)((uint64_t)(base + i * GRANULE) | tag << 56);
}

static uint64_t load_tag(uint64_t *p)
{
	uint64_t tagged = (uint64_t)p & ~(0xffUL << 56);

	asm volatile(".arch armv8.5-a+memtag\n ldg %0, [%0]" : "+r" (tagged) : : "memory");
	return tagged >> 56 & 0xf;
}

static void store(uint64_t *p, uint64_t word)
{
	asm volatile(".arch armv8.5-a+memtag\n stg %0, [%0]" : : "r" (p) : "memory");
	*(volatile uint64_t *)p = word;
}

static void write_line(const char *file, uint64_t round, uint64_t tags, uint64_t words)
{
	char text[80];
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
	int n = snprintf(text, sizeof(text), "%lu %lu %lu\n", round, tags, words);

	if (fd < 0 || write(fd, text, n) != n)
		exit(1);
	close(fd);
}

int main(int argc, char **argv)
{
	uint64_t nr, i, round, tags, words;
	char *base;

	if (argc != 3)
		return 2;
	nr = strtoul(argv[1], NULL, 0) * (1UL << 20) / GRANULE;
	if (prctl(PR_SET_TAGGED_ADDR_CTRL, TAGGED_ADDR_ENABLE | TCF_SYNC | ALL_TAGS, 0, 0, 0))
		return 3;
	base = mmap(NULL, nr * GRANULE, PROT_READ | PROT_WRITE | PROT_MTE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return 4;
	for (i = 0; i < nr; i++)
		store(pointer(base, i, 0), i);
	for (round = 1;; round++) {
		for (i = tags = words = 0; i < nr; i++) {
			uint64_t *old = pointer(base, i, round - 1);

			tags += load_tag(old) != ((uint64_t)old >> 56);
			words += *(volatile uint64_t *)old != i + round - 1;
			store(pointer(base, i, round), i + round);
		}
		write_line(argv[2], round, tags, words);
	}
}
