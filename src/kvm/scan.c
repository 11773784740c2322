// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds VMs that existed before the module was loaded.  KVM does not export its list of
 * VMs.  But the process that uses a VM has an open file: that of the VM, or that of a vCPU.
 */
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "calls.h"
#include "kvm/scan.h"
#include "policy/policy.h"
#include "vm/vm.h"

/**
 * struct found_vm - a VM seen in a table of open files
 * @list: in scan.found
 * @kvm: the VM; a reference is held
 * @pid: the process that has the table
 * @fd: the descriptor in the table
 * @is_creator: the VM uses the memory of that process
 */
struct found_vm {
	struct list_head list;
	struct kvm *kvm;
	pid_t pid;
	int fd;
	bool is_creator;
};

/**
 * struct scan - a walk over tables of open files
 * @found: list of struct found_vm
 * @task: the task that has the table
 * @err: -ENOMEM if there was no memory to note or register a VM
 */
struct scan {
	struct list_head found;
	struct task_struct *task;
	int err;
};

static struct kvm *vm_of_file(const struct file *file)
{
	const struct kvm_vcpu *vcpu = file->private_data;

	if (file->f_op->unlocked_ioctl == kfn.vm_ioctl)
		return file->private_data;
	if (file->f_op->unlocked_ioctl == kfn.vcpu_ioctl)
		return vcpu->kvm;
	return NULL;
}

static struct found_vm *already_found(const struct scan *scan,
				      const struct kvm *kvm)
{
	struct found_vm *found;

	list_for_each_entry(found, &scan->found, list)
		if (found->kvm == kvm)
			return found;
	return NULL;
}

/* Called with the table's spinlock held, which keeps the file and its VM alive. */
static int note_vm(const void *data, struct file *file, unsigned int fd)
{
	struct scan *scan = (struct scan *)data;
	struct kvm *kvm = vm_of_file(file);
	struct found_vm *found;

	if (!kvm)
		return 0;
	found = already_found(scan, kvm);
	if (found)
		goto note;
	found = kmalloc(sizeof(*found), GFP_ATOMIC);
	if (!found) {
		scan->err = -ENOMEM;
		return 1;
	}
	kvm_get_kvm(kvm);
	found->kvm = kvm;
	found->is_creator = false;
	list_add_tail(&found->list, &scan->found);
note:
	/* Several processes may have the file, but the VM uses the memory of only one. */
	if (found->is_creator)
		return 0;
	found->is_creator = scan->task->mm == kvm->mm;
	found->pid = task_tgid_nr(scan->task);
	found->fd = fd;
	return 0;
}

/*
 * A thread may have its own table (CLONE_THREAD does not imply CLONE_FILES).  So this
 * walks the table of every process, and of every thread that has another table than its
 * process.  A VM that is seen twice is noted once.
 */
static void scan_tasks(struct scan *scan)
{
	struct task_struct *process, *task;

	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (task != process && task->files == process->files)
			continue;
		scan->task = task;
		/* Keeps task->files. */
		task_lock(task);
		if (task->files && !scan->err)
			iterate_fd(task->files, 0, note_vm, scan);
		task_unlock(task);
	}
	rcu_read_unlock();
}

/**
 * scan_vms - register the VMs that exist already
 *
 * The hooks must be armed.  They register VMs that are created while this runs.
 *
 * Context: module init; may sleep.
 * Return: 0; -ENOMEM if not all VMs could be registered.
 */
int scan_vms(void)
{
	struct scan scan = { .found = LIST_HEAD_INIT(scan.found) };
	struct found_vm *found, *next;

	scan_tasks(&scan);
	list_for_each_entry_safe(found, next, &scan.found, list) {
		if (!scan.err && !registry_add(found->kvm, found->kvm->userspace_pid,
					       found->pid, found->fd, policy_of_existing_vm()))
			scan.err = -ENOMEM;
		/* If this is the last reference, the VM is destroyed, and a hook removes it. */
		kvm_put_kvm(found->kvm);
		kfree(found);
	}
	if (scan.err)
		pr_err("not loaded: a VM that exists already cannot be registered\n");
	return scan.err;
}

/* Finds the descriptor of a VM's own file. */
static int match_vm(const void *kvm, struct file *file, unsigned int fd)
{
	if (file->f_op->unlocked_ioctl == kfn.vm_ioctl &&
	    file->private_data == kvm)
		return fd + 1;
	return 0;
}

/**
 * scan_own_fd - find the calling process's descriptor of a VM
 * @kvm: the VM
 *
 * Context: process context.
 * Return: the descriptor, or -1 if the process has none.
 */
int scan_own_fd(const struct kvm *kvm)
{
	return iterate_fd(current->files, 0, match_vm, kvm) - 1;
}
