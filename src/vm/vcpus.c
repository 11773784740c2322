// SPDX-License-Identifier: GPL-2.0-only
/*
 * All vCPUs of a VM: whether they have run, which features they have, and how to hold them.
 */
#include <linux/kvm_host.h>

#include "kvm_private.h"
#include "vm/state.h"

/**
 * vcpus_have_run - has any vCPU of a VM ever run?
 * @kvm: the VM, kept alive by the caller
 *
 * Context: any; the answer false is stable only while the vCPUs are held
 * (vcpus_hold()).
 * Return: true if a vCPU has run.
 */
bool vcpus_have_run(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (compat_vcpu_has_run(vcpu))
			return true;
	return false;
}

/**
 * vcpus_have_entered - has any vCPU of a VM ever been in the guest?
 * @kvm: the VM, kept alive by the caller
 *
 * A vCPU that only waited in KVM_RUN, because its VM is held, has not been in the guest,
 * but counts for vcpus_have_run().
 *
 * Context: any; the answer false is stable only while no vCPU enters the guest.
 * Return: true if a vCPU has.
 */
bool vcpus_have_entered(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (READ_ONCE(vcpu->stat.exits))
			return true;
	return false;
}

/**
 * vcpu_no_mte_features - which features that exclude MTE does a vCPU have?
 * @vcpu: the vCPU
 *
 * Context: any; the answer is stable only while the vCPU's mutex is held.
 * Return: bits of KVM_ARM_VCPU_INIT's features: 32-bit, or nested virtualization.
 */
unsigned long vcpu_no_mte_features(struct kvm_vcpu *vcpu)
{
	unsigned long features = COMPAT_NO_MTE_FEATURES, bit;

	if (!compat_vcpu_is_initialised(vcpu))
		return 0;
	for_each_set_bit(bit, &features, BITS_PER_TYPE(u32))
		if (!vcpu_has_feature(vcpu, bit))
			features &= ~BIT(bit);
	return features;
}

/**
 * vcpus_no_mte_features - which features that exclude MTE do a VM's vCPUs have?
 * @kvm: the VM, kept alive by the caller
 *
 * Context: any; the answer is stable only while the vCPUs are held (vcpus_hold()).
 * Return: as vcpu_no_mte_features().
 */
unsigned long vcpus_no_mte_features(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i, features = 0;

	kvm_for_each_vcpu(i, vcpu, kvm)
		features |= vcpu_no_mte_features(vcpu);
	return features;
}

/**
 * vcpus_release - release the vCPUs that vcpus_hold() holds
 * @kvm: the VM
 * @nr: the result of vcpus_hold()
 * @self: as for vcpus_hold()
 *
 * Context: process context.
 */
void vcpus_release(struct kvm *kvm, int nr, const struct kvm_vcpu *self)
{
	struct kvm_vcpu *vcpu;

	while (nr--) {
		vcpu = kvm_get_vcpu(kvm, nr);
		if (vcpu != self)
			mutex_unlock(&vcpu->mutex);
	}
}

/**
 * vcpus_hold - hold all vCPUs of a VM by their mutexes
 * @kvm: the VM, kept alive by the caller
 * @self: the vCPU whose mutex the caller holds already, or NULL
 *
 * This only tries the mutexes.  To wait for a vCPU's ioctl could deadlock: the ioctl may
 * wait for slots_lock, or on 5.10 for kvm->lock, which the caller holds.
 *
 * kvm->lock must be held until vcpus_release().  While it is held, no vCPU gets its
 * file, so a vCPU that is being created cannot be used yet
 * (kvm_main.c:kvm_vm_ioctl_create_vcpu()).  This does not wait for the creation to end,
 * because the creation may wait for slots_lock, which the caller may hold.
 *
 * kvm->lock also keeps out KVM's own ioctls that hold all vCPUs.  They only try the
 * mutexes too, and would fail with EBUSY: lock_all_vcpus() in vgic/vgic-kvm-device.c
 * (5.10, 6.1) or arm.c (6.12), kvm_main.c:kvm_trylock_all_vcpus() (7.2).
 *
 * Context: process context, kvm->lock held, also under slots_lock.
 * Return: number of vCPUs; -EAGAIN if a vCPU is in an ioctl.
 */
int vcpus_hold(struct kvm *kvm, const struct kvm_vcpu *self)
{
	int nr = atomic_read(&kvm->online_vcpus), i;
	struct kvm_vcpu *vcpu;

	lockdep_assert_held(&kvm->lock);
	for (i = 0; i < nr; i++) {
		vcpu = kvm_get_vcpu(kvm, i);
		if (vcpu != self && !mutex_trylock(&vcpu->mutex)) {
			vcpus_release(kvm, i, self);
			return -EAGAIN;
		}
	}
	return nr;
}
