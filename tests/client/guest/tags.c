// SPDX-License-Identifier: GPL-2.0-only
/* Filling and reading memory and its tags. */
#include "guest/guest.h"

void cmd_tag_fill(struct mailbox *mb)
{
	u64 a, h;

	for (a = mb->arg[0]; a < mb->arg[1]; a += 32) {
		h = guest_mix(a ^ mb->arg[2]);
		if (h & 1) {
			asm volatile("st2g %0, [%0]" :: "r" (with_tag(a, guest_pair_tag(h, 0)))
				     : "memory");
			continue;
		}
		store_tag(with_tag(a, guest_pair_tag(h, 0)));
		store_tag(with_tag(a + 16, guest_pair_tag(h, 1)));
	}
}

static void differs(struct mailbox *mb, u64 addr, u64 tag)
{
	if (!mb->ret[0]++) {
		mb->ret[1] = addr;
		mb->ret[2] = tag;
	}
}

void cmd_tag_verify(struct mailbox *mb)
{
	u64 a, h, tag;
	int odd;

	mb->ret[0] = 0;
	for (a = mb->arg[0]; a < mb->arg[1]; a += 32) {
		h = guest_mix(a ^ mb->arg[2]);
		for (odd = 0; odd < 2; odd++) {
			tag = load_tag(a + 16 * odd);
			if (tag != guest_pair_tag(h, odd))
				differs(mb, a + 16 * odd, tag);
		}
	}
}

void cmd_tag_read(struct mailbox *mb)
{
	u64 a, tag;

	mb->ret[0] = 0;
	for (a = mb->arg[0]; a < mb->arg[1]; a += 16) {
		tag = load_tag(a);
		if (tag)
			differs(mb, a, tag);
	}
}

void cmd_tag_set(struct mailbox *mb)
{
	store_tag(mb->arg[0]);
}

/* Granules of several owners alternate. This owner's first granule, and the step to its next */
static u64 first_own(struct mailbox *mb)
{
	return mb->arg[0] + 16 * mb->arg[3];
}

static u64 own_step(struct mailbox *mb)
{
	return 16 * mb->arg[4];
}

void cmd_own_fill(struct mailbox *mb)
{
	u64 a;

	for (a = first_own(mb); a < mb->arg[1]; a += own_step(mb))
		store_tag(with_tag(a, guest_own_tag(a - GUEST_DATA, mb->arg[2])));
}

void cmd_own_verify(struct mailbox *mb)
{
	u64 a, tag;

	mb->ret[0] = 0;
	for (a = first_own(mb); a < mb->arg[1]; a += own_step(mb)) {
		tag = load_tag(a);
		if (tag != guest_own_tag(a - GUEST_DATA, mb->arg[2]))
			differs(mb, a, tag);
	}
}

void cmd_store(struct mailbox *mb)
{
	u64 a;

	for (a = mb->arg[0]; a < mb->arg[1]; a += mb->arg[2])
		*(u64 *)a = a ^ mb->arg[3];
}

void cmd_load(struct mailbox *mb)
{
	u64 a, bad = 0;

	for (a = mb->arg[0]; a < mb->arg[1]; a += mb->arg[2])
		bad += *(u64 *)a != (a ^ mb->arg[3]);
	mb->ret[0] = bad;
}

void cmd_mmu_off_store(struct mailbox *mb)
{
	mmu_off_store(mb->arg[0], mb->arg[1], mb->arg[2], mb->arg[3], mb->arg[4]);
}
