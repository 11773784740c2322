// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request of an admin: turns a VM on or off from outside its VMM.
 *
 * The VMM may close its VM meanwhile.  mte_vm.destroy_lock delays only
 * kvm_arch_destroy_vm(), and KVM destroys stage 2 before it calls that function
 * (kvm_arch_flush_shadow_all()).  So the write also holds a reference on the VM.
 *
 * Dropping the last reference destroys the VM, and that waits for destroy_lock and for the
 * VM's files in sysfs.  So the write must not drop the reference itself.  A struct file of
 * the module holds it.  The kernel releases that file when the writer returns to user
 * space.
 */
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "policy/writer.h"
#include "vm/state.h"

/* How long to wait for KVM_ENABLE_CAP (native), or for another write, in jiffies. */
#define LOCK_TIMEOUT	(2 * HZ)

static int drop_kvm(struct inode *inode, struct file *filp)
{
	if (filp->private_data)
		kvm_put_kvm(filp->private_data);
	return 0;
}

static const struct file_operations kvm_ref_fops = {
	.owner = THIS_MODULE,
	.release = drop_kvm,
};

/* Returns a file that holds a reference on the VM.  fput() drops it. */
static struct file *get_kvm_file(struct kvm *kvm)
{
	struct file *filp = anon_inode_getfile("[kvm_mte]", &kvm_ref_fops, NULL, 0);

	if (IS_ERR(filp))
		return filp;
	if (!refcount_inc_not_zero(&kvm->users_count)) {
		fput(filp);
		return ERR_PTR(-ENODEV);
	}
	filp->private_data = kvm;
	return filp;
}

/* A VMM decides how long its ioctls hold this lock, so only try it. */
static int lock_vm(struct mte_vm *vm)
{
	unsigned long end = jiffies + LOCK_TIMEOUT;

	while (!mutex_trylock(&vm->destroy_lock)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, end))
			return -EBUSY;
		usleep_range(500, 1000);
	}
	return 0;
}

static void log_change(const struct mte_vm *vm)
{
	struct writer who = writer_current();

	writer_log(&who, "%d-%d: %s", vm->creator, vm->fd, vm_state_word(vm));
}

static int set_locked(struct mte_vm *vm, bool on)
{
	enum vm_state before;
	struct file *ref;
	int err;

	/* A module whose init fails is freed, even if one of its files is still open. */
	if (!vm_may_set()) {
		vm_notice(vm, "enable: kvm_mte is being loaded or unloaded\n");
		return -ENODEV;
	}
	ref = vm->destroyed ? ERR_PTR(-ENODEV) : get_kvm_file(vm->kvm);
	if (ref == ERR_PTR(-ENODEV))
		vm_notice(vm, "enable: the VM is being destroyed\n");
	else if (IS_ERR(ref))
		vm_notice(vm, "enable: no file or memory for a reference on the VM (%ld)\n",
			  PTR_ERR(ref));
	if (IS_ERR(ref))
		return PTR_ERR(ref);
	before = READ_ONCE(vm->state);
	err = vm_set(vm, on, ORIGIN_ADMIN);
	if (!err && READ_ONCE(vm->state) != before)
		log_change(vm);
	fput(ref);
	return err;
}

/**
 * vm_request - turn a VM on or off as an admin asks
 * @vm: the VM, kept by its directory in sysfs
 * @on: turn MTE on or off
 *
 * Context: a write to sysfs; may sleep.
 * Return: 0 or an error as vm_set(); also -ENODEV if the VM is being destroyed, -EBUSY if
 * its VMM stays in KVM_ENABLE_CAP or another write is in progress, -ENFILE or -ENOMEM.
 */
int vm_request(struct mte_vm *vm, bool on)
{
	int err = lock_vm(vm);

	if (err == -EBUSY)
		vm_notice(vm, "enable: busy in KVM_ENABLE_CAP, or in another write to this file\n");
	if (err)
		return err;
	err = set_locked(vm, on);
	mutex_unlock(&vm->destroy_lock);
	return err;
}
