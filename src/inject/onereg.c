// SPDX-License-Identifier: GPL-2.0-only
/*
 * System registers as the VMM sees them, through KVM_GET_REG_LIST and
 * KVM_GET/SET_ONE_REG: ID_AA64PFR1_EL1.MTE and the four tag registers.
 *
 * All of these ioctls hold vcpu->mutex and do not load the vCPU.  So struct mte_vcpu
 * has the valid copy.
 */
#include <linux/kernel.h>
#include <linux/kvm_host.h>
#include <linux/uaccess.h>

#include "hook/hook.h"
#include "inject/vcpu.h"
#include "kvm_private.h"
#include "vm/vm.h"

HOOK_ORIGINAL(kvm_arm_sys_reg_get_reg);
HOOK_ORIGINAL(kvm_arm_sys_reg_set_reg);
HOOK_ORIGINAL(kvm_arm_num_sys_reg_descs);

/* The ids of the registers in KVM's interface: Op0, Op1, CRn, CRm, Op2. */
#define PFR1_ID		ARM64_SYS_REG(3, 0, 0, 4, 1)
#define RGSR_ID		ARM64_SYS_REG(3, 0, 1, 0, 5)
#define GCR_ID		ARM64_SYS_REG(3, 0, 1, 0, 6)
#define TFSR_ID		ARM64_SYS_REG(3, 0, 5, 6, 0)
#define TFSRE0_ID	ARM64_SYS_REG(3, 0, 5, 6, 1)

/* In the order of their encodings, as in KVM's own list. */
static const u64 tag_reg_ids[] = { RGSR_ID, GCR_ID, TFSR_ID, TFSRE0_ID };

static bool is_tag_reg(u64 id)
{
	return id == RGSR_ID || id == GCR_ID || id == TFSR_ID || id == TFSRE0_ID;
}

static u64 *tag_reg(struct mte_regs *regs, u64 id)
{
	switch (id) {
	case RGSR_ID:
		return &regs->rgsr;
	case GCR_ID:
		return &regs->gcr;
	case TFSR_ID:
		return &regs->tfsr;
	case TFSRE0_ID:
		return &regs->tfsre0;
	}
	return NULL;
}

/*
 * A VMM reads the list of registers once and uses it at every reset.  If the VM has been
 * turned off since, and a register of the list is missing, the VMM may fail.  So once the
 * VMM has got the tag registers in a list, the vCPU keeps them, although later lists do
 * not have them.
 */
static u64 *accessible_tag_reg(struct kvm_vcpu *vcpu, u64 id)
{
	struct mte_vcpu *mv;

	mv = vcpu_find(vcpu);
	if (!mv || !(kvm_mte_enabled(vcpu->kvm) || mv->listed))
		return NULL;
	return tag_reg(&mv->regs, id);
}

/*
 * KVM's own value for this vCPU, with the MTE field.  The host's register would be
 * wrong: kernels differ in the other fields that KVM hides or that a VMM may change.
 */
static int current_pfr1(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg, u64 *val)
{
	int err = compat_get_reg(original(kvm_arm_sys_reg_get_reg), vcpu, reg, val);

	if (!err)
		*val |= host_mte_field();
	return err;
}

static int get_pfr1(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	u64 val;
	int err;

	err = current_pfr1(vcpu, reg, &val);
	return err ?: put_user(val, (u64 __user *)u64_to_user_ptr(reg->addr));
}

static notrace bool reads_mte_reg(const u64 *x)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)x[0];
	u64 id = ((const struct kvm_one_reg *)x[1])->id;

	if (id == PFR1_ID)
		return kvm_mte_enabled(vcpu->kvm);
	return is_tag_reg(id) && accessible_tag_reg(vcpu, id);
}

HOOK_WRAP_WAITS(kvm_arm_sys_reg_get_reg, reads_mte_reg, int,
		(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg), (vcpu, reg))
{
	u64 *place;

	if (reg->id == PFR1_ID && kvm_mte_enabled(vcpu->kvm))
		return get_pfr1(vcpu, reg);
	place = accessible_tag_reg(vcpu, reg->id);
	if (!place)
		return original(kvm_arm_sys_reg_get_reg)(vcpu, reg);
	return put_user(*place, (u64 __user *)u64_to_user_ptr(reg->addr));
}

/*
 * As in mainline, a VMM cannot change the field.  But a VMM writes its saved registers
 * back at a reset, and an admin may have turned MTE on or off since they were saved.  So
 * a value with the field of the other state is accepted, and the field does not change.
 */
static int set_pfr1(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	u64 val, current_val;
	int err;

	if (get_user(val, (u64 __user *)u64_to_user_ptr(reg->addr)))
		return -EFAULT;
	if (!(val & PFR1_MTE_MASK))
		return original(kvm_arm_sys_reg_set_reg)(vcpu, reg);
	err = current_pfr1(vcpu, reg, &current_val);
	if (err)
		return err;
	return val == current_val ? 0 : -EINVAL;
}

static bool may_have_saved_mte(struct kvm_vcpu *vcpu)
{
	struct mte_vm *vm;

	if (kvm_mte_enabled(vcpu->kvm))
		return true;
	vm = registry_find(vcpu->kvm);
	return vm && READ_ONCE(vm->had_mte);
}

static notrace bool writes_mte_reg(const u64 *x)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)x[0];
	u64 id = ((const struct kvm_one_reg *)x[1])->id;

	if (id == PFR1_ID)
		return may_have_saved_mte(vcpu);
	return is_tag_reg(id) && accessible_tag_reg(vcpu, id);
}

HOOK_WRAP_WAITS(kvm_arm_sys_reg_set_reg, writes_mte_reg, int,
		(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg), (vcpu, reg))
{
	u64 *place, val;

	if (reg->id == PFR1_ID && may_have_saved_mte(vcpu))
		return set_pfr1(vcpu, reg);
	place = accessible_tag_reg(vcpu, reg->id);
	if (!place)
		return original(kvm_arm_sys_reg_set_reg)(vcpu, reg);
	if (get_user(val, (u64 __user *)u64_to_user_ptr(reg->addr)))
		return -EFAULT;
	*place = val;
	return 0;
}

/* One ioctl gets the number and then the list.  The VM's state may change in between. */
HOOK_WRAP(kvm_arm_num_sys_reg_descs, unsigned long, (struct kvm_vcpu *vcpu),
	  (vcpu))
{
	unsigned long nr = original(kvm_arm_num_sys_reg_descs)(vcpu);
	struct mte_vcpu *mv = vcpu_find(vcpu);

	if (!mv)
		return nr;
	mv->counted = kvm_mte_enabled(vcpu->kvm);
	return mv->counted ? nr + ARRAY_SIZE(tag_reg_ids) : nr;
}

/* The VMM's buffer has room for as many registers as the function above returned. */
static notrace bool lists_tag_regs(const u64 *x)
{
	struct mte_vcpu *mv = vcpu_find((const struct kvm_vcpu *)x[0]);

	return mv && mv->counted;
}

HOOK_WRAP_WAITS(kvm_arm_copy_sys_reg_indices, lists_tag_regs, int,
		(struct kvm_vcpu *vcpu, u64 __user *uindices), (vcpu, uindices))
{
	struct mte_vcpu *mv = vcpu_find(vcpu);
	unsigned int i;
	int err;

	err = original(kvm_arm_copy_sys_reg_indices)(vcpu, uindices);
	if (err || !mv || !mv->counted)
		return err;
	uindices += original(kvm_arm_num_sys_reg_descs)(vcpu);
	for (i = 0; i < ARRAY_SIZE(tag_reg_ids); i++)
		if (put_user(tag_reg_ids[i], uindices + i))
			return -EFAULT;
	mv->listed = true;
	return 0;
}
