// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions: those that a command expects are recorded, all others end the guest. */
#include "guest/guest.h"

#define VECTOR_EL1_SYNC	4
#define VECTOR_EL0_SYNC	8
#define EC_SVC64	0x15
#define SPSR_EL1H	0x3c5

static void record(struct exception *e, struct frame *f, u64 vector, u64 tco)
{
	e->count++;
	e->vector = vector;
	e->esr = read_reg("esr_el1");
	e->far = read_reg("far_el1");
	e->elr = f->elr;
	e->spsr = f->spsr;
	e->tco = tco;
}

/**
 * exc_handler() - called by every vector
 * @f: registers of the interrupted context, given back at return
 * @vector: number of the vector
 */
void exc_handler(struct frame *f, u64 vector)
{
	struct mailbox *mb = (struct mailbox *)read_reg("tpidr_el1");
	u64 tco = mb->has_tco ? read_reg(TCO) : 0;

	if (vector == VECTOR_EL0_SYNC && read_reg("esr_el1") >> 26 == EC_SVC64) {
		f->elr = (u64)el0_return;
		f->spsr = SPSR_EL1H;
		return;
	}

	record(&mb->exc, f, vector, tco);
	if (mb->armed && (vector == VECTOR_EL1_SYNC || vector == VECTOR_EL0_SYNC)) {
		if (mb->armed == ARM_SKIP)
			f->elr = mb->resume ? mb->resume : f->elr + 4;
		return;
	}
	mb->fatal = 1;
	for (;;)
		doorbell(~0UL);
}
