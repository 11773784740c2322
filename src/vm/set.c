// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns a VM's MTE on and off, as an admin, a policy or its VMM requests it.
 *
 * If no vCPU of the VM has ever run, the VM changes at once.  kvm->lock, and inside it
 * the mutexes of all vCPUs, are held from before the decision to the end of the switch.
 * So no vCPU runs, is initialised or gets its file in between.
 *
 * A VM that has run changes at the guest's next reboot: see reboot.c.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "hook/ondemand.h"
#include "trace.h"
#include "vm/backend.h"
#include "vm/state.h"

/* How long to wait for a vCPU that is in an ioctl, in jiffies. */
#define HOLD_TIMEOUT	(2 * HZ)

/* Some vCPUs and some memory exclude MTE, and so does a migration if it is refused. */
static int check_vm(struct mte_vm *vm, enum vm_origin origin)
{
	unsigned long features = vcpus_no_mte_features(vm->kvm);

	if (features & ~BIT(KVM_ARM_VCPU_EL1_32BIT)) {
		vm_notice(vm, "not turned on: a vCPU is for nested virtualization, which excludes MTE\n");
		return -EINVAL;
	}
	if (features) {
		trace_kvm_mte_refuse(vm, REFUSED_32BIT, 0, -EINVAL);
		vm_notice(vm, "not turned on: a vCPU is 32-bit, and MTE is for 64-bit guests only\n");
		return -EINVAL;
	}
	if (migration_on_refused(vm, origin)) {
		vm_notice(vm, "not turned on: its memory is logged, and migration is refused\n");
		return -EPERM;
	}
	return vm_check_slots(vm);
}

static bool already(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	bool is_so;

	raw_spin_lock(&vm->lock);
	is_so = vm_requested(vm, on);
	/* An explicit request replaces policy's, so policy does not fall back any more. */
	if (is_so && on && vm->origin == ORIGIN_POLICY)
		vm->origin = origin;
	raw_spin_unlock(&vm->lock);
	return is_so;
}

/* No vCPU has run.  All @nr vCPUs are held. */
static int set_at_once(struct mte_vm *vm, bool on, enum vm_origin origin, int nr)
{
	if (already(vm, on, origin))
		return 0;
	if (!on) {
		vm_switch_off(vm, VM_SET_OFF, origin, nr);
		return 0;
	}
	return vm_switch_on(vm, VM_SET_ON, origin, nr);
}

/* On-demand hooks free what this allocates for vCPUs, so keep them armed even if this fails. */
static int prepare(struct mte_vm *vm, int nr)
{
	raw_spin_lock(&vm->lock);
	vm_get_hooks(vm);
	raw_spin_unlock(&vm->lock);
	return vm_backend->prepare(vm->kvm, nr);
}

/* One try, with slots_lock held: no slot is set or removed. */
static int try_set(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	struct kvm *kvm = vm->kvm;
	int nr, err;

	/* As in mainline, a VMM must ask before it creates the first vCPU. */
	if (origin == ORIGIN_VMM && kvm->created_vcpus)
		return -EINVAL;
	if (vcpus_have_run(kvm)) {
		err = on && !vm_requested(vm, on) ? check_vm(vm, origin) : 0;
		return err ?: vm_set_at_reboot(vm, on, origin);
	}
	nr = vcpus_hold(kvm, NULL);
	if (nr < 0)
		return nr;
	if (vcpus_have_run(kvm))
		err = -EAGAIN;
	else if (on)
		err = check_vm(vm, origin) ?: prepare(vm, nr);
	else
		err = 0;
	if (!err)
		err = set_at_once(vm, on, origin, nr);
	vcpus_release(kvm, nr, NULL);
	return err;
}

/*
 * Only tries slots_lock, because kvm->lock is held.  A holder of slots_lock that makes
 * policy fall back only tries kvm->lock (yield.c).  So neither waits for the other.
 */
static int try_with_slots(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	int err;

	if (!mutex_trylock(&vm->kvm->slots_lock))
		return -EAGAIN;
	err = try_set(vm, on, origin);
	mutex_unlock(&vm->kvm->slots_lock);
	return err;
}

/* KVM holds kvm->lock while it waits for the guest's memory (vGIC), so only try it. */
static int try_locked(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	int err;

	if (!mutex_trylock(&vm->kvm->lock))
		return -EAGAIN;
	err = try_with_slots(vm, on, origin);
	mutex_unlock(&vm->kvm->lock);
	return err;
}

static int try_until_timeout(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	unsigned long end = jiffies + HOLD_TIMEOUT;
	int err;

	do {
		err = try_locked(vm, on, origin);
		if (err != -EAGAIN)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		usleep_range(500, 1000);
	} while (time_before(jiffies, end));
	return -EBUSY;
}

static void log_failure(struct mte_vm *vm, int err)
{
	const char *why;

	switch (err) {
	case -EBUSY:
		why = "a vCPU, or the VM itself, is busy in an ioctl, or its VMM holds mmap_lock";
		break;
	case -ENOMEM:
		why = "out of memory";
		break;
	case -ENODEV:
		why = "the VM's process is exiting, or kvm_mte is being loaded or unloaded";
		break;
	default:
		return;
	}
	vm_notice(vm, "not changed: %s\n", why);
}

/* Takes a reference on the hooks for the attempt.  A VM that is not off holds its own. */
static int set_with_hooks(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	/* Try again for an admin, who may have removed the cause of an earlier failure. */
	int err = on ? ondemand_get(HOOK_ON_DEMAND, origin == ORIGIN_ADMIN) : 0;

	if (err) {
		vm_notice(vm, "not changed: the on-demand hooks cannot be armed (%d)\n", err);
		return err;
	}
	err = try_until_timeout(vm, on, origin);
	log_failure(vm, err);
	if (on)
		ondemand_put(HOOK_ON_DEMAND);
	return err;
}

/**
 * vm_set - turn MTE of a VM on or off, at once or at the guest's next reboot
 * @vm: the VM, kept alive by the caller (a reference on it, or an ioctl)
 * @on: turn MTE on or off
 * @origin: the source of the request
 *
 * Context: may sleep; takes kvm->lock, slots_lock, mmap_lock and vCPU mutexes.
 * Return: 0, even if the VM is in that state already.  -EINVAL if a vCPU is 32-bit or
 * nested, if a slot cannot hold tags, or if @origin is the VMM and a vCPU exists.
 * -ENODEV if the VM's process is exiting, or the module is being loaded or unloaded.
 * -ENOMEM.  -EINTR if the caller is killed.  -EBUSY if for two seconds a vCPU or the VM
 * is in an ioctl or the VMM holds its mmap_lock, or if a function that is to be hooked
 * has another owner or rewritten text.  -EPERM if the VM is being migrated, and that is
 * refused.
 * After an error the state has not changed.  The log has the reason, except for -EINTR
 * and for a VMM that asks when a vCPU exists.
 */
int vm_set(struct mte_vm *vm, bool on, enum vm_origin origin)
{
	enum vm_state before = READ_ONCE(vm->state);
	struct mm_struct *mm = vm->kvm->mm;
	int err;

	/*
	 * Stage 2 is destroyed with the address space, so it must live while this
	 * drops mappings.  Not mmput(): if this is the last user, mmput() may
	 * destroy this VM.
	 */
	if (!vm_may_set() || !mmget_not_zero(mm)) {
		log_failure(vm, -ENODEV);
		return -ENODEV;
	}
	err = set_with_hooks(vm, on, origin);
	mmput_async(mm);
	if (!err && READ_ONCE(vm->state) != before) {
		trace_kvm_mte_set(vm, on, origin);
		vm_uevent_changed(vm);
	}
	if (!err && on && before == VM_OFF && origin != ORIGIN_VMM)
		migration_vm_on(vm);
	return err;
}
