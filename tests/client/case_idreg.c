// SPDX-License-Identifier: GPL-2.0-only
/* ID_AA64PFR1_EL1 and the four MTE registers, as guest and VMM see them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "client.h"

#define EC_UNKNOWN	0

static void check_view(struct vcpu *v, u64 want, const char *when)
{
	is(reg_must_get(v, REG_PFR1), want, "ID_AA64PFR1_EL1 by KVM_GET_ONE_REG %s", when);
	is(guest_pfr1(v), want, "ID_AA64PFR1_EL1 read by the guest %s", when);
}

/* Kernels with writable ID registers say EBUSY once the VM has run. */
static void check_refused(struct vcpu *v, u64 val)
{
	int r = reg_set(v, REG_PFR1, val);

	if (r == -EBUSY && !module_injects())
		r = -EINVAL;
	is_text(errno_name(r), "EINVAL", "writing ID_AA64PFR1_EL1 = %#lx is refused", val);
}

/*
 * KVM's own guest MTE refuses it. But a VMM that did not ask for MTE may have saved it before the
 * VM was turned on, or elsewhere: the module accepts it.
 */
static void check_without_mte(struct vcpu *v, u64 pfr1)
{
	u64 val = pfr1 & ~PFR1_MTE;

	if (opt.on && !module_injects() && opt.enable == ENABLE_CAP) {
		check_refused(v, val);
		return;
	}
	is(reg_set(v, REG_PFR1, val), 0, "ID_AA64PFR1_EL1 without MTE can be written");
	check_view(v, pfr1, "after that");
}

/* Some VMMs restore registers from constants, which are read-only. */
static void check_constant(struct vcpu *v, u64 pfr1)
{
	u64 *val = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_one_reg r = { .id = REG_PFR1, .addr = (unsigned long)val };

	if (val == MAP_FAILED)
		die("mmap: %s", errno_name(errno));
	*val = pfr1;
	if (mprotect(val, 4096, PROT_READ))
		die("mprotect: %s", errno_name(errno));
	is(kvm_ioctl(v->fd, KVM_SET_ONE_REG, &r), 0,
	   "ID_AA64PFR1_EL1 can be written back from memory that is read-only");
	munmap(val, 4096);
}

CASE(idreg,
     "a guest or VMM shown the wrong ID_AA64PFR1_EL1.MTE, or able to change it")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	u64 pfr1 = reg_must_get(v, REG_PFR1), mte = pfr1 & PFR1_MTE, rest = pfr1 & ~PFR1_MTE;
	u64 i;

	is(mte, opt.on ? host_pfr1() & PFR1_MTE : 0,
	   "the MTE field is the host's with MTE and 0 without");
	if (opt.on)
		ok(mte >= 2UL << PFR1_MTE_SHIFT, "it says that tags can be stored");
	check_view(v, pfr1, "at first");
	is(reg_set(v, REG_PFR1, pfr1), 0, "ID_AA64PFR1_EL1 can be written back");
	check_constant(v, pfr1);
	check_view(v, pfr1, "after that");
	check_without_mte(v, pfr1);

	for (i = 1; i < 16; i++)
		if (i << PFR1_MTE_SHIFT != mte)
			check_refused(v, rest | i << PFR1_MTE_SHIFT);
	check_refused(v, pfr1 ^ 1);
	check_refused(v, rest ^ 1);
	check_refused(v, pfr1 ^ 1UL << 63);
	check_refused(v, ~0UL);
	check_view(v, pfr1, "after refused writes");
	vm_destroy(v->vm);
	return 0;
}

static void check_listed(struct vcpu *v)
{
	struct kvm_reg_list *l = reg_list(v);
	int i;

	for (i = 0; i < MTE_REGS; i++)
		is(reg_listed(l, mte_reg_id[i]), opt.on, "%s %s in KVM_GET_REG_LIST",
		   mte_reg_name[i], opt.on ? "is" : "is not");
	free(l);
}

static void check_present(struct vcpu *v)
{
	u64 val;
	int i;

	for (i = 0; i < MTE_REGS; i++)
		is(reg_get(v, mte_reg_id[i], &val), 0, "%s can be read by the VMM",
		   mte_reg_name[i]);
	for (i = 0; i < MTE_REGS; i++)
		is(reg_set(v, mte_reg_id[i], guest_mte_value(opt.seed, i)), 0, "%s can be written",
		   mte_reg_name[i]);
	for (i = 0; i < MTE_REGS; i++)
		is(reg_must_get(v, mte_reg_id[i]), guest_mte_value(opt.seed, i),
		   "%s holds what was written", mte_reg_name[i]);
	is(vcpu_cmd(v, CMD_MTE_VERIFY, opt.seed), 0, "the guest reads the VMM's values");
	vcpu_cmd(v, CMD_MTE_WRITE, opt.seed + 1);
	for (i = 0; i < MTE_REGS; i++)
		is(reg_must_get(v, mte_reg_id[i]), guest_mte_value(opt.seed + 1, i),
		   "the VMM reads the guest's %s", mte_reg_name[i]);
}

static void check_absent(struct vcpu *v)
{
	u64 val;
	int i;

	for (i = 0; i < MTE_REGS; i++) {
		is_text(errno_name(reg_get(v, mte_reg_id[i], &val)), "ENOENT",
			"%s cannot be read by the VMM", mte_reg_name[i]);
		is_text(errno_name(reg_set(v, mte_reg_id[i], 0)), "ENOENT", "nor written");
	}
	vcpu_cmd(v, CMD_MTE_GET);
	for (i = 0; i < MTE_REGS; i++)
		is(v->mb->ret[MTE_REGS + i], 1, "%s is UNDEFINED for the guest", mte_reg_name[i]);
	is(ESR_EC(v->mb->exc.esr), EC_UNKNOWN,
	   "with the exception class of an UNDEFINED instruction");
	if (!host_mte_present()) {
		skip("the CPU lacks the instructions", "STG has no effect");
		return;
	}
	vm_tag_fill(v, opt.seed);
	is(vm_tag_count(v), 0, "STG has no effect, LDG reads zero");
}

CASE(mteregs,
     "GCR, RGSR, TFSR, TFSRE0 missing from or left in a vCPU's registers")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];

	check_listed(v);
	if (opt.on)
		check_present(v);
	else
		check_absent(v);
	check_listed(v);
	vm_destroy(v->vm);
	return 0;
}
