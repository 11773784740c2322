// SPDX-License-Identifier: GPL-2.0-only
/*
 * All vCPUs of a VM at once: what they have done, and holding them still.
 */
#include <linux/kvm_host.h>

#include "kvm_private.h"
#include "vm/state.h"

/**
 * vcpus_have_run - has any vCPU of a VM ever run?
 * @kvm: the VM, held alive by the caller
 *
 * Context: any; a no stays true only until vcpus_release().
 * Return: true if one has.
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
 * vcpu_no_mte_features - which features that MTE does not go with does a vCPU have?
 * @vcpu: the vCPU
 *
 * Context: any; stays true only while its mutex is held.
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
 * vcpus_no_mte_features - the same of all vCPUs of a VM
 * @kvm: the VM, held alive by the caller
 *
 * Context: any; stays true only until vcpus_release().
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
 * vcpus_release - let vCPUs go on
 * @kvm: the VM
 * @nr: what vcpus_hold() returned
 *
 * Context: process context.
 */
void vcpus_release(struct kvm *kvm, int nr)
{
	while (nr--)
		mutex_unlock(&kvm_get_vcpu(kvm, nr)->mutex);
}

/**
 * vcpus_hold - hold all vCPUs of a VM still, by their mutexes
 * @kvm: the VM, held alive by the caller
 *
 * Only tries: waiting for a vCPU's ioctl here would invert KVM's lock order.
 *
 * kvm->lock must be held until vcpus_release().  No vCPU gets its file meanwhile, so
 * one that is being created cannot be used yet (kvm_main.c:kvm_vm_ioctl_create_vcpu()).
 * It may wait for slots_lock, which the caller may hold, so it is not waited for.  The
 * ioctls of KVM that hold all vCPUs wait: they only try too, and would fail
 * with EBUSY (vgic/vgic-kvm-device.c, arm.c:lock_all_vcpus()).
 *
 * Context: process context, kvm->lock held, also under slots_lock.
 * Return: number of vCPUs; -EAGAIN if one is in an ioctl.
 */
int vcpus_hold(struct kvm *kvm)
{
	int nr = atomic_read(&kvm->online_vcpus), i;

	lockdep_assert_held(&kvm->lock);
	for (i = 0; i < nr; i++) {
		if (!mutex_trylock(&kvm_get_vcpu(kvm, i)->mutex)) {
			vcpus_release(kvm, i);
			return -EAGAIN;
		}
	}
	return nr;
}

/**
 * vcpus_all_online - are @nr vCPUs all that there are?
 * @kvm: the VM, held alive by the caller
 * @nr: number of vCPUs looked at, by index
 *
 * A vCPU can be used as soon as its file exists, a little before KVM counts it as
 * online.
 *
 * Context: any; stays true only while kvm->lock is held.
 * Return: false if there is another one, or one is being created.
 */
bool vcpus_all_online(struct kvm *kvm, int nr)
{
	return nr == atomic_read(&kvm->online_vcpus) &&
	       nr == READ_ONCE(kvm->created_vcpus);
}
