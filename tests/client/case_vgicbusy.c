// SPDX-License-Identifier: GPL-2.0-only
/* The knob is written while the VMM creates its VM. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "client.h"
#include "life.h"

static struct vm *vm;
static bool stop, begun;

static void *turn(void *unused)
{
	long n = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		if (module_enable(vm, !(n & 1)))
			break;
		n++;
		__atomic_store_n(&begun, true, __ATOMIC_RELEASE);
	}
	/* Also if it has failed: nobody may wait for it then. */
	__atomic_store_n(&begun, true, __ATOMIC_RELEASE);
	(void)unused;
	return (void *)n;
}

static int vgic_create(void)
{
	struct kvm_create_device dev = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };

	return kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, &dev) ?: (int)dev.fd;
}

/* An ioctl that locks all vCPUs: it reads a register of the distributor */
static int vgic_read(int fd)
{
	u32 val;
	struct kvm_device_attr attr = {
		.group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
		.attr = 8,
		.addr = (unsigned long)&val,
	};

	return kvm_ioctl(fd, KVM_GET_DEVICE_ATTR, &attr);
}

static void vgic_init(int fd)
{
	u64 dist = 0x8000000, redist = 0x80a0000;
	struct kvm_device_attr attr[] = {
		{ .group = KVM_DEV_ARM_VGIC_GRP_ADDR, .attr = KVM_VGIC_V3_ADDR_TYPE_DIST,
		  .addr = (unsigned long)&dist },
		{ .group = KVM_DEV_ARM_VGIC_GRP_ADDR, .attr = KVM_VGIC_V3_ADDR_TYPE_REDIST,
		  .addr = (unsigned long)&redist },
		{ .group = KVM_DEV_ARM_VGIC_GRP_CTRL, .attr = KVM_DEV_ARM_VGIC_CTRL_INIT },
	};
	size_t i;
	int r;

	for (i = 0; i < sizeof(attr) / sizeof(attr[0]); i++) {
		r = kvm_ioctl(fd, KVM_SET_DEVICE_ATTR, &attr[i]);
		if (r)
			die("vGIC, attribute %zu: %s", i, errno_name(r));
	}
}

CASE(vgicbusy,
     "ioctls of the VMM that fail because the VM is turned on and off meanwhile")
{
	unsigned int r, busy = 0, other = 0, rounds = rounds_or(3000);
	pthread_t knob;
	void *turned;
	int fd, err;

	module_needed();
	vm = vm_off(8);
	fd = vgic_create();
	if (fd < 0)
		die("KVM_CREATE_DEVICE: %s", errno_name(fd));
	vgic_init(fd);
	pthread_create(&knob, NULL, turn, NULL);
	for (r = 0; r < rounds; r++) {
		err = vgic_read(fd);
		busy += err == -EBUSY;
		other += err && err != -EBUSY;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(knob, &turned);
	diag("the knob was written %ld times during %u ioctls", (long)turned, rounds);
	ok((long)turned > 10, "the VM was turned on and off meanwhile");
	is(busy, 0, "no ioctl of the vGIC found a vCPU busy");
	is(other, 0, "none failed otherwise");
	vm_destroy(vm);
	return 0;
}

static bool has_tags(struct vcpu *v)
{
	vcpu_cmd(v, CMD_TAG_FILL, GUEST_DATA, GUEST_DATA + 4096, 3);
	return vcpu_cmd(v, CMD_TAG_READ, GUEST_DATA, GUEST_DATA + 4096);
}

CASE(newvcpu,
     "a vCPU that is created while the VM is turned on and off, and differs from the VM's state")
{
	unsigned int r, wrong = 0, rounds = rounds_or(30);
	long turns = 0;
	pthread_t knob;
	void *turned;
	bool on;
	int i;

	module_needed();
	for (r = 0; r < rounds; r++) {
		stop = begun = false;
		vm = vm_create();
		vm_load_guest(vm);
		vm_memory(vm, opt.mem, opt.size);
		pthread_create(&knob, NULL, turn, NULL);
		while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
			usleep(100);
		for (i = 0; i < 8; i++)
			vcpu_init(vcpu_create(vm));
		__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
		pthread_join(knob, &turned);
		turns += (long)turned;
		on = module_read(vm, "state")[1] == 'n';
		for (i = 0; i < 8; i++)
			wrong += has_tags(&vm->vcpu[i]) != on;
		vm_destroy(vm);
	}
	diag("the knob was written %ld times in %u VMs", turns, rounds);
	ok(turns >= rounds, "VMs were turned on and off while they got vCPUs");
	is(wrong, 0, "vCPUs that differ from the VM's state");
	return 0;
}
