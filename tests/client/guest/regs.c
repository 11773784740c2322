// SPDX-License-Identifier: GPL-2.0-only
/* ID registers and the four MTE registers, as the guest sees them. */
#include "guest/guest.h"

#define ID(crm, op2)	(mb->buf[(crm) * 8 + (op2)] = read_reg("S3_0_C0_C" #crm "_" #op2))
#define ID8(crm)	(ID(crm, 0), ID(crm, 1), ID(crm, 2), ID(crm, 3), \
			 ID(crm, 4), ID(crm, 5), ID(crm, 6), ID(crm, 7))

/* Row 0 holds MIDR, MPIDR and REVIDR; its other encodings are UNDEFINED. */
void cmd_idregs(struct mailbox *mb)
{
	ID(0, 0);
	ID(0, 5);
	ID(0, 6);
	ID8(1);
	ID8(2);
	ID8(3);
	ID8(4);
	ID8(5);
	ID8(6);
	ID8(7);
}

static u64 mte_read(int reg)
{
	switch (reg) {
	case MTE_GCR:
		return read_reg(GCR);
	case MTE_RGSR:
		return read_reg(RGSR);
	case MTE_TFSR:
		return read_reg(TFSR);
	default:
		return read_reg(TFSRE0);
	}
}

static void mte_write(int reg, u64 v)
{
	switch (reg) {
	case MTE_GCR:
		write_reg(GCR, v);
		break;
	case MTE_RGSR:
		write_reg(RGSR, v);
		break;
	case MTE_TFSR:
		write_reg(TFSR, v);
		break;
	default:
		write_reg(TFSRE0, v);
	}
}

void cmd_mte_get(struct mailbox *mb)
{
	int i;

	for (i = 0; i < MTE_REGS; i++) {
		arm_exceptions(mb);
		mb->ret[i] = mte_read(i);
		disarm_exceptions(mb);
		mb->ret[MTE_REGS + i] = mb->exc.count;
	}
}

void cmd_mte_set(struct mailbox *mb)
{
	int i;

	for (i = 0; i < MTE_REGS; i++)
		mte_write(i, mb->arg[i]);
}

void cmd_mte_write(struct mailbox *mb)
{
	int i;

	for (i = 0; i < MTE_REGS; i++)
		mte_write(i, guest_mte_value(mb->arg[0], i));
}

static u64 verify_once(struct mailbox *mb)
{
	u64 got, want, bad = 0;
	int i;

	for (i = 0; i < MTE_REGS; i++) {
		want = guest_mte_value(mb->arg[0], i);
		got = mte_read(i);
		if (got == want)
			continue;
		bad++;
		mb->ret[1] = i;
		mb->ret[2] = got;
		mb->ret[3] = want;
	}
	return bad;
}

void cmd_mte_verify(struct mailbox *mb)
{
	mb->ret[0] = verify_once(mb);
}

void cmd_mte_hold(struct mailbox *mb)
{
	u64 i, bad = 0;

	cmd_mte_write(mb);
	for (i = 0; i < mb->arg[1] && !bad && !mb->stop; i++) {
		bad = verify_once(mb);
		barrier();
	}
	mb->ret[0] = bad;
}

void cmd_irg(struct mailbox *mb)
{
	u64 i, v, seen = 0;

	write_reg(GCR, mb->arg[0]);
	for (i = 0; i < mb->arg[1]; i++) {
		asm volatile("irg %0, %1" : "=r" (v) : "r" ((u64)GUEST_DATA));
		seen |= 1UL << (v >> 56 & 0xf);
	}
	mb->ret[0] = seen;
}

void cmd_gmid(struct mailbox *mb)
{
	arm_exceptions(mb);
	mb->ret[0] = read_reg("S3_1_C0_C0_4");
	disarm_exceptions(mb);
	mb->ret[1] = mb->exc.count;
}
