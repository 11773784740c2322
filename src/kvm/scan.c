// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds VMs that existed before the module was loaded.  KVM does not export its list of
 * VMs.  But the process that uses a VM has an open file: that of the VM, or that of a vCPU.
 */
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "calls.h"
#include "kvm/scan.h"
#include "policy/policy.h"
#include "vm/vm.h"

/* Descriptors of a table that are looked at in one go, with locks held. */
#define SCAN_CHUNK	4096

/* Log2 of the number of VMs, and of tables of open files, that are found fast. */
#define FOUND_BITS	10
#define WALKED_BITS	10

/**
 * struct found_vm - a VM seen in a table of open files
 * @list: in scan.found
 * @node: in scan.by_kvm
 * @kvm: the VM; a reference is held
 * @pid: the process that has the table
 * @fd: the descriptor in the table
 * @is_creator: the VM uses the memory of that process
 */
struct found_vm {
	struct list_head list;
	struct hlist_node node;
	struct kvm *kvm;
	pid_t pid;
	int fd;
	bool is_creator;
};

/**
 * struct walked - a table of open files that has been walked
 * @task: the task whose table it was; a reference is held.  NULL if this is not used.
 * @files: the table; only compared with
 */
struct walked {
	struct task_struct *task;
	const struct files_struct *files;
};

/**
 * struct scan - a walk over tables of open files
 * @found: list of struct found_vm
 * @by_kvm: the same, by VM
 * @walked: tables, each at the hash of its address; of two with the same hash the last one
 * @task: the task that has the table
 * @err: -ENOMEM if there was no memory to note or register a VM, -EINTR if loading is killed
 */
struct scan {
	struct list_head found;
	DECLARE_HASHTABLE(by_kvm, FOUND_BITS);
	struct walked walked[1 << WALKED_BITS];
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

	hash_for_each_possible(scan->by_kvm, found, node, (unsigned long)kvm)
		if (found->kvm == kvm)
			return found;
	return NULL;
}

/* Called with the table's spinlock held, which keeps the file and its VM alive. */
static void note_vm(struct scan *scan, const struct file *file, unsigned int fd)
{
	struct kvm *kvm = vm_of_file(file);
	struct found_vm *found;

	if (!kvm)
		return;
	found = already_found(scan, kvm);
	if (found)
		goto note;
	found = kmalloc(sizeof(*found), GFP_ATOMIC);
	if (!found) {
		scan->err = -ENOMEM;
		return;
	}
	kvm_get_kvm(kvm);
	found->kvm = kvm;
	found->is_creator = false;
	list_add_tail(&found->list, &scan->found);
	hash_add(scan->by_kvm, &found->node, (unsigned long)kvm);
note:
	/* Several processes may have the file, but the VM uses the memory of only one. */
	if (found->is_creator)
		return;
	found->is_creator = scan->task->mm == kvm->mm;
	found->pid = task_tgid_nr(scan->task);
	found->fd = fd;
}

/* Walks a part of the task's table.  Returns where to go on, or 0 at its end. */
static unsigned int scan_chunk(struct scan *scan, unsigned int fd)
{
	struct files_struct *files;
	unsigned int end, max = 0;
	struct fdtable *table;
	struct file *file;

	/* Keeps task->files. */
	task_lock(scan->task);
	files = scan->task->files;
	if (!files)
		goto unlock;
	spin_lock(&files->file_lock);
	table = files_fdtable(files);
	max = table->max_fds;
	for (end = min(fd + SCAN_CHUNK, max); fd < end && !scan->err; fd++) {
		file = rcu_dereference_check_fdtable(files, table->fd[fd]);
		if (file)
			note_vm(scan, file, fd);
	}
	spin_unlock(&files->file_lock);
unlock:
	task_unlock(scan->task);
	return fd < max && !scan->err ? fd : 0;
}

/*
 * Many processes may share a table (CLONE_FILES does not imply CLONE_THREAD), and it may be
 * large.  Has the table been walked for a task that still has it, and has the same memory?
 */
static bool was_walked(const struct walked *walked, const struct task_struct *task)
{
	return walked->task && walked->files == READ_ONCE(task->files) &&
	       READ_ONCE(walked->task->files) == walked->files &&
	       READ_ONCE(walked->task->mm) == READ_ONCE(task->mm);
}

static void note_walked(struct walked *walked, struct task_struct *task)
{
	if (walked->task)
		put_task_struct(walked->task);
	walked->task = get_task_struct(task);
	walked->files = READ_ONCE(task->files);
}

static void scan_task(struct scan *scan, struct task_struct *task)
{
	const struct files_struct *files = READ_ONCE(task->files);
	struct walked *walked = &scan->walked[hash_ptr(files, WALKED_BITS)];
	unsigned int fd = 0;

	if (was_walked(walked, task))
		return;
	note_walked(walked, task);
	scan->task = task;
	do {
		fd = scan_chunk(scan, fd);
		cond_resched();
	} while (fd);
}

/* The task with the lowest number from @nr on, with a reference.  @nr becomes its number. */
static struct task_struct *next_task_from(int *nr)
{
	struct task_struct *task = NULL;
	struct pid *pid;

	rcu_read_lock();
	while (!task) {
		pid = idr_get_next(&init_pid_ns.idr, nr);
		if (!pid)
			break;
		task = pid_task(pid, PIDTYPE_PID);
		if (task)
			get_task_struct(task);
		else
			++*nr;
	}
	rcu_read_unlock();
	return task;
}

/*
 * A thread may have its own table (CLONE_THREAD does not imply CLONE_FILES).  So this
 * looks at every thread.
 *
 * Any user may have many tasks, large tables and many VMs.  So no lock is held for longer than a
 * part of a table needs, and the scheduler gets its turn after each part.  Meanwhile a process
 * may be created with a number that has had its turn, and may inherit a VM from a process that
 * ends.  KVM gives it no use of that VM (kvm->mm).
 */
static void scan_tasks(struct scan *scan)
{
	struct task_struct *task;
	int nr = 0;

	while (!scan->err && (task = next_task_from(&nr))) {
		scan_task(scan, task);
		put_task_struct(task);
		nr++;
		if (!scan->err && fatal_signal_pending(current))
			scan->err = -EINTR;
	}
}

static void free_scan(struct scan *scan)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scan->walked); i++)
		if (scan->walked[i].task)
			put_task_struct(scan->walked[i].task);
	kvfree(scan);
}

/**
 * scan_vms - register the VMs that exist already
 *
 * The hooks must be armed.  They register VMs that are created while this runs.
 *
 * Context: module init; may sleep.
 * Return: 0; -ENOMEM if not all VMs could be registered; -EINTR if the caller is killed.
 */
int scan_vms(void)
{
	struct scan *scan = kvzalloc(sizeof(*scan), GFP_KERNEL);
	struct found_vm *found, *next;
	int err;

	if (!scan)
		return -ENOMEM;
	INIT_LIST_HEAD(&scan->found);
	scan_tasks(scan);
	err = scan->err;
	list_for_each_entry_safe(found, next, &scan->found, list) {
		if (!err && !registry_add(found->kvm, found->kvm->userspace_pid,
					  found->pid, found->fd, policy_of_existing_vm()))
			err = -ENOMEM;
		/* If this is the last reference, the VM is destroyed, and a hook removes it. */
		kvm_put_kvm(found->kvm);
		kfree(found);
		cond_resched();
	}
	free_scan(scan);
	if (err == -ENOMEM)
		pr_err("not loaded: a VM that exists already cannot be registered\n");
	return err;
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
