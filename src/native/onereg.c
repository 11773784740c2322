// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers as the VMM sees them, after a VM was turned on or off.
 *
 * A VMM reads the list of registers and the ID registers once.  At each reset, and before
 * the first run, it writes values back that it has saved.  KVM refuses other values of
 * MTE in the ID registers, and tag registers of a VM without MTE.  So values that were
 * saved before the change are accepted here, and change nothing of MTE.
 *
 * All of these ioctls hold vcpu->mutex, so the VM does not change meanwhile.  There is one
 * exception: policy may fall back (vm_policy_fallback_vcpu()) if this vCPU excludes MTE too.
 */
#include <linux/kvm_host.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/sysreg.h>

#include "hook/hook.h"
#include "native/native.h"

HOOK_ORIGINAL(kvm_arm_get_reg);
HOOK_ORIGINAL(kvm_arm_set_reg);

static bool is_tag_reg(u32 reg)
{
	return reg == SYS_RGSR_EL1 || reg == SYS_GCR_EL1 ||
	       reg == SYS_TFSR_EL1 || reg == SYS_TFSRE0_EL1;
}

/* The VMM has the tag registers in its list, and the VM has lost MTE since. */
static bool has_lost_tag_regs(const struct mte_vm *vm)
{
	return READ_ONCE(vm->tag_regs_listed) && !vm_has_mte(vm);
}

/* KVM_GET_REG_LIST */
HOOK_WATCH2(kvm_arm_copy_sys_reg_indices, int, struct kvm_vcpu *, vcpu, u64 __user *, uindices)
{
	struct mte_vm *vm = registry_find(vcpu->kvm);

	if (vm && vm_has_mte(vm))
		WRITE_ONCE(vm->tag_regs_listed, true);
}

static notrace bool reads_lost_reg(const u64 *x)
{
	const struct kvm_vcpu *vcpu = (const struct kvm_vcpu *)x[0];
	const struct kvm_one_reg *reg = (const struct kvm_one_reg *)x[1];
	struct mte_vm *vm;

	if (!is_tag_reg(native_sysreg(reg->id)))
		return false;
	vm = registry_find(vcpu->kvm);
	return vm && has_lost_tag_regs(vm);
}

/* The values of these registers after a reset are UNKNOWN, so 0 will do. */
HOOK_WRAP_WAITS(kvm_arm_get_reg, reads_lost_reg, int,
		(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg), (vcpu, reg))
{
	return put_user(0ULL, (u64 __user *)u64_to_user_ptr(reg->addr));
}

/*
 * Are the fields of MTE in @val those of the VM, now or before the change?  A VMM may
 * clear fields of ID_AA64PFR2_EL1, so a value of that register may have only some of the
 * host's fields.  A value of ID_AA64PFR1_EL1 from a kernel before 6.16 has no MTE_frac.
 */
static bool has_saved_fields(u32 reg, u64 val)
{
	u64 fields = native_mte_fields(reg), with_mte = read_sanitised_ftr_reg(reg) & fields;

	val &= fields;
	if (reg != SYS_ID_AA64PFR1_EL1)
		return !(val & ~with_mte);
	return !val || val == with_mte || val == (with_mte & ID_AA64PFR1_EL1_MTE_MASK);
}

/*
 * KVM reads the value from the VMM's buffer.  So for a moment @kvm_val is there, and then the
 * VMM's @val again.  Returns @refused if the buffer is read-only.
 */
static int set_other_fields(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg, u64 kvm_val,
			    u64 val, int refused)
{
	u64 __user *uaddr = u64_to_user_ptr(reg->addr);
	int err;

	if (put_user(kvm_val, uaddr))
		return refused;
	err = original(kvm_arm_set_reg)(vcpu, reg);
	return put_user(val, uaddr) ? -EFAULT : err;
}

/*
 * Looks at a value only if KVM refuses it, because native_read_id_reg() needs a writable
 * buffer on kernels that keep no ID registers per VM (6.1).
 */
static int set_id_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
		      int (*orig)(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg))
{
	int err = orig(vcpu, reg);
	u32 id = native_sysreg(reg->id);
	u64 val, current_val, others, fields = native_mte_fields(id);

	if (!err || get_user(val, (u64 __user *)u64_to_user_ptr(reg->addr)))
		return err;
	if (native_read_id_reg(vcpu, reg, original(kvm_arm_get_reg), &current_val))
		return err;
	if (!has_saved_fields(id, val))
		return err;
	/* KVM decides about the other fields. */
	others = (val & ~fields) | (current_val & fields);
	if (others == current_val)
		return 0;
	return others == val ? err : set_other_fields(vcpu, reg, others, val, err);
}

/* The value may be from before the change, and KVM accepts it.  So correct Ttype. */
static int set_clidr(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
		     int (*orig)(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg))
{
	int err = orig(vcpu, reg);

	if (!err)
		native_switch_clidr(vcpu, kvm_has_mte(vcpu->kvm));
	return err;
}

static notrace bool may_write_saved(const u64 *x)
{
	const struct kvm_vcpu *vcpu = (const struct kvm_vcpu *)x[0];
	u32 reg = native_sysreg(((const struct kvm_one_reg *)x[1])->id);
	struct mte_vm *vm;

	if (!is_tag_reg(reg) && !native_mte_fields(reg) && reg != SYS_CLIDR_EL1)
		return false;
	vm = registry_find(vcpu->kvm);
	if (!vm)
		return false;
	return is_tag_reg(reg) ? has_lost_tag_regs(vm) : READ_ONCE(vm->switched);
}

HOOK_WRAP_WAITS(kvm_arm_set_reg, may_write_saved, int,
		(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg), (vcpu, reg))
{
	u32 id = native_sysreg(reg->id);
	u64 val;

	if (id == SYS_CLIDR_EL1)
		return set_clidr(vcpu, reg, original(kvm_arm_set_reg));
	if (!is_tag_reg(id))
		return set_id_reg(vcpu, reg, original(kvm_arm_set_reg));
	return get_user(val, (u64 __user *)u64_to_user_ptr(reg->addr));
}
