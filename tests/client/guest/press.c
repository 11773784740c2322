// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory full of values that are hard to guess. Each granule has a tag and a word of its own. The
 * word is stored and loaded at an address with that tag, with tag checks on. Pages are taken in
 * steps of an odd number, so that read-ahead does not help.
 */
#include "guest/guest.h"

#define PAGE	4096UL

static void checks(u64 tcf)
{
	u64 sctlr = read_reg("sctlr_el1") & ~(3UL << SCTLR_TCF_SHIFT);

	write_reg("sctlr_el1", sctlr | tcf << SCTLR_TCF_SHIFT);
}

static u64 tagged(u64 a, u64 h)
{
	return with_tag(a, 1 + ((h & 0xffff) * 15 >> 16));
}

static u64 load(u64 a)
{
	u64 v = 0;

	asm volatile("ldr %0, [%1]" : "+r" (v) : "r" (a) : "memory");
	return v;
}

static void fill_page(u64 a, u64 seed)
{
	u64 end = a + PAGE, h, p;

	for (; a < end; a += 16) {
		h = guest_mix(a ^ seed);
		p = tagged(a, h);
		store_tag(p);
		asm volatile("str %0, [%1]" :: "r" (h >> 32), "r" (p) : "memory");
	}
}

static void verify_page(struct mailbox *mb, u64 a, u64 seed)
{
	u64 end = a + PAGE, h, p;

	for (; a < end; a += 16) {
		h = guest_mix(a ^ seed);
		p = tagged(a, h);
		if (load_tag(a) != p >> 56) {
			if (!mb->ret[0]++)
				mb->ret[3] = a;
			continue;
		}
		if (load(p) != h >> 32)
			mb->ret[1]++;
	}
}

static u64 nth(struct mailbox *mb, u64 i)
{
	u64 pages = (mb->arg[1] - mb->arg[0]) / PAGE;

	return mb->arg[0] + i * mb->arg[3] % pages * PAGE;
}

void cmd_press_fill(struct mailbox *mb)
{
	u64 i, pages = (mb->arg[1] - mb->arg[0]) / PAGE;

	arm_exceptions(mb);
	checks(TCF_SYNC);
	for (i = 0; i < pages; i++)
		fill_page(nth(mb, i), mb->arg[2]);
	checks(TCF_NONE);
	disarm_exceptions(mb);
	mb->ret[2] = mb->exc.count;
}

void cmd_press_verify(struct mailbox *mb)
{
	u64 i, pages = (mb->arg[1] - mb->arg[0]) / PAGE;

	mb->ret[0] = 0;
	mb->ret[1] = 0;
	arm_exceptions(mb);
	checks(TCF_SYNC);
	for (i = 0; i < pages; i++)
		verify_page(mb, nth(mb, i), mb->arg[2]);
	checks(TCF_NONE);
	disarm_exceptions(mb);
	mb->ret[2] = mb->exc.count;
}
