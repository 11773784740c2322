// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backend for kernels whose KVM has guest MTE itself.  It switches KVM's flag as
 * KVM_ENABLE_CAP does, for VMMs that never ask.
 *
 * KVM_ENABLE_CAP comes before the first vCPU is created.  Here vCPUs may exist, and may
 * have run.  So the backend also changes what KVM has set up already.  On 6.1 that is
 * HCR_EL2.ATA (set by KVM_ARM_VCPU_INIT).  On 6.12 and later it is HCR_EL2.ATA (set by the
 * first run), the VM's copy of the ID registers, and CLIDR_EL1.Ttype.  On 7.2 it is also
 * HCR_EL2.TID5 (set by the first run if the VM has no MTE).  KVM does all the rest.
 */
#include <linux/hugetlb.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/virt.h>

#include "hook/hook.h"
#include "hook/ondemand.h"
#include "native/native.h"
#include "repair/page_tags.h"
#include "repair/repair.h"
#include "repair/tags.h"
#include "vm/backend.h"

static int check_host(void)
{
	if (!is_protected_kvm_enabled())
		return 0;
	pr_err("no guest MTE: KVM is in protected mode, where a VM's features cannot be changed\n");
	return -ENODEV;
}

static int init(void)
{
	return 0;
}

static void exit_backend(void)
{
}

/*
 * KVM may give MTE to a VM at this moment.  The module, which is going, does not record that, so
 * it does not know the owner of that VM's tags.  On 6.11 and 6.12 KVM gives such a VM no hugetlb
 * memory, so it has tags there only if its VMM copies some to it (KVM_ARM_MTE_COPY_TAGS); those
 * may be dropped.  On 6.1 KVM gives it hugetlb memory.  So nothing is dropped there, and freed
 * pages keep their tags, as they do without the module.
 */
static void leave(void)
{
	if (COMPAT_REFUSES_HUGETLB && hugetlb_slots_work())
		tags_leave_hugetlb();
}

/* Held while old tags of hugetlb pages are dropped.  No VM with MTE gets a vCPU meanwhile. */
static DEFINE_MUTEX(clearing);

/*
 * The known VMs that have MTE own the tags of their memory.  KVM may give MTE to another
 * VM meanwhile, and the hooks may miss that.  Such a VM has no vCPU yet, and gets none
 * until this is done.  So it has no tags, unless its VMM copies some to it already
 * (KVM_ARM_MTE_COPY_TAGS); those in hugetlb memory may be dropped.
 */
static int vms_known(void)
{
	int err;

	if (!COMPAT_HUGETLB_REUSED || (COMPAT_REFUSES_HUGETLB && !hugetlb_slots_work()))
		return 0;
	mutex_lock(&clearing);
	err = tags_clear_hugetlb();
	mutex_unlock(&clearing);
	return err;
}

/*
 * KVM gives a VM MTE only before the VM's first vCPU is created.  If it did so while the
 * module was being loaded, the module learns of it here, at the latest.  Other VMs get no MTE
 * while @clearing is held: the module gives none yet, and KVM would need kvm->lock, which the
 * caller holds.  So they need not wait.
 */
static void vcpu_precreate(struct kvm *kvm)
{
	struct mte_vm *vm;

	if (!kvm_has_mte(kvm))
		return;
	mutex_lock(&clearing);
	vm = registry_find(kvm);
	/*
	 * Read the state before KVM's flag.  Pairs with state.c:write_state(), called by
	 * vm_switch_off().
	 */
	if (vm && smp_load_acquire(&vm->state) == VM_OFF && kvm_has_mte(kvm))
		vm_sync_from_kvm(vm);
	mutex_unlock(&clearing);
	/*
	 * KVM must take the hugetlb memory of its slots, too.  The VM pins the module, so this may
	 * wait for its VMM.
	 */
	if (COMPAT_REFUSES_HUGETLB && vm && vm_may_set() && vm_has_mte(vm) && !kvm->created_vcpus)
		vm_open_slots(vm);
}

static bool kvm_gave_mte(struct kvm *kvm)
{
	return kvm_has_mte(kvm);
}

static int prepare(struct kvm *kvm, int nr)
{
	return 0;
}

/* A vCPU may have been set up already: by its runs, or by a KVM_RUN that failed half way. */
static void switch_mte(struct kvm *kvm, bool on, int nr)
{
	int i;

	mutex_lock(&kvm->arch.config_lock);
	assign_bit(KVM_ARCH_FLAG_MTE_ENABLED, &kvm->arch.flags, on);
	native_switch_id_regs(kvm, on);
	for (i = 0; i < nr; i++)
		native_switch_vcpu(kvm_get_vcpu(kvm, i), on);
	mutex_unlock(&kvm->arch.config_lock);
	for (i = 0; i < nr; i++)
		native_update_traps(kvm_get_vcpu(kvm, i));
}

/*
 * While both locks are held, policy does not fall back, so it does not clear KVM's flag: it
 * falls back for a slot under kvm->lock, and for a vCPU under fallback_lock.
 */
static bool synced(struct mte_vm *vm)
{
	bool has;

	mutex_lock(&vm->kvm->lock);
	mutex_lock(&vm->fallback_lock);
	has = kvm_has_mte(vm->kvm);
	if (has)
		vm_sync_from_kvm(vm);
	mutex_unlock(&vm->fallback_lock);
	mutex_unlock(&vm->kvm->lock);
	return has;
}

static int enable_cap(struct mte_vm *vm, struct kvm_enable_cap *cap,
		      int (*orig)(struct kvm *kvm, struct kvm_enable_cap *cap))
{
	int err;

	/* Fails if a hook does not take effect any more. */
	err = ondemand_get(HOOK_ON_DEMAND, false);
	if (err)
		return err;
	/* No write by an admin may come between KVM's flag and the module's state. */
	mutex_lock(&vm->destroy_lock);
	/* Policy may fall back in between, but only once. */
	do
		err = orig(vm->kvm, cap);
	while (!err && !synced(vm));
	if (COMPAT_REFUSES_HUGETLB && !err)
		vm_open_slots(vm);
	mutex_unlock(&vm->destroy_lock);
	ondemand_put(HOOK_ON_DEMAND);
	return err;
}

static bool offers_cap(struct kvm *kvm, int (*orig)(struct kvm *kvm, long ext))
{
	return orig(kvm, KVM_CAP_ARM_MTE) > 0;
}

/*
 * The same check as in arch/arm64/kvm/mmu.c:kvm_arch_prepare_memory_region(), except for
 * device memory and (6.2 to 6.12) hugetlb memory, which KVM refuses.
 */
static bool vma_can_hold_tags(struct vm_area_struct *vma, unsigned long start,
			      unsigned long end)
{
	if (vma->vm_flags & VM_PFNMAP)
		return range_is_device(vma, start, end);
	if (COMPAT_REFUSES_HUGETLB && is_vm_hugetlb_page(vma))
		return hugetlb_slots_work();
	return compat_kvm_takes_vma(vma);
}

/* The requested features that exclude MTE, if this machine has them. */
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

/* KVM refuses to initialise a vCPU again with other features. */
static bool may_have_features(const struct kvm_vcpu *vcpu)
{
	return !compat_vcpu_is_initialised(vcpu);
}

/*
 * Policy falls back before KVM refuses a 32-bit vCPU.  KVM does not refuse a nested vCPU,
 * but shows no MTE to its guest.  So if an admin has turned the VM on, the module refuses
 * the nested vCPU.
 */
static int fall_back_or_refuse(struct mte_vm *vm, struct kvm_vcpu *vcpu, u32 features)
{
	bool nested = features & ~BIT(KVM_ARM_VCPU_EL1_32BIT);

	if (!features || !may_have_features(vcpu))
		return 0;
	if (vm_policy_fallback_vcpu(vm, vcpu)) {
		vm_notice(vm, "policy asked for MTE, but a vCPU is %s: off\n",
			  nested ? "for nested virtualization" : "32-bit");
		return 0;
	}
	if (!nested || !vm_has_mte(vm) || READ_ONCE(vm->origin) != ORIGIN_ADMIN)
		return 0;
	vm_notice(vm, "vCPU refused: it is for nested virtualization, which excludes MTE\n");
	return -EINVAL;
}

static long init_vcpu(struct mte_vm *vm, struct file *filp, unsigned long arg,
		      long (*orig)(struct file *filp, unsigned int ioctl,
				   unsigned long arg))
{
	long ret;

	/* One vCPU at a time: no vCPU may be set up for MTE while policy falls back. */
	mutex_lock(&vm->init_lock);
	ret = fall_back_or_refuse(vm, filp->private_data,
				  no_mte_features((const struct kvm_vcpu_init __user *)arg));
	if (!ret)
		ret = orig(filp, KVM_ARM_VCPU_INIT, arg);
	mutex_unlock(&vm->init_lock);
	return ret;
}

static notrace bool initialises_vcpu(const u64 *x)
{
	const struct kvm_vcpu *vcpu = ((const struct file *)x[0])->private_data;
	struct mte_vm *vm;

	if ((unsigned int)x[1] != KVM_ARM_VCPU_INIT)
		return false;
	vm = registry_find(vcpu->kvm);
	return vm && READ_ONCE(vm->state) != VM_OFF;
}

HOOK_WRAP_WAITS(kvm_arch_vcpu_ioctl, initialises_vcpu, long,
		(struct file *filp, unsigned int ioctl, unsigned long arg),
		(filp, ioctl, arg))
{
	struct kvm_vcpu *vcpu = filp->private_data;
	struct mte_vm *vm = registry_find(vcpu->kvm);
	long ret;

	vm_init_begin(vm);
	ret = init_vcpu(vm, filp, arg, original(kvm_arch_vcpu_ioctl));
	vm_init_end(vm, vcpu, ret);
	return ret;
}

const struct vm_backend kvm_mte_backend = {
	.name = "native",
	.check_host = check_host,
	.init = init,
	.vms_known = vms_known,
	.leave = leave,
	.exit = exit_backend,
	.vcpu_precreate = vcpu_precreate,
	.kvm_gave_mte = kvm_gave_mte,
	.prepare = prepare,
	.switch_mte = switch_mte,
	.enable_cap = enable_cap,
	.offers_cap = offers_cap,
	.vma_can_hold_tags = vma_can_hold_tags,
	.read_tags = page_tags_read,
	.write_tags = page_tags_write,
	.check_slot = slot_check_for_kvm,
	.open_hugetlb = COMPAT_REFUSES_HUGETLB ? hugetlb_slots_open : NULL,
};
