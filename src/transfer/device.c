// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/kvm_mte: the ioctls.  An open file pins the module.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "transfer/transfer.h"

static int open_file(struct inode *inode, struct file *filp)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	filp->private_data = transfer_alloc();
	return filp->private_data ? nonseekable_open(inode, filp) : -ENOMEM;
}

static int release_file(struct inode *inode, struct file *filp)
{
	transfer_close(filp->private_data);
	return 0;
}

static int do_open(struct transfer *t, void __user *arg)
{
	struct kvm_mte_open how;

	if (t->mode)
		return -EEXIST;
	if (copy_from_user(&how, arg, sizeof(how)))
		return -EFAULT;
	return transfer_open(t, &how);
}

static int do_ranges(struct transfer *t, struct kvm_mte_ranges __user *arg)
{
	struct kvm_mte_range __user *to;
	struct kvm_mte_ranges ranges;
	unsigned int i;
	int err;

	/* At the end of a VM its memory was looked at already. */
	err = t->kvm ? ranges_look(t, t->kvm) : 0;
	if (err)
		return err;
	if (copy_from_user(&ranges, arg, sizeof(ranges)) || put_user(t->nr_ranges, &arg->nr))
		return -EFAULT;
	to = u64_to_user_ptr(ranges.ranges);
	for (i = 0; i < t->nr_ranges && t->nr_ranges <= ranges.max; i++)
		if (put_user(t->ranges[i].ipa, &to[i].ipa) ||
		    put_user(t->ranges[i].size, &to[i].size))
			return -EFAULT;
	return 0;
}

static int do_read(struct transfer *t, struct kvm_mte_read __user *arg)
{
	struct kvm_mte_read read;
	int err;

	if (copy_from_user(&read, arg, sizeof(read)))
		return -EFAULT;
	err = memory_read(t, &read);
	if (!err && copy_to_user(arg, &read, sizeof(read)))
		err = -EFAULT;
	return err;
}

static int do_write(struct transfer *t, const void __user *arg)
{
	struct kvm_mte_write write;

	/* A file that is open for a save may not write. */
	if (!transfer_is_load(t))
		return -EINVAL;
	if (copy_from_user(&write, arg, sizeof(write)))
		return -EFAULT;
	return memory_write(t, &write);
}

static int do_ioctl(struct transfer *t, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case KVM_MTE_RANGES:
		return do_ranges(t, arg);
	case KVM_MTE_READ:
		return do_read(t, arg);
	case KVM_MTE_WRITE:
		return do_write(t, arg);
	case KVM_MTE_RELEASE:
		return transfer_release_vm(t);
	default:
		return -ENOTTY;
	}
}

static int with_vm(struct transfer *t, unsigned int cmd, void __user *arg)
{
	int err = t->mode ? transfer_begin(t) : -ENOTCONN;

	if (err)
		return err;
	err = do_ioctl(t, cmd, arg);
	transfer_finish(t);
	return err;
}

static long ioctl_file(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct transfer *t = filp->private_data;
	long ret;

	if (mutex_lock_killable(&t->lock))
		return -EINTR;
	ret = cmd == KVM_MTE_OPEN ? do_open(t, (void __user *)arg) :
				    with_vm(t, cmd, (void __user *)arg);
	mutex_unlock(&t->lock);
	return ret;
}

static __poll_t poll_file(struct file *filp, struct poll_table_struct *wait)
{
	struct transfer *t = filp->private_data;
	__poll_t events = 0;

	poll_wait(filp, &t->queue, wait);
	if (mutex_lock_killable(&t->lock))
		return EPOLLERR;
	if (t->mode && transfer_has_ended(t))
		events = EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&t->lock);
	return events;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = open_file,
	.release = release_file,
	.unlocked_ioctl = ioctl_file,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = poll_file,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KVM_MTE_DEVICE,
	.fops = &fops,
	.mode = 0600,
};

/**
 * transfer_init - create /dev/kvm_mte
 *
 * Context: module init, when VMs are registered; may sleep.
 * Return: 0 or the error of misc_register().
 */
int transfer_init(void)
{
	return misc_register(&device);
}

/**
 * transfer_exit - remove /dev/kvm_mte
 *
 * Context: module exit; no file is open; may sleep.
 */
void transfer_exit(void)
{
	misc_deregister(&device);
}
