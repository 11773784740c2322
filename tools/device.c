// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/kvm_mte, and what its errors mean: include/tags_uapi.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tags.h"

static int cannot_open(int err)
{
	if (err == ENOENT && !is_loaded())
		return not_loaded();
	if (err == ENOENT || err == ENODEV || err == ENXIO)
		complain("this module's version cannot carry tags");
	else if (err == EACCES || err == EPERM)
		complain("only root may read or write tags");
	else
		complain("/dev/" KVM_MTE_DEVICE ": %s", strerror(err));
	return END_ERROR;
}

/**
 * device_open - open the device
 * @dev: not open; the caller calls device_close(), also after an error
 * @mode: what for
 *
 * Return: exit status, after an error message.
 */
int device_open(struct device *dev, enum kvm_mte_mode mode)
{
	char *path = below_root("/dev/" KVM_MTE_DEVICE);

	dev->mode = mode;
	dev->taken = false;
	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	free(path);
	return dev->fd < 0 ? cannot_open(errno) : END_OK;
}

/**
 * device_ioctl - call the kernel
 * @dev: from device_open()
 * @request: KVM_MTE_...
 * @argument: for that
 *
 * Return: 0 or a negative errno.
 */
int device_ioctl(struct device *dev, unsigned long request, void *argument)
{
	while (ioctl(dev->fd, request, argument)) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/**
 * device_take - choose the VM of an open device
 * @dev: from device_open()
 * @vm: the VM
 *
 * Return: 0 or a negative errno; nothing is printed.
 */
int device_take(struct device *dev, const struct vm *vm)
{
	struct kvm_mte_open argument = { .mode = dev->mode };
	int err;

	dev->vm = vm;
	dev->said = klog_said(vm);
	if (strlen(vm->dir) >= sizeof(argument.vm))
		return -ENAMETOOLONG;
	strcpy(argument.vm, vm->dir);
	err = device_ioctl(dev, KVM_MTE_OPEN, &argument);
	dev->taken = !err;
	return err;
}

/**
 * device_ranges - read the VM's memory slots
 * @dev: the device, with a VM
 * @ranges: filled, sorted; the caller calls ranges_free()
 *
 * Return: 0 or a negative errno.
 */
int device_ranges(struct device *dev, struct ranges *ranges)
{
	struct kvm_mte_ranges argument = { .max = 0 };
	int err;

	ranges->range = NULL;
	do {
		argument.max = argument.nr;
		ranges->range = need(realloc(ranges->range,
					     (argument.max + 1) * sizeof(*ranges->range)));
		argument.ranges = (uintptr_t)ranges->range;
		err = device_ioctl(dev, KVM_MTE_RANGES, &argument);
	} while (!err && argument.nr > argument.max);
	ranges->nr = err ? 0 : argument.nr;
	ranges_sort(ranges);
	return err;
}

static const char *busy(const struct device *dev)
{
	if (dev->taken)
		return "its memory is served by a userfaultfd; try again when it is all there";
	switch (dev->mode) {
	case KVM_MTE_SAVE:
		return "it is not stopped, or another program has its tags";
	case KVM_MTE_LOAD:
		return "it is not held and stopped, or another program has its tags";
	case KVM_MTE_LOAD_INCOMING:
		return "it has run already, or another program has its tags";
	default:
		return "another program has its tags";
	}
}

static const char *reason(const struct device *dev, int err)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		return "only root may read or write tags";
	case EINVAL:
		return dev->taken ? "the VM has no MTE any more" : "the VM has no MTE";
	case EBUSY:
		return busy(dev);
	case ENODEV:
	case ENOENT:
		return "the VM is gone";
	case EAGAIN:
		return "the VM has not ended";
	case ESTALE:
		return "its memory slots have changed meanwhile";
	case EIO:
		return "the kernel has freed the VM's memory, or cannot read it from swap";
	case EFAULT:
		return "a part of its memory is not mapped, or cannot hold tags";
	case ENOMEM:
		return "the kernel has not enough memory";
	default:
		return strerror(-err);
	}
}

/**
 * device_complain - print why the kernel has refused something
 * @dev: the device
 * @err: a negative errno
 *
 * Return: END_ERROR.
 */
int device_complain(struct device *dev, int err)
{
	complain_of(dev->vm, "%s", reason(dev, err));
	klog_explain(dev->vm, dev->said);
	return END_ERROR;
}

/**
 * device_close - close the device
 * @dev: from device_open()
 */
void device_close(struct device *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
	dev->taken = false;
}
