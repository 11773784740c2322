// SPDX-License-Identifier: GPL-2.0-only
/* 32-bit vCPUs, which cannot have MTE. */
#include <errno.h>

#include "client.h"

#define EL1_32BIT	(1u << KVM_ARM_VCPU_EL1_32BIT)

static struct vm *furnished(struct vm *vm)
{
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, opt.size);
	vcpu_create(vm);
	return vm;
}

static void init_with_mte(void)
{
	struct vm *vm = furnished(vm_new());
	struct vcpu *v = &vm->vcpu[0];

	is_text(errno_name(vcpu_try_init(v, EL1_32BIT)), opt.on ? "EINVAL" : "0",
		"initialising a 32-bit vCPU");
	if (opt.on) {
		/* Newer kernels fix a VM's vCPU features with the first try. */
		vcpu_init(v);
		is(guest_pfr1(v) & PFR1_MTE, host_pfr1() & PFR1_MTE,
		   "the vCPU runs as a 64-bit one, with MTE");
	}
	vm_destroy(vm);
}

static void knob_with_32bit(void)
{
	struct vm *vm = furnished(vm_create());
	struct vcpu *v = &vm->vcpu[0];

	is_text(errno_name(vcpu_try_init(v, EL1_32BIT)), "0",
		"initialising a 32-bit vCPU of a VM that is off");
	is_text(errno_name(module_enable(vm, true)), "EINVAL", "MTE cannot be turned on");
	is_text(module_read(vm, "state"), "off", "the VM is still off");
	is_text(module_read(vm, "origin"), "none", "its origin is none");
	is_text(errno_name(vcpu_try_init(v, EL1_32BIT)), "0", "initialising it again");
	vm_destroy(vm);
}

/* A change is pending, and the VMM tries to initialise the vCPU as a 32-bit one. */
static void pending_and_32bit(void)
{
	struct vm *vm = furnished(vm_create());
	struct vcpu *v = &vm->vcpu[0];

	vcpu_init(v);
	vcpu_cmd(v, CMD_NOP);
	is_text(errno_name(module_enable(vm, true)), "0", "turning on after a run");
	is_text(errno_name(vcpu_try_init(v, EL1_32BIT)), "EINVAL", "a 32-bit vCPU while a change is pending");
	is_text(module_read(vm, "state"), "turning-on", "the change is still pending");
	vm_destroy(vm);
}

/* KVM refuses other features than those of the first init, so the policy need not give way. */
static void again_as_32bit(void)
{
	struct vm *vm = furnished(vm_create());
	struct vcpu *v = &vm->vcpu[0];

	vcpu_init(v);
	is_text(module_read(vm, "state"), "on", "policy has turned the VM on");
	is_text(errno_name(vcpu_try_init(v, EL1_32BIT)), "EINVAL", "a 64-bit vCPU cannot become a 32-bit one");
	is_text(module_read(vm, "state"), "on", "the VM is still on");
	vm_destroy(vm);
}

CASE(aarch32,
     "32-bit vCPUs in a VM with MTE")
{
	if (kvm_check(kvm_dev(), KVM_CAP_ARM_EL1_32BIT) <= 0) {
		skip("the host has no 32-bit guests", "32-bit vCPUs");
		return 0;
	}
	if (opt.policy == POLICY_ON && !module_injects())
		again_as_32bit();
	init_with_mte();
	if (opt.enable == ENABLE_SYSFS) {
		knob_with_32bit();
		if (module_injects())
			pending_and_32bit();
	}
	return 0;
}
