// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of /dev/kvm_mte and its VM: from KVM_MTE_OPEN until the file is closed.
 *
 * KVM_MTE_SAVE has a reference on the VM, as a vCPU's file has.  So the VM and its memory
 * stay even if its process dies.  A load has a reference during each ioctl only: a VMM
 * creates VMs just to try what KVM can do, and such a VM must go when the VMM closes it.
 * KVM_MTE_SAVE_AT_END: at_end.c.
 */
#include <linux/kvm_host.h>
#include <linux/sched/mm.h>

#include "hook/ondemand.h"
#include "transfer/transfer.h"
#include "vm/hold.h"
#include "vm/state.h"

/* The VM is held for the file now. */
static int check_stopped(struct transfer *t, struct mte_vm *vm)
{
	if (!vm_stays_stopped(vm)) {
		vm_notice(vm, "tags: refused: the VM is not stopped: a vCPU, or the VM itself, is busy\n");
		return -EBUSY;
	}
	/* After the check above: no vCPU runs any more. */
	if (t->mode == KVM_MTE_LOAD_INCOMING && vcpus_have_entered(vm->kvm)) {
		vm_notice(vm, "tags: refused: a vCPU has run already\n");
		return -EBUSY;
	}
	return 0;
}

static int hold(struct transfer *t, struct mte_vm *vm)
{
	unsigned int admin = t->mode == KVM_MTE_LOAD_INCOMING ? VM_HOLD_ADMIN : 0;
	int err;

	if (t->mode == KVM_MTE_SAVE_AT_END)
		return 0;
	if (t->mode == KVM_MTE_LOAD && !(vm->hold.by & VM_HOLD_ADMIN)) {
		vm_notice(vm, "tags: refused: the VM is not held\n");
		return -EBUSY;
	}
	admin &= ~vm->hold.by;
	err = vm_hold_get(vm, VM_HOLD_FILE | admin);
	if (err) {
		vm_notice(vm, "tags: refused: the VM cannot be held (%d)\n", err);
		return err;
	}
	err = check_stopped(t, vm);
	if (err)
		vm_hold_put(vm, VM_HOLD_FILE | admin);
	else if (admin)
		vm_hold_log(vm, true);
	return err;
}

/* vm_hold.lock is held, so vm->kvm is valid until the VM's end. */
static int get_kvm(struct transfer *t, struct mte_vm *vm)
{
	if (vm->hold.ended || !refcount_inc_not_zero(&vm->kvm->users_count))
		return -ENODEV;
	t->kvm = vm->kvm;
	return 0;
}

static int get_memory(struct transfer *t, struct mte_vm *vm)
{
	struct kvm *kvm = vm->kvm;

	if (vm->hold.ended || !mmget_not_zero(kvm->mm))
		return -ENODEV;
	t->mm = kvm->mm;
	if (t->mode == KVM_MTE_SAVE_AT_END)
		return ranges_look(t, kvm);
	return t->mode == KVM_MTE_SAVE ? get_kvm(t, vm) : 0;
}

/* vm_hold.lock is held, so the VM is not destroyed before this returns. */
static int take(struct transfer *t, struct mte_vm *vm)
{
	int err;

	if (!vm_has_mte(vm) && !vm->hold.ended) {
		vm_notice(vm, "tags: refused: the VM has no MTE\n");
		return -EINVAL;
	}
	if (vm->hold.transfer) {
		vm_notice(vm, "tags: refused: another file of /dev/kvm_mte works on the VM\n");
		return -EBUSY;
	}
	err = get_memory(t, vm);
	if (err) {
		vm_notice(vm, "tags: refused: the VM is being destroyed, its slots change, or there is no memory (%d)\n",
			  err);
		return err;
	}
	err = hold(t, vm);
	if (err)
		return err;
	t->vm = vm;
	at_end_watch(t);
	vm->hold.transfer = t;
	WRITE_ONCE(vm->hold.save_waits, t->mode == KVM_MTE_SAVE_AT_END);
	return 0;
}

/*
 * Dropping these references may destroy the VM, which takes vm_hold.lock, so it is not
 * held here.
 */
static void drop(struct transfer *t)
{
	if (t->kvm)
		kvm_put_kvm(t->kvm);
	if (t->mm)
		mmput(t->mm);
	t->kvm = NULL;
	t->mm = NULL;
}

/*
 * As long as the file has a VM, tags of its memory are restored from swap, also when
 * the VM is destroyed.
 */
static int open_vm(struct transfer *t, struct mte_vm *vm)
{
	int err = ondemand_get(HOOK_ON_DEMAND, true);

	if (err) {
		vm_notice(vm, "tags: refused: the on-demand hooks cannot be armed (%d)\n", err);
		return err;
	}
	atomic_inc(&vms_active);
	err = -EINTR;
	if (!mutex_lock_killable(&vm->hold.lock)) {
		err = take(t, vm);
		mutex_unlock(&vm->hold.lock);
	}
	if (!err)
		return 0;
	drop(t);
	atomic_dec(&vms_active);
	ondemand_put(HOOK_ON_DEMAND);
	return err;
}

/**
 * transfer_open - KVM_MTE_OPEN
 * @t: the file, locked, without a VM
 * @how: the ioctl's argument
 *
 * Context: may sleep.
 * Return: 0 or an error: tags_uapi.h.
 */
int transfer_open(struct transfer *t, const struct kvm_mte_open *how)
{
	struct mte_vm *vm;
	int err;

	if (how->mode < KVM_MTE_SAVE || how->mode > KVM_MTE_LOAD_INCOMING ||
	    how->reserved || strnlen(how->vm, sizeof(how->vm)) == sizeof(how->vm))
		return -EINVAL;
	vm = vm_find_by_name(how->vm);
	if (!vm)
		return -ENOENT;
	t->mode = how->mode;
	err = open_vm(t, vm);
	if (!err)
		return 0;
	t->mode = 0;
	vm_put(vm);
	return err;
}

/*
 * vm_hold.lock is held.  If the VM is being destroyed, transfer_vm_ends() has set @ended of the
 * file already.
 */
static void stop_waiting(struct transfer *t, struct mte_vm *vm)
{
	WRITE_ONCE(vm->hold.save_waits, false);
	if (!transfer_has_ended(t))
		migration_save_gone(vm);
}

/**
 * transfer_close - the file is closed
 * @t: the file; may be freed when this returns
 *
 * A VM that was held for a load stays held by the admin, unless KVM_MTE_RELEASE was called.
 *
 * Context: the file's release; may sleep.
 */
void transfer_close(struct transfer *t)
{
	struct mte_vm *vm = t->vm;

	if (vm) {
		at_end_unwatch(t);
		mutex_lock(&vm->hold.lock);
		vm->hold.transfer = NULL;
		stop_waiting(t, vm);
		vm_hold_put(vm, VM_HOLD_FILE);
		mutex_unlock(&vm->hold.lock);
		drop(t);
		atomic_dec(&vms_active);
		ondemand_put(HOOK_ON_DEMAND);
		vm_put(vm);
	}
	WRITE_ONCE(t->closed, true);
	wake_up_all(&t->queue);
	transfer_put(t);
}

/**
 * transfer_begin - an ioctl on the VM begins
 * @t: the file, locked, with a VM
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN if the VM has not ended (KVM_MTE_SAVE_AT_END), or @end_err of @t if it
 * has; -ENODEV if the VM is being destroyed, or -EINTR (loads).
 */
int transfer_begin(struct transfer *t)
{
	int err;

	if (t->mode == KVM_MTE_SAVE_AT_END)
		return transfer_has_ended(t) ? t->end_err : -EAGAIN;
	if (t->mode == KVM_MTE_SAVE)
		return 0;
	if (mutex_lock_killable(&t->vm->hold.lock))
		return -EINTR;
	err = get_kvm(t, t->vm);
	mutex_unlock(&t->vm->hold.lock);
	return err;
}

/**
 * transfer_finish - an ioctl on the VM ends
 * @t: the file, locked; transfer_begin() has returned 0
 *
 * Context: may sleep; the VM may be destroyed.
 */
void transfer_finish(struct transfer *t)
{
	if (!transfer_is_load(t))
		return;
	kvm_put_kvm(t->kvm);
	t->kvm = NULL;
}

/**
 * transfer_release_vm - KVM_MTE_RELEASE: all tags have been written
 * @t: the file, locked, with a VM
 *
 * The VM runs when the file is closed.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if the file is not for a load, or the VM has no MTE any more;
 * -ESTALE if the memory slots have changed; -ENOMEM.
 */
int transfer_release_vm(struct transfer *t)
{
	int err;

	if (!transfer_is_load(t))
		return -EINVAL;
	err = ranges_verify(t);
	if (err)
		return err;
	mutex_lock(&t->vm->hold.lock);
	/* Its policy may have fallen back, or an admin has turned it off. */
	if (vm_has_mte(t->vm))
		vm_hold_release(t->vm);
	else
		err = -EINVAL;
	mutex_unlock(&t->vm->hold.lock);
	return err;
}
