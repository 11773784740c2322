/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GUEST_H
#define GUEST_H

#include "guest/mailbox.h"

#define SCTLR_ATA	(1UL << 43)
#define SCTLR_ATA0	(1UL << 42)
#define SCTLR_TCF_SHIFT	40
#define SCTLR_TCF0_SHIFT 38

#define PSR_TCO		(1UL << 25)

#define PSCI_VERSION	0x84000000

#define barrier()	({ asm volatile("" ::: "memory"); })

#define read_reg(name) ({						\
	u64 __v;							\
	asm volatile("mrs %0, " name : "=r" (__v) :: "memory");		\
	__v;								\
})
#define write_reg(name, v)						\
	({ asm volatile("msr " name ", %0\n\tisb" :: "r" ((u64)(v)) : "memory"); })

#define GCR	"S3_0_C1_C0_6"
#define RGSR	"S3_0_C1_C0_5"
#define TFSR	"S3_0_C5_C6_0"
#define TFSRE0	"S3_0_C5_C6_1"
#define TCO	"S3_3_C4_C2_7"

static inline u64 with_tag(u64 addr, u64 tag)
{
	return (addr & ~(0xfUL << 56)) | tag << 56;
}

static inline void store_tag(u64 tagged)
{
	asm volatile("stg %0, [%0]" :: "r" (tagged) : "memory");
}

static inline u64 load_tag(u64 addr)
{
	u64 v = addr;

	asm volatile("ldg %0, [%0]" : "+r" (v) :: "memory");
	return v >> 56 & 0xf;
}

/* SMCCC call by HVC */
static inline u64 hypercall(u64 fn, u64 a, u64 b, u64 c)
{
	register u64 x0 asm("x0") = fn;
	register u64 x1 asm("x1") = a;
	register u64 x2 asm("x2") = b;
	register u64 x3 asm("x3") = c;

	asm volatile("hvc #0" : "+r" (x0), "+r" (x1), "+r" (x2), "+r" (x3) :: "memory",
		     "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		     "x16", "x17");
	return x0;
}

/* From here on exceptions are expected: recorded, and the instruction skipped */
static inline void arm_exceptions(struct mailbox *mb)
{
	mb->resume = 0;
	mb->exc = (struct exception){ 0 };
	mb->armed = ARM_SKIP;
	barrier();
}

static inline void disarm_exceptions(struct mailbox *mb)
{
	barrier();
	mb->armed = ARM_NONE;
}

struct frame {
	u64 x[31];
	u64 elr, spsr, pad;
};

void guest_main(struct mailbox *mb);
void exc_handler(struct frame *f, u64 vector);
void doorbell(u64 value);

void cmd_idregs(struct mailbox *mb);
void cmd_mte_get(struct mailbox *mb);
void cmd_mte_set(struct mailbox *mb);
void cmd_mte_write(struct mailbox *mb);
void cmd_mte_verify(struct mailbox *mb);
void cmd_mte_hold(struct mailbox *mb);
void cmd_irg(struct mailbox *mb);
void cmd_gmid(struct mailbox *mb);
void cmd_store(struct mailbox *mb);
void cmd_load(struct mailbox *mb);
void cmd_tag_fill(struct mailbox *mb);
void cmd_tag_verify(struct mailbox *mb);
void cmd_tag_read(struct mailbox *mb);
void cmd_press_fill(struct mailbox *mb);
void cmd_press_verify(struct mailbox *mb);
void cmd_own_fill(struct mailbox *mb);
void cmd_own_verify(struct mailbox *mb);
void cmd_tag_set(struct mailbox *mb);
void cmd_mmu_off_store(struct mailbox *mb);
void cmd_access(struct mailbox *mb);
void cmd_provoke(struct mailbox *mb);
void cmd_sample(struct mailbox *mb);

/* start.S */
void mmu_off_store(u64 start, u64 end, u64 step, u64 seed, u64 tags);
u64 el0_access(u64 addr, u64 store, u64 value);
extern char el0_return[];
void fetch_from(u64 addr);
extern char fetch_return[];

#endif
