// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM saves the system registers while the guest runs, and writes them back after the guest's
 * reset, as QEMU does.  Meanwhile an admin has turned the VM on or off.
 */
#include <stdlib.h>

#include "client.h"
#include "life.h"

#define VCPUS		2
#define REG_CLIDR	ARM64_SYS_REG(3, 1, 0, 0, 1)
#define KIND		(KVM_REG_ARCH_MASK | KVM_REG_SIZE_MASK | KVM_REG_ARM_COPROC_MASK)

static bool is_sysreg(u64 id)
{
	return (id & KIND) == (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG);
}

static u64 *save(struct vcpu *v, struct kvm_reg_list **list)
{
	struct kvm_reg_list *l = reg_list(v);
	u64 *val = calloc(l->n, sizeof(*val)), i;

	for (i = 0; i < l->n; i++)
		if (is_sysreg(l->reg[i]))
			val[i] = reg_must_get(v, l->reg[i]);
	*list = l;
	return val;
}

static int unreadable(struct vcpu *v, const struct kvm_reg_list *l)
{
	int failed = 0;
	u64 i, val;

	for (i = 0; i < l->n; i++)
		if (is_sysreg(l->reg[i]))
			failed += !!reg_get(v, l->reg[i], &val);
	return failed;
}

static int restore(struct vcpu *v, const struct kvm_reg_list *l, const u64 *val)
{
	int failed = 0, r;
	u64 i;

	for (i = 0; i < l->n; i++) {
		if (!is_sysreg(l->reg[i]))
			continue;
		r = reg_set(v, l->reg[i], val[i]);
		if (r)
			diag("%#llx = %#llx: %s", (long long)l->reg[i], (long long)val[i],
			     errno_name(r));
		failed += !!r;
	}
	return failed;
}

/* A VM that has had MTE from the start, or never, has the right value. */
static u64 right_clidr(bool on)
{
	struct vm *vm = vm_off(1);
	u64 val;

	if (on)
		life_write(vm, true, "to a VM to compare with");
	vcpu_init(&vm->vcpu[0]);
	val = reg_must_get(&vm->vcpu[0], REG_CLIDR);
	vm_destroy(vm);
	return val;
}

static void has(struct vcpu *v, bool on, const char *when)
{
	u64 want = on ? host_pfr1() & PFR1_MTE : 0;

	is(reg_must_get(v, REG_PFR1) & PFR1_MTE, want, "vCPU %d, VMM's ID register %s", v->id,
	   when);
	is(reg_must_get(v, REG_CLIDR), right_clidr(on), "vCPU %d, CLIDR_EL1 %s", v->id, when);
	is(guest_pfr1(v) & PFR1_MTE, want, "vCPU %d, guest's ID register %s", v->id, when);
	vcpu_cmd(v, CMD_MTE_GET);
	is(v->mb->ret[MTE_REGS], !on, "vCPU %d, GCR_EL1 UNDEFINED for the guest %s", v->id, when);
	/* 7.2 hides GMID_EL1 from a guest without MTE, by HCR_EL2.TID5. Earlier kernels do not. */
	if (!on && (module_injects() || host_kernel() < KERNEL(6, 13)))
		return;
	vcpu_cmd(v, CMD_GMID);
	is(v->mb->ret[1], !on, "vCPU %d, GMID_EL1 UNDEFINED for the guest %s", v->id, when);
}

static void refuses_others(struct vcpu *v)
{
	/* 6.12 and later: the ID registers are those of the first run. */
	const char *want = module_injects() || host_kernel() < KERNEL(6, 3) ? "EINVAL" : "EBUSY";
	u64 val = reg_must_get(v, REG_PFR1);

	is_text(errno_name(reg_set(v, REG_PFR1, val ^ PFR1_MTE ^ (1UL << PFR1_MTE_SHIFT))), want,
		"vCPU %d, another value of ID_AA64PFR1_EL1.MTE", v->id);
	is_text(errno_name(reg_set(v, REG_PFR1, val ^ (0xfUL << 4))), want,
		"vCPU %d, another value of ID_AA64PFR1_EL1", v->id);
}

static void written_back(bool on)
{
	const char *when = on ? "(turned on)" : "(turned off)";
	struct vm *vm = vm_off(VCPUS);
	struct kvm_reg_list *list[VCPUS];
	u64 *val[VCPUS];
	int i;

	if (!on)
		life_write(vm, true, "before the first run");
	for (i = 0; i < VCPUS; i++) {
		vcpu_cmd(&vm->vcpu[i], CMD_NOP);
		val[i] = save(&vm->vcpu[i], &list[i]);
	}
	life_write(vm, on, "after a run");
	vm_init_all(vm);
	is_text(module_read(vm, "state"), on ? "on" : "off", "state after the reboot");
	for (i = 0; i < VCPUS; i++) {
		is(unreadable(&vm->vcpu[i], list[i]), 0,
		   "vCPU %d, registers of the list that cannot be read %s", i, when);
		is(restore(&vm->vcpu[i], list[i], val[i]), 0,
		   "vCPU %d, registers that cannot be written back %s", i, when);
		has(&vm->vcpu[i], on, when);
		refuses_others(&vm->vcpu[i]);
		free(list[i]);
		free(val[i]);
	}
	vm_destroy(vm);
}

/* The vCPUs are initialised, but have not run: the VM changes at once. */
static void before_first_run(bool on)
{
	const char *when = on ? "(turned on, no run)" : "(turned off, no run)";
	struct vm *vm = vm_off(1);
	struct vcpu *v = &vm->vcpu[0];
	struct kvm_reg_list *list;
	u64 *val;

	if (!on)
		life_write(vm, true, "after KVM_ARM_VCPU_INIT");
	val = save(v, &list);
	life_write(vm, on, "before the first run");
	is(unreadable(v, list), 0, "registers of the list that cannot be read %s", when);
	is(restore(v, list, val), 0, "registers that cannot be written back %s", when);
	has(v, on, when);
	free(list);
	free(val);
	vm_destroy(vm);
}

/* From a host without MTE and with less of another feature. KVM decides about that feature. */
static void with_less(void)
{
	struct vcpu *off = &vm_off(1)->vcpu[0], *v = &vm_off(1)->vcpu[0];
	u64 val = reg_must_get(off, REG_PFR1) - PFR1_SSBS, after;
	int want = reg_set(off, REG_PFR1, val);

	life_write(v->vm, true, "before the first run");
	after = reg_must_get(v, REG_PFR1);
	is(reg_set(v, REG_PFR1, val), want, "less SSBS and no MTE, as in a VM without MTE");
	if (!want)
		after = val | (host_pfr1() & PFR1_MTE);
	is(reg_must_get(v, REG_PFR1), after, "the VMM's ID register with less SSBS");
	is(guest_pfr1(v), after, "the guest's ID register with less SSBS");
	vm_destroy(v->vm);
	vm_destroy(off->vm);
}

CASE(saved,
     "a VMM that cannot write back the registers it saved before MTE was turned on or off")
{
	module_needed();
	written_back(true);
	written_back(false);
	before_first_run(true);
	before_first_run(false);
	with_less();
	return 0;
}
