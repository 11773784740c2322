// SPDX-License-Identifier: GPL-2.0
/*
 * The backend for kernels whose KVM has guest MTE itself (5.14 and later): what
 * is done there by KVM_ENABLE_CAP is done here for VMMs that never ask, up to the
 * moment when a vCPU first runs.  All the rest is KVM's.
 *
 * KVM enables MTE before the first vCPU is made, so what its vCPUs have by then
 * is made up for: HCR_EL2.ATA where KVM_ARM_VCPU_INIT sets it (later kernels do at
 * the first run), the VM's copy of ID_AA64PFR1_EL1, and CLIDR_EL1.Ttype.
 */
#include <linux/bitfield.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/virt.h>

#include "native/native.h"
#include "repair/tags.h"

/**
 * backend_name - the word for this backend
 *
 * Return: "native".
 */
const char *backend_name(void)
{
	return "native";
}

/**
 * backend_check_host - can KVM's guests be given MTE on this host?
 *
 * Context: module init.
 * Return: 0; -ENODEV, with the exact reason in the log.
 */
int backend_check_host(void)
{
	if (!is_protected_kvm_enabled())
		return 0;
	pr_err("no guest MTE: KVM is in protected mode, where a VM's features cannot be changed\n");
	return -ENODEV;
}

/**
 * backend_init - the hooks are armed, no VM is known yet
 *
 * Context: module init; may sleep.
 */
void backend_init(void)
{
}

/* Held while pages' flags are dropped: no VM gets its first vCPU meanwhile. */
static DEFINE_MUTEX(disowning);

/**
 * backend_vms_known - the VMs that were there before the module are registered
 *
 * Those among them that have MTE own the tags of their memory.  One that KVM gives
 * MTE just now, unseen by us, has no vCPU yet, and so no tags until this is through.
 *
 * Context: module init; may sleep.
 */
void backend_vms_known(void)
{
	if (!COMPAT_HUGETLB_REUSED)
		return;
	mutex_lock(&disowning);
	tags_disown_hugetlb();
	mutex_unlock(&disowning);
}

/**
 * backend_vcpu_comes - a VM is about to get a vCPU
 * @kvm: the VM
 *
 * The last moment at which KVM may have given it MTE: seen here if the module was
 * being loaded just then.
 *
 * Context: kvm->lock held; may sleep.
 */
void backend_vcpu_comes(struct kvm *kvm)
{
	struct mte_vm *vm;

	mutex_lock(&disowning);
	vm = registry_find(kvm);
	/* State before flag: pairs with vm_set_off(). */
	if (vm && smp_load_acquire(&vm->state) == VM_OFF && kvm_has_mte(kvm))
		vm_adopt(vm);
	mutex_unlock(&disowning);
}

/**
 * backend_exit - no hook can run any more
 *
 * Context: module exit or a failed init.
 */
void backend_exit(void)
{
}

/**
 * backend_repair - how a hole of the kernel is dealt with
 * @repair: which
 *
 * Return: a word for sysfs.
 */
const char *backend_repair(enum repair repair)
{
	if (!hooks_need_repair(repair))
		return "not-needed";
	return hooks_have_repair(repair) ? "active" : "unavailable";
}

/**
 * backend_kvm_has_mte - did KVM itself give a VM MTE?
 * @kvm: the VM
 *
 * Return: true if it did, or if it was made to.
 */
bool backend_kvm_has_mte(struct kvm *kvm)
{
	return kvm_has_mte(kvm);
}

/**
 * backend_prepare - get what is needed to turn a VM on
 * @kvm: the VM
 * @nr: its vCPUs, held still
 *
 * Return: 0; there is nothing.
 */
int backend_prepare(struct kvm *kvm, int nr)
{
	return 0;
}

/**
 * backend_switch - a VM that has never run is on, or off
 * @kvm: the VM
 * @on: which
 * @nr: its vCPUs, held still
 *
 * A vCPU of it may have been in KVM_RUN, which failed half way.
 *
 * Context: may sleep; takes the VM's config_lock.
 */
void backend_switch(struct kvm *kvm, bool on, int nr)
{
	int i;

	mutex_lock(&kvm->arch.config_lock);
	assign_bit(KVM_ARCH_FLAG_MTE_ENABLED, &kvm->arch.flags, on);
	native_switch_id_regs(kvm, on);
	for (i = 0; i < nr; i++)
		native_switch_vcpu(kvm_get_vcpu(kvm, i), on);
	mutex_unlock(&kvm->arch.config_lock);
}

/**
 * backend_set_after_run - a change after a vCPU has run
 * @vm: the VM
 * @on: what is wanted
 * @origin: who asks
 *
 * Context: slots_lock held.
 * Return: 0 if it is so already, else -EBUSY: stage 2 has pages whose tags were
 * never looked at, and the guest has read its ID registers.
 */
int backend_set_after_run(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	return vm_is_asked_for(vm, on) ? 0 : -EBUSY;
}

/* Under kvm->lock KVM's flag and our state agree. */
static bool adopted(struct mte_vm *vm)
{
	bool has;

	mutex_lock(&vm->kvm->lock);
	has = kvm_has_mte(vm->kvm);
	if (has)
		vm_adopt(vm);
	mutex_unlock(&vm->kvm->lock);
	return has;
}

/**
 * backend_enable - its VMM asks for MTE (KVM_ENABLE_CAP)
 * @vm: the VM
 * @cap: what the VMM passed
 * @kvms_own: KVM's own function
 *
 * Context: the ioctl; may sleep.
 * Return: what @kvms_own does.
 */
int backend_enable(struct mte_vm *vm, struct kvm_enable_cap *cap,
		   int (*kvms_own)(struct kvm *kvm, struct kvm_enable_cap *cap))
{
	int err;

	/* An admin's write would otherwise come between KVM's flag and ours. */
	mutex_lock(&vm->life);
	/* Policy may give way in between, once. */
	do
		err = kvms_own(vm->kvm, cap);
	while (!err && !adopted(vm));
	mutex_unlock(&vm->life);
	return err;
}

/**
 * backend_offers - would MTE be offered if policy lets it?
 * @kvm: the VM, or NULL for /dev/kvm
 * @kvms_own: KVM's own function
 *
 * Return: what @kvms_own says.
 */
bool backend_offers(struct kvm *kvm,
		    int (*kvms_own)(struct kvm *kvm, long ext))
{
	return kvms_own(kvm, KVM_CAP_ARM_MTE) > 0;
}

/**
 * backend_vma_can_hold_tags - may an MTE VM have this for memory?
 * @vma: a mapping of its VMM
 * @start: of the part that a slot has, in bytes
 * @end: likewise
 *
 * arch/arm64/kvm/mmu.c:kvm_arch_prepare_memory_region().
 *
 * Return: true if KVM takes it.
 */
bool backend_vma_can_hold_tags(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end)
{
	return compat_kvm_takes_vma(vma);
}

/* What MTE does not go with: asked for, and to be had on this machine. */
static u32 no_mte_features(const struct kvm_vcpu_init __user *arg)
{
	u32 features;

	if (get_user(features, &arg->features[0]))
		return 0;
	features &= COMPAT_NO_MTE_FEATURES;
	if (!id_aa64pfr0_32bit_el1(read_sanitised_ftr_reg(SYS_ID_AA64PFR0_EL1)))
		features &= ~BIT(KVM_ARM_VCPU_EL1_32BIT);
	if (!compat_has_nested())
		features &= BIT(KVM_ARM_VCPU_EL1_32BIT);
	return features;
}

/*
 * Policy gives way before KVM refuses a 32-bit vCPU.  A nested one it does not refuse,
 * but such a guest is shown no MTE.
 */
static long init_vcpu(struct mte_vm *vm, struct file *filp, unsigned long arg,
		      long (*kvms_own)(struct file *filp, unsigned int ioctl,
				       unsigned long arg))
{
	struct kvm_vcpu *vcpu = filp->private_data;
	u32 features;
	long ret;

	/* One at a time: none may be set up for MTE while it is taken away. */
	mutex_lock(&vm->init);
	features = no_mte_features((const struct kvm_vcpu_init __user *)arg);
	if (features && vm_leave_policy_vcpu(vm, vcpu))
		pr_notice_ratelimited("%d-%d: policy asked for MTE, but a vCPU is %s: off\n",
				      vm->creator, vm->fd,
				      features & BIT(KVM_ARM_VCPU_EL1_32BIT) ?
				      "32-bit" : "for nested virtualization");
	ret = kvms_own(filp, KVM_ARM_VCPU_INIT, arg);
	mutex_unlock(&vm->init);
	return ret;
}

static notrace bool is_initialised(const u64 *x)
{
	const struct kvm_vcpu *vcpu = ((const struct file *)x[0])->private_data;
	struct mte_vm *vm;

	if ((unsigned int)x[1] != KVM_ARM_VCPU_INIT)
		return false;
	vm = registry_find(vcpu->kvm);
	return vm && READ_ONCE(vm->state) != VM_OFF &&
	       READ_ONCE(vm->origin) == ORIGIN_POLICY;
}

HOOK_WRAP_WAITS(kvm_arch_vcpu_ioctl, is_initialised, long,
		(struct file *filp, unsigned int ioctl, unsigned long arg),
		(filp, ioctl, arg))
{
	struct kvm_vcpu *vcpu = filp->private_data;
	struct mte_vm *vm = registry_find(vcpu->kvm);

	return init_vcpu(vm, filp, arg, original(kvm_arch_vcpu_ioctl));
}
