// SPDX-License-Identifier: GPL-2.0-only
/* KVM_RUN of a VM that is held.  hold.c holds and releases it. */
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "calls.h"
#include "hook/ondemand.h"
#include "kvm_private.h"
#include "vm/hold.h"

static void wait_until_released(struct mte_vm *vm, const struct kvm_vcpu *vcpu)
{
	struct hold_waiter me = { .vcpu = vcpu };

	raw_spin_lock(&vm->lock);
	list_add(&me.node, &vm->hold.waiters);
	raw_spin_unlock(&vm->lock);
	wait_event_interruptible(vm->hold.queue, !READ_ONCE(vm->hold.by));
	raw_spin_lock(&vm->lock);
	list_del(&me.node);
	raw_spin_unlock(&vm->lock);
}

/*
 * Calls KVM_RUN so that it does not enter the guest, because a signal seems to be pending.
 * KVM first completes the last exit (MMIO), and only then looks for signals (api.rst 5).
 * A VMM relies on that before it saves or resets a vCPU.
 *
 * A signal mask for KVM_RUN would make the kernel look for real signals again, so there is
 * none during this call.
 */
static int finish_exit(struct kvm_vcpu *vcpu, int (*run)(struct kvm_vcpu *vcpu))
{
	struct sighand_struct *sighand = rcu_access_pointer(current->sighand);
	int sigset_active = vcpu->sigset_active, ret;

	vcpu->sigset_active = 0;
	set_thread_flag(TIF_SIGPENDING);
	ret = run(vcpu);
	vcpu->sigset_active = sigset_active;

	/* Look for real signals again.  A signal may come at the same time, so take the lock. */
	spin_lock_irq(&sighand->siglock);
	recalc_sigpending();
	spin_unlock_irq(&sighand->siglock);
	return ret;
}

/**
 * vm_hold_wants_run - must a call of KVM_RUN be wrapped, because the VM is held?
 * @kvm: the VM
 *
 * A held VM pins the module, but it may be released at any time, and KVM's own function may
 * wait for the VMM.  So the call needs a reference of its own.
 *
 * Context: any; the VM is kept alive by the caller.
 * Return: true if it must be; then a reference on the module is held, for vm_hold_run().
 */
bool notrace vm_hold_wants_run(const struct kvm *kvm)
{
	return vm_is_held(kvm) && try_module_get(THIS_MODULE);
}

/**
 * vm_hold_run - KVM_RUN of a VM that is held, or was held a moment ago
 * @vcpu: the vCPU; its mutex is held, it is not loaded
 * @run: KVM's own function
 *
 * The caller holds a reference on the module, which this drops when KVM's own function has
 * returned.  Until then rmmod is refused, and the log names a call that takes long.  After
 * that the call waits only as long as the VM is held, and a held VM pins the module.
 *
 * Waits until the VM is released or a signal comes.  It does not go on to the guest even
 * if the VM was released: the wrapper of KVM_RUN would then keep the module's text in
 * use for as long as the guest runs.  The VMM calls KVM_RUN again, as after any signal.
 *
 * Context: the wrapper of KVM_RUN; may sleep.
 * Return: -EINTR; or the error of KVM_RUN if the vCPU cannot run at all.
 */
int vm_hold_run(struct kvm_vcpu *vcpu, int (*run)(struct kvm_vcpu *vcpu))
{
	struct mte_vm *vm = registry_find(vcpu->kvm);
	struct hook_wait *wait = hook_wait_begin("kvm_arch_vcpu_ioctl_run");
	int ret = finish_exit(vcpu, run);

	hook_wait_end(wait);
	hook_unpin();
	if (ret != -EINTR || !vm || !compat_vcpu_wants_to_run(vcpu))
		return ret;
	kfn.sigset_activate(vcpu);
	wait_until_released(vm, vcpu);
	kfn.sigset_deactivate(vcpu);
	return -EINTR;
}
