// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "regs.h"

const u64 mte_reg_id[MTE_REGS] = {
	[MTE_GCR] = ARM64_SYS_REG(3, 0, 1, 0, 6),
	[MTE_RGSR] = ARM64_SYS_REG(3, 0, 1, 0, 5),
	[MTE_TFSR] = ARM64_SYS_REG(3, 0, 5, 6, 0),
	[MTE_TFSRE0] = ARM64_SYS_REG(3, 0, 5, 6, 1),
};

const char *const mte_reg_name[MTE_REGS] = {
	[MTE_GCR] = "GCR_EL1",
	[MTE_RGSR] = "RGSR_EL1",
	[MTE_TFSR] = "TFSR_EL1",
	[MTE_TFSRE0] = "TFSRE0_EL1",
};

static int one_reg(struct vcpu *v, unsigned long req, u64 id, u64 *val)
{
	struct kvm_one_reg r = { .id = id, .addr = (unsigned long)val };

	return kvm_ioctl(v->fd, req, &r);
}

/**
 * reg_get() - KVM_GET_ONE_REG
 * @v: the vCPU
 * @id: the register
 * @val: its value; registers below 64 bits leave the rest 0
 *
 * Return: 0 or -errno
 */
int reg_get(struct vcpu *v, u64 id, u64 *val)
{
	*val = 0;
	return one_reg(v, KVM_GET_ONE_REG, id, val);
}

/**
 * reg_set() - KVM_SET_ONE_REG
 * @v: the vCPU
 * @id: the register
 * @val: its value
 *
 * Return: 0 or -errno
 */
int reg_set(struct vcpu *v, u64 id, u64 val)
{
	return one_reg(v, KVM_SET_ONE_REG, id, &val);
}

/**
 * reg_must_get() - KVM_GET_ONE_REG of a register that is there
 * @v: the vCPU
 * @id: the register
 *
 * Return: its value
 */
u64 reg_must_get(struct vcpu *v, u64 id)
{
	u64 val;
	int r = reg_get(v, id, &val);

	if (r)
		die("KVM_GET_ONE_REG %#lx: %s", id, errno_name(r));
	return val;
}

/**
 * reg_must_set() - KVM_SET_ONE_REG of a register that can be set
 * @v: the vCPU
 * @id: the register
 * @val: its value
 */
void reg_must_set(struct vcpu *v, u64 id, u64 val)
{
	int r = reg_set(v, id, val);

	if (r)
		die("KVM_SET_ONE_REG %#lx: %s", id, errno_name(r));
}

static int by_id(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/**
 * reg_list() - KVM_GET_REG_LIST, sorted
 * @v: the vCPU
 *
 * Return: the list, to be freed
 */
struct kvm_reg_list *reg_list(struct vcpu *v)
{
	struct kvm_reg_list probe = { .n = 0 }, *l;
	int r;

	r = kvm_ioctl(v->fd, KVM_GET_REG_LIST, &probe);
	if (r != -E2BIG)
		die("KVM_GET_REG_LIST for the size: %s", errno_name(r));
	l = calloc(1, sizeof(*l) + probe.n * sizeof(l->reg[0]));
	if (!l)
		die("out of memory");
	l->n = probe.n;
	r = kvm_ioctl(v->fd, KVM_GET_REG_LIST, l);
	if (r)
		die("KVM_GET_REG_LIST: %s", errno_name(r));
	qsort(l->reg, l->n, sizeof(l->reg[0]), by_id);
	return l;
}

/**
 * reg_listed() - whether a register is in a list
 * @l: the list
 * @id: the register
 *
 * Return: true if it is
 */
bool reg_listed(const struct kvm_reg_list *l, u64 id)
{
	__u64 key = id;

	return bsearch(&key, l->reg, l->n, sizeof(l->reg[0]), by_id);
}

/**
 * guest_pfr1() - ID_AA64PFR1_EL1 as the guest reads it
 * @v: the vCPU
 *
 * Return: its value
 */
u64 guest_pfr1(struct vcpu *v)
{
	vcpu_cmd(v, CMD_IDREGS);
	return v->mb->buf[4 * 8 + 1];
}

/**
 * host_pfr1() - ID_AA64PFR1_EL1 as the host kernel shows it to its own processes
 *
 * Return: its value
 */
u64 host_pfr1(void)
{
	u64 v;

	asm volatile("mrs %0, S3_0_C0_C4_1" : "=r" (v));
	return v;
}
