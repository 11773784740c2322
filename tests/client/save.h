/* SPDX-License-Identifier: GPL-2.0-only */
/* A saved VM: the format of its file, and its registers */
#ifndef SAVE_H
#define SAVE_H

#include <stdio.h>

#include "kvm.h"

#define SAVE_MAGIC	0x6d74652d73617665UL
#define SAVE_VCPUS	2
#define SAVE_REG_BYTES	16

struct save_head {
	u64 magic, seed, data_size;
};

struct save_reg {
	u64 id;
	unsigned char val[SAVE_REG_BYTES];
};

struct save_regs {
	u64 n;
	struct save_reg *reg;
};

struct save_regs save_regs_get(struct vcpu *v);
int save_regs_put(struct vcpu *v, const struct save_regs *r, bool quiet);

#endif
