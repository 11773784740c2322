// SPDX-License-Identifier: GPL-2.0-only
/*
 * A held VM: none of its vCPUs enters the guest.  KVM_RUN waits, and ends with EINTR when
 * a signal comes or the VM is released.
 *
 * An admin holds a VM by its file "hold" in sysfs.  A file of /dev/kvm_mte holds it too while tags
 * are read or written, except for a save at the VM's end.
 *
 * A held VM pins the module and the hooks on KVM_RUN.  A vCPU that was in KVM_RUN
 * before the hook was armed keeps its mutex, so vm_is_stopped() sees it.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "calls.h"
#include "hook/ondemand.h"
#include "kvm_private.h"
#include "policy/writer.h"
#include "vm/hold.h"

/* How long to wait until the vCPUs have left the guest, in jiffies. */
#define STOP_TIMEOUT	(2 * HZ)

/* How long a VM must stay stopped before its tags are read, in milliseconds. */
#define STAY_STOPPED	20

atomic_t vms_held = ATOMIC_INIT(0);
bool vm_hold_used __read_mostly;

/* What a held VM needs. */
static int get_hooks(void)
{
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	/* On inject the hook on KVM_RUN is one of those that MTE needs. */
	err = ondemand_get(HOOK_ON_DEMAND, true);
	if (err)
		goto put_module;
	err = ondemand_get(HOOK_ON_HOLD, true);
	if (err)
		goto put_demand;
	return 0;

put_demand:
	ondemand_put(HOOK_ON_DEMAND);
put_module:
	module_put(THIS_MODULE);
	return err;
}

static void put_hooks(void)
{
	ondemand_put(HOOK_ON_HOLD);
	ondemand_put(HOOK_ON_DEMAND);
	module_put(THIS_MODULE);
}

/**
 * vm_hold_get - hold a VM
 * @vm: the VM
 * @who: VM_HOLD_ADMIN or VM_HOLD_FILE, or both
 *
 * From now on no vCPU enters the guest.  vCPUs that are in it stay there:
 * see vm_is_stopped().
 *
 * Context: may sleep; vm_hold.lock held.
 * Return: 0, also if @who holds it already; -ENODEV if the VM is being destroyed or the
 * module is being unloaded; or the error of ondemand_get().
 */
int vm_hold_get(struct mte_vm *vm, unsigned int who)
{
	int err;

	lockdep_assert_held(&vm->hold.lock);
	if (vm->hold.ended)
		return -ENODEV;
	if (!vm->hold.by) {
		err = get_hooks();
		if (err)
			return err;
		WRITE_ONCE(vm_hold_used, true);
		/* Pairs with vm_is_held(). */
		smp_wmb();
		atomic_inc(&vms_held);
	}
	WRITE_ONCE(vm->hold.by, vm->hold.by | who);
	/*
	 * Before vm_is_stopped() tries the vCPUs' mutexes.  Pairs with the lock of
	 * vcpu->mutex: a vCPU that takes it after that sees that the VM is held.
	 */
	smp_mb();
	return 0;
}

/**
 * vm_hold_put - do not hold a VM any more
 * @vm: the VM
 * @who: VM_HOLD_ADMIN or VM_HOLD_FILE, or both
 *
 * Context: may sleep; vm_hold.lock held.
 */
void vm_hold_put(struct mte_vm *vm, unsigned int who)
{
	lockdep_assert_held(&vm->hold.lock);
	if (!(vm->hold.by & who))
		return;
	WRITE_ONCE(vm->hold.by, vm->hold.by & ~who);
	if (vm->hold.by)
		return;
	atomic_dec(&vms_held);
	wake_up_all(&vm->hold.queue);
	put_hooks();
}

/**
 * vm_hold_log - log that the calling process holds the VM, or has released it
 * @vm: the VM
 * @on: it is held by an admin now
 *
 * With vm_hold.lock the lines have the order of the changes.
 *
 * Context: process context; vm_hold.lock held.
 */
void vm_hold_log(struct mte_vm *vm, bool on)
{
	struct writer who = writer_current();

	lockdep_assert_held(&vm->hold.lock);
	writer_log(&who, "%d-%d: hold: %d", vm->creator, vm->fd, on);
}

/**
 * vm_hold_release - an admin does not hold the VM any more: log that, if it changes anything
 * @vm: the VM
 *
 * Context: process context; may sleep; vm_hold.lock held.
 */
void vm_hold_release(struct mte_vm *vm)
{
	bool was_held = vm->hold.by & VM_HOLD_ADMIN;

	vm_hold_put(vm, VM_HOLD_ADMIN);
	if (was_held)
		vm_hold_log(vm, false);
}

/**
 * vm_hold_end - the VM is being destroyed: it is not held any more, and cannot be held
 * @vm: the VM
 *
 * Context: may sleep; vm_hold.lock held.
 */
void vm_hold_end(struct mte_vm *vm)
{
	vm->hold.ended = true;
	vm_hold_put(vm, VM_HOLD_ADMIN | VM_HOLD_FILE);
}

static bool waits(struct mte_vm *vm, const struct kvm_vcpu *vcpu)
{
	struct hold_waiter *w;
	bool found = false;

	raw_spin_lock(&vm->lock);
	list_for_each_entry(w, &vm->hold.waiters, node)
		found |= w->vcpu == vcpu;
	raw_spin_unlock(&vm->lock);
	return found;
}

static bool vcpu_is_stopped(struct mte_vm *vm, struct kvm_vcpu *vcpu)
{
	if (!mutex_trylock(&vcpu->mutex))
		return waits(vm, vcpu);
	mutex_unlock(&vcpu->mutex);
	return true;
}

/**
 * vm_is_stopped - has every vCPU of a held VM left the guest?
 * @vm: the VM
 *
 * Context: may sleep; vm_hold.lock held and the VM is held.
 * Return: true if no vCPU is in KVM_RUN, except those that wait there because the VM is
 * held.  That stays so as long as the VM is held.  False also if a vCPU or the VM is in
 * another ioctl.
 */
bool vm_is_stopped(struct mte_vm *vm)
{
	struct kvm *kvm = vm->kvm;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	bool stopped = true;

	/* Keeps out ioctls that try the mutexes of all vCPUs too, and would fail: vcpus_hold(). */
	if (!mutex_trylock(&kvm->lock))
		return false;
	kvm_for_each_vcpu(i, vcpu, kvm)
		stopped &= vcpu_is_stopped(vm, vcpu);
	mutex_unlock(&kvm->lock);
	return stopped;
}

static unsigned int count_waiters(struct mte_vm *vm)
{
	struct hold_waiter *w;
	unsigned int nr = 0;

	raw_spin_lock(&vm->lock);
	list_for_each_entry(w, &vm->hold.waiters, node)
		nr++;
	raw_spin_unlock(&vm->lock);
	return nr;
}

/**
 * vm_stays_stopped - has the VMM itself stopped this VM?
 * @vm: the VM
 *
 * A vCPU that is between two calls of KVM_RUN looks stopped too.  It soon comes back, and
 * then waits because the VM is held.
 *
 * Context: may sleep; vm_hold.lock held and the VM is held.
 * Return: false if a vCPU is in the guest, or a vCPU wanted to run meanwhile.
 */
bool vm_stays_stopped(struct mte_vm *vm)
{
	unsigned int before = count_waiters(vm);

	if (!vm_is_stopped(vm))
		return false;
	msleep(STAY_STOPPED);
	return count_waiters(vm) == before && vm_is_stopped(vm);
}

/*
 * Makes KVM_RUN end with EINTR although there is no signal, as kernel/livepatch does to
 * make tasks leave the kernel.
 */
static void kick(struct kvm_vcpu *vcpu)
{
	struct task_struct *task;

	rcu_read_lock();
	task = compat_vcpu_task(vcpu);
	if (task)
		set_tsk_thread_flag(task, TIF_SIGPENDING);
	rcu_read_unlock();
	compat_vcpu_kick(kfn.vcpu_kick, vcpu);
}

static void kick_running(struct mte_vm *vm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, vm->kvm)
		if (!waits(vm, vcpu) && mutex_is_locked(&vcpu->mutex))
			kick(vcpu);
}

static int stop(struct mte_vm *vm)
{
	unsigned long end = jiffies + STOP_TIMEOUT;

	while (!vm_is_stopped(vm)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, end))
			return -EBUSY;
		kick_running(vm);
		usleep_range(500, 1000);
	}
	return 0;
}

static int hold_by_admin(struct mte_vm *vm)
{
	int err;

	if (vm->hold.by & VM_HOLD_ADMIN)
		return 0;
	if (!vm_may_set()) {
		vm_notice(vm, "hold: kvm_mte is being loaded or unloaded\n");
		return -ENODEV;
	}
	err = vm_hold_get(vm, VM_HOLD_ADMIN);
	if (err) {
		vm_notice(vm, "not held: the hooks for that cannot be armed, or the VM is being destroyed (%d)\n",
			  err);
		return err;
	}
	err = stop(vm);
	if (!err) {
		vm_hold_log(vm, true);
		return 0;
	}
	vm_hold_put(vm, VM_HOLD_ADMIN);
	if (err == -EBUSY)
		vm_notice(vm, "not held: a vCPU, or the VM itself, is busy in an ioctl\n");
	return err;
}

/**
 * vm_hold_request - hold a VM, or release it, as an admin asks
 * @vm: the VM, kept by its directory in sysfs
 * @on: hold it
 *
 * A change is logged.
 *
 * Context: a write to sysfs; may sleep.
 * Return: 0; -ENODEV if the VM is being destroyed, or the module is being loaded or unloaded;
 * -EBUSY if for two seconds a vCPU is in the guest, or a vCPU or the VM is in an ioctl, or if
 * a function that is to be hooked has another owner or rewritten text; -ENOMEM; -EINTR if the
 * caller is killed.  After an error nothing has changed.
 */
int vm_hold_request(struct mte_vm *vm, bool on)
{
	int err = 0;

	if (mutex_lock_killable(&vm->hold.lock))
		return -EINTR;
	if (on)
		err = hold_by_admin(vm);
	else
		vm_hold_release(vm);
	mutex_unlock(&vm->hold.lock);
	return err;
}
