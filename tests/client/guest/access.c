// SPDX-License-Identifier: GPL-2.0-only
/* One access under a chosen tag check mode, and the exceptions that KVM itself injects. */
#include "guest/guest.h"

static void set_tcf(u64 flags)
{
	u64 sctlr = read_reg("sctlr_el1");
	int shift = flags & ACCESS_EL0 ? SCTLR_TCF0_SHIFT : SCTLR_TCF_SHIFT;

	sctlr &= ~(3UL << SCTLR_TCF_SHIFT | 3UL << SCTLR_TCF0_SHIFT);
	sctlr |= (flags & ACCESS_TCF) << shift;
	write_reg("sctlr_el1", sctlr);
}

static u64 access_el1(u64 addr, u64 flags, u64 value)
{
	if (flags & ACCESS_STORE)
		asm volatile("str %0, [%1]" :: "r" (value), "r" (addr) : "memory");
	else
		asm volatile("ldr %0, [%1]" : "+r" (value) : "r" (addr) : "memory");
	return value;
}

static u64 access(u64 addr, u64 flags, u64 value)
{
	u64 v;

	if (flags & ACCESS_EL0)
		return el0_access(addr, flags & ACCESS_STORE, value);
	if (flags & ACCESS_TCO)
		write_reg(TCO, PSR_TCO);
	v = access_el1(addr, flags, value);
	if (flags & ACCESS_TCO)
		write_reg(TCO, 0);
	return v;
}

static void report_tfsr(u64 *ret)
{
	ret[0] = read_reg(TFSR);
	ret[1] = read_reg(TFSRE0);
	write_reg(TFSR, 0);
	write_reg(TFSRE0, 0);
	ret[2] = read_reg(TFSR);
	ret[3] = read_reg(TFSRE0);
}

void cmd_access(struct mailbox *mb)
{
	u64 flags = mb->arg[1];

	write_reg(TFSR, 0);
	write_reg(TFSRE0, 0);
	arm_exceptions(mb);
	set_tcf(flags);
	mb->ret[0] = access(mb->arg[0], flags, mb->arg[2]);
	/* Asynchronous faults are in TFSR_ELx once this is done */
	asm volatile("dsb ish\n\tisb" ::: "memory");
	set_tcf(0);
	disarm_exceptions(mb);
	report_tfsr(&mb->ret[1]);
}

static void provoke(struct mailbox *mb, enum provoke what)
{
	switch (what) {
	case PROVOKE_IGSW:
		asm volatile("sys #0, c7, c6, #4, %0" :: "r" (0UL) : "memory");
		break;
	case PROVOKE_IGDSW:
		asm volatile("sys #0, c7, c6, #6, %0" :: "r" (0UL) : "memory");
		break;
	case PROVOKE_CGSW:
		asm volatile("sys #0, c7, c10, #4, %0" :: "r" (0UL) : "memory");
		break;
	case PROVOKE_CGDSW:
		asm volatile("sys #0, c7, c10, #6, %0" :: "r" (0UL) : "memory");
		break;
	case PROVOKE_CIGSW:
		asm volatile("sys #0, c7, c14, #4, %0" :: "r" (0UL) : "memory");
		break;
	case PROVOKE_CIGDSW:
		asm volatile("sys #0, c7, c14, #6, %0" :: "r" (0UL) : "memory");
		break;
	case PROVOKE_PTRAUTH_KEY:
		read_reg("S3_0_C2_C1_0");
		break;
	case PROVOKE_SVE:
		asm volatile(".inst 0x04bf5020 // rdvl x0, #1" ::: "x0");
		break;
	case PROVOKE_FETCH:
		mb->resume = (u64)fetch_return;
		fetch_from(GUEST_VA_BAD_TEXT);
		break;
	case PROVOKE_WALK:
		access_el1(GUEST_VA_BAD_TABLE, 0, 0);
		break;
	default:
		access_el1(GUEST_CODE, 0, 0);
	}
}

void cmd_provoke(struct mailbox *mb)
{
	arm_exceptions(mb);
	if (mb->has_tco)
		write_reg(TCO, mb->arg[1] ? PSR_TCO : 0);
	provoke(mb, mb->arg[0]);
	if (mb->has_tco)
		write_reg(TCO, 0);
	disarm_exceptions(mb);
}
