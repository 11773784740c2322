/* SPDX-License-Identifier: GPL-2.0-only */
/* What client and guest agree on: the memory map, the mailbox of a vCPU, the commands. */
#ifndef GUEST_MAILBOX_H
#define GUEST_MAILBOX_H

/* Guest physical = virtual addresses. Page 0 to 1 GiB is mapped as device memory. */
#define GUEST_DOORBELL		0x09000000
#define GUEST_UNBACKED		0x0a000000
#define GUEST_CODE		0x40000000
#define GUEST_CODE_SIZE		0x200000
#define GUEST_DATA		0x80000000
#define GUEST_DATA_MAX		0x180000000

/* Virtual only: a table descriptor to, and executable memory at, addresses that no slot backs. */
#define GUEST_VA_BAD_TABLE	0x200000000
#define GUEST_VA_BAD_TEXT	0x24a000000
/* The same map once more through TTBR1, for tag faults with bit 55 set. */
#define GUEST_VA_HIGH		0xffffff8000000000

/* Offsets in the code slot. A mailbox page is followed by the vCPU's stack. */
#define GUEST_MAIR		8
#define GUEST_MAILBOXES		0x100000
#define GUEST_MAILBOX_STRIDE	0x4000
#define GUEST_MAX_VCPUS		16
#define GUEST_SAMPLES		0x180000
#define GUEST_MAX_SAMPLES	0x10000

#define MAILBOX_STACK		0

#ifndef __ASSEMBLER__

typedef unsigned long u64;
typedef unsigned int u32;

enum guest_cmd {
	CMD_NOP,
	CMD_HVC,		/* n -> calls that were answered */
	CMD_PSCI,		/* fn, 3 arguments -> x0 */
	CMD_SPIN,		/* hypercalls until ->stop; -> how many */
	CMD_IDREGS,		/* buf[]: S3_0_C0_C<1..7>_<0..7> */
	CMD_MTE_GET,		/* -> 4 values, 4 times whether reading it was UNDEFINED */
	CMD_MTE_SET,		/* 4 values */
	CMD_MTE_WRITE,		/* seed: values made from it */
	CMD_MTE_VERIFY,		/* seed -> differences, register, got, want */
	CMD_MTE_HOLD,		/* seed, reads: WRITE, then VERIFY that often or until ->stop */
	CMD_IRG,		/* excluded mask, times -> tags seen, as a mask */
	CMD_STORE,		/* start, end, step, seed: 8 bytes each step */
	CMD_LOAD,		/* the same -> words that differ */
	CMD_TAG_FILL,		/* start, end, seed */
	CMD_TAG_VERIFY,		/* start, end, seed -> granules that differ, first */
	CMD_TAG_READ,		/* start, end -> granules with a tag, first, its tag */
	CMD_MMU_OFF_STORE,	/* start, end, step, seed, tags: as CMD_STORE, MMU and caches off */
	CMD_ACCESS,		/* address, ACCESS_*, value -> value, 2 TFSRs, both cleared */
	CMD_PRESS_FILL,		/* start, end, seed, step in pages -> -, -, stray faults */
	CMD_PRESS_VERIFY,	/* the same -> wrong tags, words, stray faults, first wrong tag */
	CMD_OWN_FILL,		/* start, end, seed, owner, owners: tags of every owners-th granule */
	CMD_OWN_VERIFY,		/* the same -> granules that differ, first, its tag */
	CMD_TAG_SET,		/* address with the tag */
	CMD_PROVOKE,		/* enum provoke, PSTATE.TCO before */
	CMD_SAMPLE,		/* enum sample, times, address, step: ticks of each to GUEST_SAMPLES */
	CMD_GMID,		/* -> GMID_EL1, whether reading it was UNDEFINED */
	CMD_COUNT
};

/* CMD_ACCESS: the two low bits are SCTLR_EL1.TCF (TCF0 with ACCESS_EL0) */
#define ACCESS_TCF		3
#define ACCESS_STORE		4
#define ACCESS_EL0		8
#define ACCESS_TCO		16

#define TCF_NONE		0
#define TCF_SYNC		1
#define TCF_ASYNC		2
#define TCF_ASYMM		3

enum provoke {
	PROVOKE_IGSW, PROVOKE_IGDSW, PROVOKE_CGSW, PROVOKE_CGDSW, PROVOKE_CIGSW, PROVOKE_CIGDSW,
	PROVOKE_PTRAUTH_KEY,	/* KVM hides it from a vCPU without pointer authentication */
	PROVOKE_SVE,		/* KVM hides it from a vCPU without SVE */
	PROVOKE_FETCH,		/* instruction fetch from unbacked memory */
	PROVOKE_WALK,		/* page table walk in unbacked memory */
	PROVOKE_NOTHING,	/* a load that is fine */
	PROVOKE_COUNT
};

/* CMD_SAMPLE; with SAMPLE_GAPS, times that the guest stands still for more than "address" ticks */
enum sample { SAMPLE_NOTHING, SAMPLE_HVC, SAMPLE_READ, SAMPLE_WRITE, SAMPLE_GAPS };

/* The four registers that KVM switches, in this order everywhere */
enum mte_reg { MTE_GCR, MTE_RGSR, MTE_TFSR, MTE_TFSRE0, MTE_REGS };

/* After an exception: end, go on after the instruction, go on where it was taken */
enum arm { ARM_NONE, ARM_SKIP, ARM_STAY };

struct exception {
	u64 count;
	u64 vector;		/* offset / 0x80 */
	u64 esr, far, elr, spsr;
	u64 tco;		/* PSTATE.TCO at the vector: bit 25 */
};

struct mailbox {
	u64 stack;		/* MAILBOX_STACK */
	u64 cmd;
	u64 arg[6];
	u64 ret[8];
	u64 stop;
	u64 has_tco;		/* the CPU knows PSTATE.TCO */
	u64 armed;		/* enum arm */
	u64 resume;		/* for ARM_SKIP: go on at this address instead, if not 0 */
	u64 fatal;
	struct exception exc;
	u64 buf[64];
};

static inline u64 guest_mix(u64 x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	return x ^ (x >> 29);
}

/* The tag, nonzero, that the owner of a granule gives it */
static inline u64 guest_own_tag(u64 offset, u64 seed)
{
	return 1 + (guest_mix(offset ^ seed) & 0xffff) * 15 / 0x10000;
}

/* The value of register @reg that CMD_MTE_WRITE makes from @seed: only bits that exist */
static inline u64 guest_mte_value(u64 seed, int reg)
{
	u64 h = guest_mix(seed * MTE_REGS + reg);

	switch (reg) {
	case MTE_GCR:
		return h & 0x1ffff;
	case MTE_RGSR:
		return h & 0xffff0f;
	default:
		return h & 3;
	}
}

/* Nonzero. Half of the pairs of granules share one tag, so that ST2G is used as well as STG. */
static inline u64 guest_pair_tag(u64 h, int odd)
{
	if (h & 1)
		odd = 0;
	return ((h >> (odd ? 24 : 8) & 0xffff) * 15 >> 16) + 1;
}

/* The tag that CMD_TAG_FILL gives a granule */
static inline u64 guest_tag(u64 addr, u64 seed)
{
	return guest_pair_tag(guest_mix((addr & ~31UL) ^ seed), addr >> 4 & 1);
}

#endif
#endif
