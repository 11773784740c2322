// SPDX-License-Identifier: GPL-2.0-only
/* The guest: does what its mailbox says, rings the doorbell, looks again. */
#include "guest/guest.h"

/**
 * doorbell() - exit to the client: the command is done
 * @value: written to the doorbell's address
 */
void doorbell(u64 value)
{
	barrier();
	asm volatile("str %w0, [%1]" :: "r" (value), "r" ((u64)GUEST_DOORBELL) : "memory");
}

static void cmd_nop(struct mailbox *mb)
{
	mb->ret[0] = mb->arg[0];
}

static void cmd_hvc(struct mailbox *mb)
{
	u64 i, good = 0;

	for (i = 0; i < mb->arg[0]; i++)
		good += hypercall(PSCI_VERSION, 0, 0, 0) >> 16 == 1;
	mb->ret[0] = good;
}

static void cmd_psci(struct mailbox *mb)
{
	mb->ret[0] = hypercall(mb->arg[0], mb->arg[1], mb->arg[2], mb->arg[3]);
}

static void cmd_spin(struct mailbox *mb)
{
	u64 n = 0;

	while (!__atomic_load_n(&mb->stop, __ATOMIC_ACQUIRE)) {
		hypercall(PSCI_VERSION, 0, 0, 0);
		n++;
	}
	mb->ret[0] = n;
}

static void (*const commands[CMD_COUNT])(struct mailbox *mb) = {
	[CMD_NOP] = cmd_nop,
	[CMD_HVC] = cmd_hvc,
	[CMD_PSCI] = cmd_psci,
	[CMD_SPIN] = cmd_spin,
	[CMD_IDREGS] = cmd_idregs,
	[CMD_MTE_GET] = cmd_mte_get,
	[CMD_MTE_SET] = cmd_mte_set,
	[CMD_MTE_WRITE] = cmd_mte_write,
	[CMD_MTE_VERIFY] = cmd_mte_verify,
	[CMD_MTE_HOLD] = cmd_mte_hold,
	[CMD_IRG] = cmd_irg,
	[CMD_STORE] = cmd_store,
	[CMD_LOAD] = cmd_load,
	[CMD_TAG_FILL] = cmd_tag_fill,
	[CMD_TAG_VERIFY] = cmd_tag_verify,
	[CMD_TAG_READ] = cmd_tag_read,
	[CMD_PRESS_FILL] = cmd_press_fill,
	[CMD_PRESS_VERIFY] = cmd_press_verify,
	[CMD_OWN_FILL] = cmd_own_fill,
	[CMD_OWN_VERIFY] = cmd_own_verify,
	[CMD_TAG_SET] = cmd_tag_set,
	[CMD_MMU_OFF_STORE] = cmd_mmu_off_store,
	[CMD_ACCESS] = cmd_access,
	[CMD_PROVOKE] = cmd_provoke,
	[CMD_SAMPLE] = cmd_sample,
	[CMD_GMID] = cmd_gmid,
};

/**
 * guest_main() - the command loop of a vCPU
 * @mb: its mailbox
 */
void guest_main(struct mailbox *mb)
{
	for (;;) {
		barrier();
		if (mb->cmd < CMD_COUNT)
			commands[mb->cmd](mb);
		doorbell(mb->cmd);
	}
}
