// SPDX-License-Identifier: GPL-2.0-only
/* All registers of a fresh vCPU as text that is the same in every run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define REG_MAX_BYTES	2048

/* The counters run. */
static bool runs(u64 id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

static void print_reg(struct vcpu *v, u64 id)
{
	unsigned char val[REG_MAX_BYTES] = { 0 };
	struct kvm_one_reg r = { .id = id, .addr = (unsigned long)val };
	int size = 1 << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
	int err = kvm_ioctl(v->fd, KVM_GET_ONE_REG, &r);

	printf("vmm %016lx ", id);
	if (err)
		printf("%s", errno_name(err));
	else if (runs(id))
		printf("runs");
	else
		while (size--)
			printf("%02x", val[size]);
	printf("\n");
}

static void print_guest_ids(struct vcpu *v)
{
	int crm, op2;

	vcpu_cmd(v, CMD_IDREGS);
	for (crm = 0; crm < 8; crm++)
		for (op2 = 0; op2 < 8; op2++)
			if (crm || !op2 || op2 == 5 || op2 == 6)
				printf("guest S3_0_C0_C%d_%d %016lx\n", crm, op2,
				       v->mb->buf[crm * 8 + op2]);
}

static void print_caps(struct vm *vm)
{
	int cap;

	/*
	 * The module changes the answer for KVM_CAP_ARM_MTE. All other answers must stay the
	 * same.
	 */
	for (cap = 0; cap < 256; cap++)
		if (cap != KVM_CAP_ARM_MTE)
			printf("cap %d %d %d\n", cap, kvm_check(kvm_dev(), cap),
			       kvm_check(vm->fd, cap));
}

CASE(regdump,
     "no points: prints all registers of a fresh vCPU, to be compared")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	struct kvm_reg_list *l = reg_list(v);
	u64 i;

	print_caps(v->vm);
	for (i = 0; i < l->n; i++)
		print_reg(v, l->reg[i]);
	print_guest_ids(v);
	free(l);
	vm_destroy(v->vm);
	return 0;
}
