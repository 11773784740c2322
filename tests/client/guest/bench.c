// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long single operations take, in ticks of the virtual counter. Where the counter counts
 * instructions (QEMU's -icount), each sample is exact.
 */
#include "guest/guest.h"

static inline u64 now(void)
{
	u64 v;

	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r" (v) :: "memory");
	return v;
}

static void sample_one(u64 op, u64 addr)
{
	u64 v;

	switch (op) {
	case SAMPLE_HVC:
		hypercall(PSCI_VERSION, 0, 0, 0);
		break;
	case SAMPLE_READ:
		asm volatile("ldr %w0, [%1]" : "=r" (v) : "r" (addr) : "memory");
		break;
	case SAMPLE_WRITE:
		asm volatile("str %w0, [%1]" :: "r" (1), "r" (addr) : "memory");
		break;
	}
}

/* Times that the guest stands still for longer than @least ticks */
static void sample_gaps(u64 *sample, u64 n, u64 least)
{
	u64 i = 0, t, last = now();

	while (i < n) {
		t = now();
		if (t - last > least)
			sample[i++] = t - last;
		last = t;
	}
}

void cmd_sample(struct mailbox *mb)
{
	u64 *sample = (u64 *)(GUEST_CODE + GUEST_SAMPLES);
	u64 op = mb->arg[0], n = mb->arg[1], addr = mb->arg[2], step = mb->arg[3], i, t;

	if (op == SAMPLE_GAPS) {
		sample_gaps(sample, n, addr);
		return;
	}
	for (i = 0; i < n; i++, addr += step) {
		t = now();
		sample_one(op, addr);
		sample[i] = now() - t;
	}
}
