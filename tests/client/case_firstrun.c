// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first KVM_RUN of a vCPU may fail half way, here because its PMU is not initialised. The
 * guest has not run, so its VM is turned on or off at once. What KVM has set up by then must not
 * stay.
 */
#include <errno.h>

#include "client.h"
#include "life.h"

#define PMU	(1u << KVM_ARM_VCPU_PMU_V3)

/* No KVM_ARM_VCPU_INIT after this: 6.1 warns of one after a failed run, also without the module. */
static bool fails_half_way(struct vcpu *v)
{
	int r;

	v->run->immediate_exit = 1;
	r = kvm_ioctl(v->fd, KVM_RUN, NULL);
	v->run->immediate_exit = 0;
	is_text(errno_name(r), "EINVAL", "KVM_RUN without a PMU that is ready");
	return r == -EINVAL;
}

static void pmu_ready(struct vcpu *v)
{
	struct kvm_device_attr init = {
		.group = KVM_ARM_VCPU_PMU_V3_CTRL,
		.attr = KVM_ARM_VCPU_PMU_V3_INIT,
	};
	int r = kvm_ioctl(v->fd, KVM_SET_DEVICE_ATTR, &init);

	if (r)
		die("KVM_ARM_VCPU_PMU_V3_INIT: %s", errno_name(r));
}

static struct vcpu *furnished(void)
{
	struct vm *vm = vm_create();

	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	vcpu_init_with(vcpu_create(vm), PMU);
	return &vm->vcpu[0];
}

/* Leaves tags of an earlier owner in the guest's memory. */
static void leave_tags(void)
{
	struct vm *vm = vm_create();

	life_write(vm, true, "to the VM before");
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	vcpu_init(vcpu_create(vm));
	vm_touch(&vm->vcpu[0]);
	vm_tag_fill(&vm->vcpu[0], opt.seed);
	vm_destroy(vm);
}

static void gmid(struct vcpu *v, bool on, const char *when)
{
	if (!on)
		return;
	vcpu_cmd(v, CMD_GMID);
	is(v->mb->ret[1], 0, "GMID_EL1 is not UNDEFINED %s", when);
}

static void judge(struct vcpu *v, bool on, const char *when)
{
	pmu_ready(v);
	life_guest(v, on, when);
	gmid(v, on, when);
	if (!on) {
		vm_touch(v);
		is(vm_tag_count(v), 0, "no tags of the previous owner %s", when);
	}
}

static void turned(bool on)
{
	const char *when = on ? "(on after a failed run)" : "(off after a failed run)";
	struct vcpu *v = furnished();

	if (!on)
		life_write(v->vm, true, "before the first run");
	if (fails_half_way(v)) {
		life_write(v->vm, on, "after the failed run");
		is_text(module_read(v->vm, "state"), on ? "on" : "off", "state %s", when);
		judge(v, on, when);
	}
	vm_destroy(v->vm);
}

static void undone(bool on)
{
	const char *when = on ? "(on, off, on)" : "(off, on, off)";
	struct vcpu *v = furnished();

	if (on)
		life_write(v->vm, true, "before the first run");
	if (fails_half_way(v)) {
		life_write(v->vm, !on, "after the failed run");
		fails_half_way(v);
		life_write(v->vm, on, "after the second one");
		judge(v, on, when);
	}
	vm_destroy(v->vm);
}

/* A VM that policy has turned on gets a slot that cannot hold tags. */
static void policy_gives_way(void)
{
	struct vcpu *v = furnished();
	struct vm *vm = v->vm;
	int r;

	life_is(vm, "on", "policy", "by policy");
	if (fails_half_way(v)) {
		r = vm_slot(vm, 2, GUEST_DATA + (1UL << 30),
			    mem_map(MEM_SHARED_FILE, 1 << 20, NULL), 1 << 20, 0);
		is_text(errno_name(r), "0", "a slot that cannot hold tags is accepted");
		life_is(vm, "off", "none", "after that");
		judge(v, false, "(policy gave way after a failed run)");
	}
	vm_destroy(vm);
}

CASE(firstrun,
     "MTE left over, or missing, in a VM that is turned on or off after its first KVM_RUN failed")
{
	module_needed();
	pin_to(0);
	leave_tags();
	if (opt.policy == POLICY_ON) {
		policy_gives_way();
		return 0;
	}
	turned(false);
	turned(true);
	undone(false);
	undone(true);
	return 0;
}
