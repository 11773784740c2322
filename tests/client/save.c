// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "check.h"
#include "regs.h"
#include "save.h"

static int one_reg(struct vcpu *v, unsigned long req, struct save_reg *reg)
{
	struct kvm_one_reg r = { .id = reg->id, .addr = (unsigned long)reg->val };

	return kvm_ioctl(v->fd, req, &r);
}

/**
 * save_regs_get() - all registers of KVM_GET_REG_LIST
 * @v: the vCPU
 *
 * Return: the registers
 */
struct save_regs save_regs_get(struct vcpu *v)
{
	struct kvm_reg_list *l = reg_list(v);
	struct save_regs all = { .n = l->n, .reg = calloc(l->n, sizeof(*all.reg)) };
	u64 i;
	int r;

	if (!all.reg)
		die("out of memory");
	for (i = 0; i < all.n; i++) {
		if ((l->reg[i] & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT > 4)
			die("register %#lx is too long", (long)l->reg[i]);
		all.reg[i].id = l->reg[i];
		r = one_reg(v, KVM_GET_ONE_REG, &all.reg[i]);
		if (r)
			die("KVM_GET_ONE_REG %#lx: %s", all.reg[i].id, errno_name(r));
	}
	free(l);
	return all;
}

/**
 * save_regs_put() - write registers back
 * @v: the vCPU
 * @all: the registers
 * @quiet: do not say which cannot be written
 *
 * Return: how many cannot be written
 */
int save_regs_put(struct vcpu *v, const struct save_regs *all, bool quiet)
{
	int r, bad = 0;
	u64 i;

	for (i = 0; i < all->n; i++) {
		r = one_reg(v, KVM_SET_ONE_REG, &all->reg[i]);
		if (!r)
			continue;
		bad++;
		if (!quiet)
			diag("KVM_SET_ONE_REG %#lx: %s", all->reg[i].id, errno_name(r));
	}
	return bad;
}
