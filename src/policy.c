// SPDX-License-Identifier: GPL-2.0
/*
 * Policy: what becomes of VMs that are made from now on.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/ratelimit.h>
#include <linux/string.h>

#include "state.h"

/*
 * Longest wait, in milliseconds, for a vCPU that is in an ioctl just now.  Short:
 * our caller may hold slots_lock, which that ioctl may be waiting for.
 */
#define LEAVE_TRIES	100

enum policy { POLICY_REQUEST, POLICY_ON, POLICY_OFF };

static const char * const words[] = {
	[POLICY_REQUEST] = "request",
	[POLICY_ON] = "on",
	[POLICY_OFF] = "off",
};

static enum policy policy_default = POLICY_REQUEST;

/**
 * policy_parse - set the default policy
 * @word: request, on or off; a newline at the end is allowed
 *
 * Context: any.
 * Return: 0, or -EINVAL for any other word: then nothing has changed.
 */
int policy_parse(const char *word)
{
	int i = sysfs_match_string(words, word);

	if (i < 0) {
		pr_notice_ratelimited("policy: not one of request, on, off\n");
		return -EINVAL;
	}
	WRITE_ONCE(policy_default, i);
	return 0;
}

/**
 * policy_word - the default policy
 *
 * Return: its word.
 */
const char *policy_word(void)
{
	return words[READ_ONCE(policy_default)];
}

/**
 * policy_apply - a VM has just been made: does policy turn it on?
 * @vm: the VM
 *
 * Context: the ioctl that made it; may sleep.
 */
void policy_apply(struct mte_vm *vm)
{
	/* Failing leaves it off and running, with the reason in the log. */
	if (READ_ONCE(policy_default) == POLICY_ON &&
	    READ_ONCE(vm->origin) == ORIGIN_NONE)
		vm_set(vm, true, ORIGIN_POLICY);
}

static int try_leave_policy(struct mte_vm *vm, const struct kvm_vcpu *self)
{
	struct kvm *kvm = vm->kvm;
	int nr, err = -EPERM;

	if (READ_ONCE(vm->origin) != ORIGIN_POLICY || vcpus_have_run(kvm))
		return -EPERM;
	nr = vcpus_hold(kvm, self);
	if (nr < 0)
		return nr;
	raw_spin_lock(&vm->lock);
	if (nr != atomic_read(&kvm->online_vcpus))
		err = -EAGAIN;
	else if (vm->state == VM_ON && vm->origin == ORIGIN_POLICY && !vcpus_have_run(kvm))
		err = vm_set_at_once(vm, false, ORIGIN_POLICY);
	raw_spin_unlock(&vm->lock);
	vcpus_release(kvm, nr, self);
	return err;
}

/**
 * vm_leave_policy - turn a VM off again that only policy turned on
 * @vm: the VM, which turns out to need what MTE forbids
 * @self: the vCPU whose mutex the caller holds, NULL if none
 *
 * Policy never breaks a VM: before its first run it goes back to off.
 *
 * Context: may sleep.
 * Return: true if the VM is off now; false if it is not policy's, has run, or
 * another vCPU is busy, and the caller must refuse.
 */
bool vm_leave_policy(struct mte_vm *vm, struct kvm_vcpu *self)
{
	int tries, err = -EAGAIN;

	for (tries = 0; tries < LEAVE_TRIES; tries++) {
		err = try_leave_policy(vm, self);
		if (err != -EAGAIN)
			break;
		usleep_range(500, 1000);
	}
	if (!err)
		sysfs_vm_changed(vm);
	return !err;
}

static ssize_t default_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", policy_word());
}

static ssize_t default_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t len)
{
	return policy_parse(buf) ?: len;
}

struct kobj_attribute policy_default_attr = __ATTR_RW(default);
