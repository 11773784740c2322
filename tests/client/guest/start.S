/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry, static page tables, vectors. A vCPU starts here with the MMU off and x0 = its mailbox.
 * The client or PSCI CPU_ON starts it.
 */
#include "guest/mailbox.h"

#define ATTR(i)		((i) << 2)
#define BLOCK		0x401			/* valid, access flag */
#define INNER_SHARED	(3 << 8)
#define EL0_RW		(1 << 6)
#define NO_EXEC		(3 << 53)

/*
 * 39-bit addresses from both tables, 4K granule, write-back, inner shareable, 40 bits out,
 * TBI0, TBI1
 */
#define TCR		(25 | 1 << 8 | 1 << 10 | 3 << 12 | \
			 25 << 16 | 1 << 24 | 1 << 26 | 3 << 28 | 2 << 30 | \
			 2 << 32 | 1 << 37 | 1 << 38)
/* The bits that are one at reset, M, C, I, ATA0, ATA */
#define SCTLR_ON	(0x30d00800 | 1 | 1 << 2 | 1 << 12 | 1 << 42 | 1 << 43)
#define SCTLR_MCI	(1 | 1 << 2 | 1 << 12)
#define CPACR_FP_SVE	(3 << 20 | 3 << 16)

#define SPSR_EL0	0x3c0
#define DC_CIGDVAC	S1_3_C7_C14_5

	.section .head, "ax"
	.global	_start
_start:
	b	boot
	.balign	8
	/* GUEST_MAIR: filled in by the client, which knows whether the CPU has tagged memory */
mair:	.quad	0

boot:
	ldr	x1, mair
	msr	mair_el1, x1
	ldr	x1, =TCR
	msr	tcr_el1, x1
	adrp	x1, page_table
	msr	ttbr0_el1, x1
	msr	ttbr1_el1, x1
	adr	x1, vectors
	msr	vbar_el1, x1
	tlbi	vmalle1
	dsb	nsh
	isb
	ldr	x1, =SCTLR_ON
	msr	sctlr_el1, x1
	isb
	msr	tpidr_el1, x0
	ldr	x1, =CPACR_FP_SVE
	msr	cpacr_el1, x1
	isb
	ldr	x1, [x0, #MAILBOX_STACK]
	mov	sp, x1
	bl	guest_main
	b	.
	.ltorg

	.macro	vector n
	.balign	0x80
	sub	sp, sp, #34 * 8
	stp	x0, x1, [sp]
	mov	x1, #\n
	b	exception
	.endm

	/* x2 to x29; "vector" and "exception" themselves handle x0, x1 and x30 */
	.macro	all_pairs op
	\op	x2, x3, [sp, #2 * 8]
	\op	x4, x5, [sp, #4 * 8]
	\op	x6, x7, [sp, #6 * 8]
	\op	x8, x9, [sp, #8 * 8]
	\op	x10, x11, [sp, #10 * 8]
	\op	x12, x13, [sp, #12 * 8]
	\op	x14, x15, [sp, #14 * 8]
	\op	x16, x17, [sp, #16 * 8]
	\op	x18, x19, [sp, #18 * 8]
	\op	x20, x21, [sp, #20 * 8]
	\op	x22, x23, [sp, #22 * 8]
	\op	x24, x25, [sp, #24 * 8]
	\op	x26, x27, [sp, #26 * 8]
	\op	x28, x29, [sp, #28 * 8]
	.endm

	.balign	0x800
vectors:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\n
	.endr

exception:
	all_pairs stp
	mrs	x2, elr_el1
	mrs	x3, spsr_el1
	stp	x30, x2, [sp, #30 * 8]
	str	x3, [sp, #32 * 8]
	mov	x0, sp
	bl	exc_handler
	ldp	x30, x2, [sp, #30 * 8]
	ldr	x3, [sp, #32 * 8]
	msr	elr_el1, x2
	msr	spsr_el1, x3
	all_pairs ldp
	ldp	x0, x1, [sp]
	add	sp, sp, #34 * 8
	eret

/*
 * void mmu_off_store(start, end, step, seed, tags): *(u64 *)a = a ^ seed with MMU and caches
 * off. First the range is removed from the caches (tags = 1: its tags, too), so that no later
 * write-back can hide the stores.
 */
	.global	mmu_off_store
mmu_off_store:
	mov	x5, x0
1:	cbz	x4, 2f
	dc	cigdvac, x5
	b	3f
2:	dc	civac, x5
3:	add	x5, x5, #64
	cmp	x5, x1
	b.lo	1b
	dsb	sy
	mrs	x6, sctlr_el1
	mov	x7, #SCTLR_MCI
	bic	x7, x6, x7
	msr	sctlr_el1, x7
	isb
	mov	x5, x0
4:	eor	x7, x5, x3
	str	x7, [x5]
	add	x5, x5, x2
	cmp	x5, x1
	b.lo	4b
	dsb	sy
	msr	sctlr_el1, x6
	isb
	ret

/* u64 el0_access(addr, store, value): one 8-byte access at EL0, which comes back by SVC */
	.global	el0_access, el0_return
el0_access:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	adr	x9, el0_code
	msr	elr_el1, x9
	mov	x9, #SPSR_EL0
	msr	spsr_el1, x9
	eret
el0_code:
	cbz	x1, 1f
	str	x2, [x0]
	b	2f
1:	ldr	x2, [x0]
2:	svc	#0
el0_return:
	mov	x0, x2
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret

/* void fetch_from(addr): jumps there; after the exception the guest goes on at fetch_return */
	.global	fetch_from, fetch_return
fetch_from:
	stp	x29, x30, [sp, #-16]!
	blr	x0
fetch_return:
	ldp	x29, x30, [sp], #16
	ret

	.section .rodata
	.balign	4096
page_table:
	.quad	0 << 30 | BLOCK | ATTR(0) | NO_EXEC
	.quad	1 << 30 | BLOCK | ATTR(1) | INNER_SHARED
	.irp	n, 2, 3, 4, 5, 6, 7
	.quad	\n << 30 | BLOCK | ATTR(2) | INNER_SHARED | EL0_RW | NO_EXEC
	.endr
	.quad	GUEST_UNBACKED | 3
	.quad	0 << 30 | BLOCK | ATTR(1) | INNER_SHARED
	.fill	512 - 10, 8, 0
