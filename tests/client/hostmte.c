// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "check.h"
#include "guest/mailbox.h"
#include "hostmte.h"

#ifndef HWCAP2_MTE
#define HWCAP2_MTE		(1 << 18)
#endif
#ifndef PROT_MTE
#define PROT_MTE		0x20
#endif
#ifndef PR_SET_TAGGED_ADDR_CTRL
#define PR_SET_TAGGED_ADDR_CTRL	55
#endif
#define TAGGED_ADDR_ENABLE	1UL
#define TCF_SHIFT		1
#define TAG_SHIFT		3

#define MEMTAG			".arch armv8.5-a+memtag\n\t"

/**
 * host_mte_present() - whether this host's processes have MTE
 *
 * Return: true if so
 */
bool host_mte_present(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_MTE;
}

/**
 * host_mte_mode() - tag check mode and IRG's tags of the calling thread
 * @tcf: the mode
 * @allowed: mask of the tags IRG may choose
 */
void host_mte_mode(enum host_tcf tcf, unsigned int allowed)
{
	unsigned long v = TAGGED_ADDR_ENABLE | (unsigned long)tcf << TCF_SHIFT |
			  (unsigned long)allowed << TAG_SHIFT;

	if (prctl(PR_SET_TAGGED_ADDR_CTRL, v, 0, 0, 0))
		die("PR_SET_TAGGED_ADDR_CTRL: %s", errno_name(errno));
}

/**
 * host_tagged_map() - fresh PROT_MTE memory
 * @size: in bytes
 *
 * Return: its address
 */
void *host_tagged_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_MTE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		die("mmap with PROT_MTE: %s", errno_name(errno));
	return p;
}

/**
 * host_set_tag() - give a granule the tag of its address
 * @tagged: the address with the tag
 */
void host_set_tag(void *tagged)
{
	asm volatile(MEMTAG "stg %0, [%0]" :: "r" (tagged) : "memory");
}

/**
 * host_irg() - a random tag that the thread's mask allows
 * @p: an address
 *
 * Return: the address with the tag
 */
void *host_irg(void *p)
{
	void *v;

	asm volatile(MEMTAG "irg %0, %1" : "=r" (v) : "r" (p));
	return v;
}

/**
 * host_tag_of() - the tag of a granule in memory
 * @p: its address
 *
 * Return: the tag
 */
unsigned int host_tag_of(void *p)
{
	unsigned long v = (unsigned long)p;

	asm volatile(MEMTAG "ldg %0, [%0]" : "+r" (v) :: "memory");
	return v >> 56 & 0xf;
}

static void *filled(unsigned long a, unsigned long seed)
{
	return (void *)(a | (1 + guest_mix(a ^ seed) % 15) << 56);
}

/**
 * host_tag_fill() - nonzero tags everywhere
 * @p: start, without a tag
 * @size: in bytes
 * @seed: other tags for another seed
 */
void host_tag_fill(void *p, size_t size, unsigned long seed)
{
	unsigned long a = (unsigned long)p, end = a + size;

	for (; a < end; a += 16)
		host_set_tag(filled(a, seed));
}

/**
 * host_tag_verify() - compare the tags with those of host_tag_fill()
 * @p: start, without a tag
 * @size: in bytes
 * @seed: the seed
 *
 * Return: how many granules differ
 */
size_t host_tag_verify(void *p, size_t size, unsigned long seed)
{
	unsigned long a = (unsigned long)p, end = a + size;
	size_t n = 0;

	for (; a < end; a += 16)
		n += host_tag_of((void *)a) != ((unsigned long)filled(a, seed) >> 56 & 0xf);
	return n;
}

/**
 * host_tag_count() - granules with a tag
 * @p: start
 * @size: in bytes
 *
 * Return: their number
 */
size_t host_tag_count(void *p, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < size; i += 16)
		n += host_tag_of((char *)p + i) != 0;
	return n;
}
