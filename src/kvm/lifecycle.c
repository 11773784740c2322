// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creation and destruction of VMs.  Every VM is registered before its first vCPU is
 * created.
 */
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/sched.h>

#include "calls.h"
#include "hook/hook.h"
#include "hook/ondemand.h"
#include "kvm/scan.h"
#include "transfer/transfer.h"
#include "vm/backend.h"
#include "vm/vm.h"

/* KVM_CREATE_VM returned @fd.  The descriptor may be another file by now. */
static void add_created_vm(int fd)
{
	struct file *file = fget(fd);
	struct mte_vm *vm;

	if (!file)
		return;
	if (file->f_op->unlocked_ioctl == kfn.vm_ioctl) {
		vm = registry_add(file->private_data, task_pid_nr(current),
				  task_tgid_nr(current), fd,
				  policy_of_current());
		if (vm)
			vm_apply_policy(vm);
	}
	fput(file);
}

static notrace bool creates_vm(const u64 *x)
{
	return (unsigned int)x[1] == KVM_CREATE_VM;
}

/*
 * KVM registers an MMU notifier, and so waits for mmap_lock.  A VMM can hold that lock for ever,
 * for example by a page fault on a file of a FUSE server.  rmmod then waits, and the log names
 * the VMM.  The call does not pin the module: VMs may be created all the time, and rmmod must
 * not be refused for that.
 */
HOOK_WRAP_IF(kvm_dev_ioctl, creates_vm, long,
	     (struct file *filp, unsigned int ioctl, unsigned long arg),
	     (filp, ioctl, arg))
{
	struct hook_wait *wait = hook_wait_begin("kvm_dev_ioctl");
	long ret = original(kvm_dev_ioctl)(filp, ioctl, arg);

	hook_wait_end(wait);
	if (ret >= 0)
		add_created_vm(ret);
	return ret;
}

/*
 * A VM may come here without being registered.  Another thread guessed the descriptor
 * before KVM_CREATE_VM returned, or the VM was being created while the module was loaded, or
 * registry_add() failed.
 */
HOOK_WRAP(kvm_arch_vcpu_precreate, int, (struct kvm *kvm, unsigned int id),
	  (kvm, id))
{
	if (!registry_find(kvm))
		registry_add(kvm, kvm->userspace_pid, task_tgid_nr(current),
			     scan_own_fd(kvm), policy_of_current());
	vm_backend->vcpu_precreate(kvm);
	return original(kvm_arch_vcpu_precreate)(kvm, id);
}

/*
 * No vCPU runs and no MMU notifier is called any more.  The original destroys the vCPUs,
 * and a hook frees their tag registers (inject/vcpu.c).  So the on-demand hooks must stay
 * until the original has returned.
 *
 * The original also frees events of perf.  For that it waits for locks that perf holds while it
 * copies to user space.  So the log names the process if that takes long, as in KVM_CREATE_VM.
 */
HOOK_WRAP_VOID(kvm_arch_destroy_vm, (struct kvm *kvm), (kvm))
{
	struct hook_wait *wait = hook_wait_begin("kvm_arch_destroy_vm");
	struct mte_vm *vm = registry_find(kvm);
	bool holds_hooks = false, opens_hugetlb = false;

	if (vm) {
		transfer_vm_ends(vm);
		vm_unpublish(vm);
		holds_hooks = vm->holds_hooks;
		opens_hugetlb = vm->opens_hugetlb;
		registry_remove(vm);
	}
	original(kvm_arch_destroy_vm)(kvm);
	hook_wait_end(wait);
	if (holds_hooks)
		ondemand_put(HOOK_ON_DEMAND);
	if (opens_hugetlb)
		ondemand_put(HOOK_ON_SLOT);
}
