// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CAP_ARM_MTE: what KVM_CHECK_EXTENSION answers and what KVM_ENABLE_CAP does, by the policy
 * for this process (--policy). Needs the module.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"
#include "life.h"

#define SIZE		(2UL << 20)
#define EL1_32BIT	(1u << KVM_ARM_VCPU_EL1_32BIT)
#define NO_SUCH_CAP	100000

static const char *const policy_word[] = { "request", "on", "off" };

static void error_is(int r, const char *want, const char *what)
{
	is_text(errno_name(r), want, "%s", what);
}

/* State and origin of a new VM, and of a VM whose VMM has asked */
static void new_is(struct vm *vm, enum policy p, const char *when)
{
	life_is(vm, p == POLICY_ON ? "on" : "off", p == POLICY_ON ? "policy" : "none", when);
}

static void enabled_is(struct vm *vm, enum policy p, const char *when)
{
	life_is(vm, p == POLICY_OFF ? "off" : "on", p == POLICY_OFF ? "none" : "vmm", when);
}

static const char *enable_error(void)
{
	return opt.policy == POLICY_OFF ? "EINVAL" : "0";
}

static void answers(void)
{
	struct vm *vm = vm_create();
	int want = opt.policy != POLICY_OFF;

	is(kvm_check(kvm_dev(), KVM_CAP_ARM_MTE), want, "KVM_CHECK_EXTENSION on /dev/kvm");
	is(kvm_check(vm->fd, KVM_CAP_ARM_MTE), want, "KVM_CHECK_EXTENSION on a VM");
	new_is(vm, opt.policy, "of a new VM");
	vm_enable_mte(vm);
	is(kvm_check(vm->fd, KVM_CAP_ARM_MTE), want, "and after KVM_ENABLE_CAP");
	vcpu_create(vm);
	is(kvm_check(vm->fd, KVM_CAP_ARM_MTE), want, "and with a vCPU");
	is(kvm_check(vm->fd, NO_SUCH_CAP), 0, "a capability that does not exist");
	is(kvm_check(vm->fd, -1), 0, "capability -1");
	is(kvm_check(vm->fd, KVM_CAP_ARM_VM_IPA_SIZE) > 0, 1, "a capability of KVM's own");
	vm_destroy(vm);
}

static void bad_flags(void)
{
	static const u32 flags[] = { 1, 2, 1u << 31, ~0u };
	struct vm *vm = vm_create();
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		is_text(errno_name(cap_enable(vm->fd, KVM_CAP_ARM_MTE, flags[i])), "EINVAL",
			"KVM_ENABLE_CAP with flags %#x", flags[i]);
	error_is(kvm_ioctl(vm->fd, KVM_ENABLE_CAP, NULL), "EFAULT", "without an argument");
	error_is(kvm_ioctl(vm->fd, KVM_ENABLE_CAP, (void *)-4096L), "EFAULT",
		 "with a kernel address");
	new_is(vm, opt.policy, "after refused calls");
	vm_destroy(vm);
}

static void enable_twice(void)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_ARM_MTE };
	struct vm *vm = vm_create();

	error_is(vm_enable_mte(vm), enable_error(), "KVM_ENABLE_CAP");
	enabled_is(vm, opt.policy, "after it");
	error_is(vm_enable_mte(vm), enable_error(), "a second time");
	/* Mainline looks at flags only. */
	for (int i = 0; i < 4; i++)
		c.args[i] = ~0UL;
	error_is(kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &c), enable_error(), "with args set");
	error_is(cap_enable(vm->fd, KVM_CAP_ARM_MTE, 1), "EINVAL", "with flags once it is on");
	enabled_is(vm, opt.policy, "after all these calls");
	vm_destroy(vm);
}

static void guest_sees(void)
{
	struct vm *vm = vm_create();

	vm_enable_mte(vm);
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, SIZE);
	vcpu_create(vm);
	vcpu_create(vm);
	vm_init_all(vm);
	life_guest(&vm->vcpu[0], opt.policy != POLICY_OFF, "(enabled by its VMM)");
	life_guest(&vm->vcpu[1], opt.policy != POLICY_OFF, "(enabled by its VMM)");
	enabled_is(vm, opt.policy, "after a run");
	vm_destroy(vm);
}

/* Too late; as in mainline, also if MTE is on already */
static void after_vcpu(bool enable_before)
{
	const char *when = enable_before ? "it was on" : "it was not asked for";
	struct vm *vm = vm_create();

	if (enable_before)
		vm_enable_mte(vm);
	vcpu_create(vm);
	is_text(errno_name(vm_enable_mte(vm)), "EINVAL", "KVM_ENABLE_CAP with a vCPU, %s", when);
	if (enable_before)
		enabled_is(vm, opt.policy, when);
	else
		new_is(vm, opt.policy, when);
	vm_destroy(vm);
}

static void bad_slot_first(void)
{
	struct vm *vm = vm_create();
	/* KVM's own guest MTE does not check slots that exist already. */
	bool taken = !module_injects() && opt.policy != POLICY_OFF;

	vm_memory(vm, MEM_SHARED_FILE, SIZE);
	is_text(module_read(vm, "state"), "off", "state with a file's memory, not asked for");
	error_is(vm_enable_mte(vm), taken ? "0" : "EINVAL", "KVM_ENABLE_CAP with a file's memory");
	is_text(module_read(vm, "state"), taken ? "on" : "off", "state after that");
	is(vm_slot(vm, 1, GUEST_DATA, vm->data, 0, 0), 0, "the slot is removed");
	error_is(vm_enable_mte(vm), enable_error(), "KVM_ENABLE_CAP then");
	is_text(module_read(vm, "state"), opt.policy == POLICY_OFF ? "off" : "on",
		"state after that");
	vm_destroy(vm);
}

/* The VMM has asked for MTE itself, so the VM keeps it, whatever the policy is. */
static void bad_slot_later(void)
{
	bool on = opt.policy != POLICY_OFF;
	struct vm *vm = vm_create();
	void *p = mem_map(MEM_SHARED_FILE, SIZE, NULL);

	vm_enable_mte(vm);
	error_is(vm_slot(vm, 1, GUEST_DATA, p, SIZE, 0), on ? "EINVAL" : "0",
		 "a file's memory once it has asked");
	enabled_is(vm, opt.policy, "after that");
	munmap(p, SIZE);
	vm_destroy(vm);
}

static void vcpu_32bit(bool enable)
{
	bool refused = enable && opt.policy != POLICY_OFF;
	struct vm *vm = vm_create();

	if (kvm_check(kvm_dev(), KVM_CAP_ARM_EL1_32BIT) <= 0) {
		skip("the host has no 32-bit guests", "a 32-bit vCPU");
	} else {
		if (enable)
			vm_enable_mte(vm);
		is_text(errno_name(vcpu_try_init(vcpu_create(vm), EL1_32BIT)),
			refused ? "EINVAL" : "0", "a 32-bit vCPU, %s",
			enable ? "asked for" : "not asked for");
		is_text(module_read(vm, "state"), refused ? "on" : "off", "state after that");
	}
	vm_destroy(vm);
}

static void with_admin(void)
{
	struct vm *vm = vm_create();

	life_write(vm, true, "by an admin");
	error_is(vm_enable_mte(vm), enable_error(), "KVM_ENABLE_CAP when an admin has turned it on");
	is_text(module_read(vm, "state"), "on", "state after that");
	diag("origin is %s", module_read(vm, "origin"));
	life_write(vm, false, "by an admin");
	is_text(module_read(vm, "state"), "off", "state after that");
	error_is(vm_enable_mte(vm), enable_error(),
		 "KVM_ENABLE_CAP when an admin has turned it off");
	life_is(vm, opt.policy == POLICY_OFF ? "off" : "on",
		opt.policy == POLICY_OFF ? "admin" : "vmm", "after that");
	vm_destroy(vm);
}

static void other_caps(void)
{
	struct vm *vm = vm_create();
	struct vcpu *v;

	error_is(cap_enable(vm->fd, KVM_CAP_ARM_NISV_TO_USER, 0), "0",
		 "KVM_ENABLE_CAP of another capability");
	error_is(cap_enable(vm->fd, KVM_CAP_ARM_NISV_TO_USER, 1), "EINVAL", "with flags");
	error_is(cap_enable(vm->fd, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 0), "0",
		 "of one that is not the architecture's");
	error_is(cap_enable(vm->fd, NO_SUCH_CAP, 0), "EINVAL", "of one that does not exist");
	error_is(cap_enable(vm->fd, KVM_CAP_ARM_MTE + 1, 0), "EINVAL", "of the next number");
	new_is(vm, opt.policy, "after those");
	v = vcpu_create(vm);
	error_is(cap_enable(v->fd, KVM_CAP_ARM_MTE, 0), "EINVAL", "KVM_ENABLE_CAP on a vCPU");
	error_is(cap_enable(kvm_dev(), KVM_CAP_ARM_MTE, 0), "EINVAL", "on /dev/kvm");
	new_is(vm, opt.policy, "at the end");
	vm_destroy(vm);
}

/* A VM keeps the policy that it was created under. /dev/kvm answers by the current policy. */
static void policy_is_fixed(enum policy now)
{
	struct vm *vm = vm_create();

	policy_set_default(policy_word[now]);
	is(kvm_check(kvm_dev(), KVM_CAP_ARM_MTE), now != POLICY_OFF,
	   "created under %s, now %s: /dev/kvm", policy_word[opt.policy], policy_word[now]);
	is(kvm_check(vm->fd, KVM_CAP_ARM_MTE), opt.policy != POLICY_OFF,
	   "created under %s, now %s: the VM", policy_word[opt.policy], policy_word[now]);
	new_is(vm, opt.policy, "when the policy has changed");
	error_is(vm_enable_mte(vm), enable_error(), "KVM_ENABLE_CAP, too");
	enabled_is(vm, opt.policy, "after that");
	policy_set_default(policy_word[opt.policy]);
	vm_destroy(vm);
}

CASE(cap,
     "KVM_CAP_ARM_MTE not answered or not enabled as mainline and the policy say")
{
	int p;

	module_needed();
	answers();
	bad_flags();
	enable_twice();
	guest_sees();
	after_vcpu(false);
	after_vcpu(true);
	bad_slot_first();
	bad_slot_later();
	vcpu_32bit(false);
	vcpu_32bit(true);
	with_admin();
	other_caps();
	if (strcmp(policy_default(), policy_word[opt.policy]))
		return 0;
	for (p = POLICY_REQUEST; p <= POLICY_OFF; p++)
		if (p != (int)opt.policy)
			policy_is_fixed(p);
	return 0;
}
