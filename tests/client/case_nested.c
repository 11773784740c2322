// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs for nested virtualization, which cannot have MTE. */
#include <errno.h>

#include "client.h"

#ifndef KVM_CAP_ARM_EL2
#define KVM_CAP_ARM_EL2		240
#endif
#define HAS_EL2			(1u << 7)

static struct vm *furnished(void)
{
	struct vm *vm = vm_create();

	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	vcpu_create(vm);
	return vm;
}

CASE(nested,
     "vCPUs for nested virtualization in a VM with MTE")
{
	struct vm *vm;

	if (kvm_check(kvm_dev(), KVM_CAP_ARM_EL2) <= 0) {
		skip("the host has no nested virtualization", "nested vCPUs");
		return 0;
	}
	vm = furnished();
	is_text(module_read(vm, "state"), opt.policy == POLICY_ON ? "on" : "off", "state at first");
	is_text(errno_name(vcpu_try_init(&vm->vcpu[0], HAS_EL2)), "0", "initialising a nested vCPU");
	is_text(module_read(vm, "state"), "off", "the VM is off");
	is_text(errno_name(module_enable(vm, true)), "EINVAL", "MTE cannot be turned on");
	is_text(module_read(vm, "state"), "off", "it is still off");
	is_text(errno_name(vcpu_try_init(&vm->vcpu[0], HAS_EL2)), "0", "initialising it again");
	vm_destroy(vm);

	vm = furnished();
	vcpu_init(&vm->vcpu[0]);
	is_text(errno_name(module_enable(vm, true)), "0", "a VM without nested vCPUs can be turned on");
	is_text(module_read(vm, "state"), "on", "that VM is on");
	vm_destroy(vm);

	vm = furnished();
	is_text(errno_name(module_enable(vm, true)), "0", "a VM whose vCPU is not initialised yet can, too");
	is_text(errno_name(vcpu_try_init(&vm->vcpu[0], HAS_EL2)), "EINVAL", "that vCPU cannot be nested then");
	is_text(module_read(vm, "state"), "on", "the VM stays on");
	vcpu_init(&vm->vcpu[0]);
	vm_destroy(vm);
	return 0;
}
