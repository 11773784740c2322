// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_MTE_SAVE_AT_END has a reference on the address space only (mm_users).  The tags can be
 * read after one of two events:
 *
 * - The process ends.  Then the VM is often not destroyed, because the address space
 *   maps its vCPUs' files (struct kvm_run).  Nothing reports that the last other user
 *   of an address space is gone, so the file looks from time to time.
 * - The VM is destroyed.  The wrapper of kvm_arch_destroy_vm() notes where the guest's
 *   memory is.  If the process lives on, it could unmap that memory at once.  So it waits
 *   in the wrapper until the file is closed.
 */
#include <linux/kvm_host.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "transfer/transfer.h"
#include "vm/hold.h"

/* How often to look whether the process has ended, in jiffies. */
#define LOOK_INTERVAL	(HZ / 20)

/* All files that have a VM. */
static LIST_HEAD(files_with_vm);
static DEFINE_SPINLOCK(files_lock);

/*
 * Does the process still live?  It does if the address space has more users than the files
 * in files_with_vm.
 */
static bool process_lives(struct transfer *t)
{
	struct transfer *other;
	int files = 0;

	spin_lock(&files_lock);
	list_for_each_entry(other, &files_with_vm, node)
		files += other->mm == t->mm;
	spin_unlock(&files_lock);
	return atomic_read(&t->mm->mm_users) > files;
}

/* vm_hold.lock is held. */
static int look_at_end(struct transfer *t, struct mte_vm *vm)
{
	if (!vm_has_mte(vm))
		return -EINVAL;
	/* If a slot of the last look is gone, its tags cannot be read any more: -ESTALE. */
	return ranges_contained(t, vm->kvm) ? ranges_look(t, vm->kvm) : -ESTALE;
}

static void end(struct transfer *t, int err)
{
	t->end_err = err;
	/* Pairs with the acquire in transfer_has_ended(). */
	smp_store_release(&t->ended, true);
	wake_up_all(&t->queue);
}

static void end_if_process_ended(struct transfer *t)
{
	struct mte_vm *vm = t->vm;

	if (process_lives(t))
		return;
	mutex_lock(&vm->hold.lock);
	if (!t->ended && !vm->hold.ended)
		end(t, look_at_end(t, vm));
	mutex_unlock(&vm->hold.lock);
}

static void look_for_end(struct work_struct *work)
{
	struct transfer *t = container_of(to_delayed_work(work), struct transfer, look);

	end_if_process_ended(t);
	if (!READ_ONCE(t->ended))
		schedule_delayed_work(&t->look, LOOK_INTERVAL);
}

/**
 * at_end_watch - the file has its VM: notice the end of the VM or of its process
 * @t: the file; if it is not for KVM_MTE_SAVE_AT_END, it is only added to files_with_vm
 *
 * Context: may sleep; vm_hold.lock held, so the VM does not end before this returns.
 */
void at_end_watch(struct transfer *t)
{
	spin_lock(&files_lock);
	list_add(&t->node, &files_with_vm);
	spin_unlock(&files_lock);
	if (t->mode != KVM_MTE_SAVE_AT_END)
		return;
	INIT_DELAYED_WORK(&t->look, look_for_end);
	schedule_delayed_work(&t->look, LOOK_INTERVAL);
}

/**
 * at_end_unwatch - the file is being closed
 * @t: the file, after at_end_watch()
 *
 * Context: may sleep; vm_hold.lock not held.
 */
void at_end_unwatch(struct transfer *t)
{
	if (t->mode == KVM_MTE_SAVE_AT_END)
		cancel_delayed_work_sync(&t->look);
	spin_lock(&files_lock);
	list_del(&t->node);
	spin_unlock(&files_lock);
}

/**
 * transfer_has_ended - KVM_MTE_SAVE_AT_END: has the VM or its process ended?
 * @t: the file, with a VM
 *
 * Context: any.
 * Return: true if it has; also for all other modes.
 */
bool transfer_has_ended(struct transfer *t)
{
	/* Pairs with the release in end(). */
	return t->mode != KVM_MTE_SAVE_AT_END || smp_load_acquire(&t->ended);
}

/*
 * The VM is being destroyed by its own process, which may unmap the guest's memory when
 * this returns.  If the process is killed, it exits and does not unmap anything.
 */
static void wait_until_closed(struct transfer *t)
{
	wait_event_killable(t->queue, READ_ONCE(t->closed));
}

/* Returns whether the caller must wait until the file is closed. */
static bool end_with_vm(struct transfer *t, struct mte_vm *vm)
{
	bool own = current->mm == t->mm;
	int err;

	if (t->ended || t->mode != KVM_MTE_SAVE_AT_END)
		return false;
	err = look_at_end(t, vm);
	if (!err && !own && process_lives(t)) {
		vm_notice(vm, "tags: lost: another process destroys the VM, and the VMM may unmap the memory\n");
		err = -ESTALE;
	}
	end(t, err);
	return own;
}

/**
 * transfer_vm_ends - the VM is being destroyed
 * @vm: the VM
 *
 * Context: kvm_arch_destroy_vm(), before anything else; may sleep.  If the VM's own process
 * destroys it, this waits until the file is closed or the process is killed.
 */
void transfer_vm_ends(struct mte_vm *vm)
{
	struct transfer *t;
	bool wait = false;

	mutex_lock(&vm->hold.lock);
	t = vm->hold.transfer;
	if (t) {
		kref_get(&t->kref);
		wait = end_with_vm(t, vm);
	}
	vm_hold_end(vm);
	mutex_unlock(&vm->hold.lock);
	if (wait)
		wait_until_closed(t);
	if (t)
		transfer_put(t);
}
