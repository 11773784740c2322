// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions that KVM injects: UNDEFINED instructions and aborts. */
#include <sys/auxv.h>

#include "client.h"

#define PSR_TCO		(1UL << 25)
#define EC_UNKNOWN	0
#define EC_IABT		0x21
#define EC_DABT		0x25

#ifndef HWCAP_PACA
#define HWCAP_PACA	(1 << 30)
#endif
#ifndef HWCAP_SVE
#define HWCAP_SVE	(1 << 22)
#endif

static const char *const dc_name[] = {
	[PROVOKE_IGSW] = "DC IGSW",
	[PROVOKE_IGDSW] = "DC IGDSW",
	[PROVOKE_CGSW] = "DC CGSW",
	[PROVOKE_CGDSW] = "DC CGDSW",
	[PROVOKE_CIGSW] = "DC CIGSW",
	[PROVOKE_CIGDSW] = "DC CIGDSW",
};

CASE(dcgsw,
     "tag cache maintenance by set/way that is UNDEFINED with MTE")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	/* KVM's own guest MTE has them since 6.6. */
	bool works = opt.on && (module_injects() || host_kernel() >= KERNEL(6, 6));
	int i;

	for (i = PROVOKE_IGSW; i <= PROVOKE_CIGDSW; i++) {
		vcpu_cmd(v, CMD_PROVOKE, i);
		is(v->mb->exc.count, !works, "%s %s", dc_name[i], works ? "works" : "is UNDEFINED");
		if (v->mb->exc.count)
			is(ESR_EC(v->mb->exc.esr), EC_UNKNOWN, "with the exception class of an UNDEFINED instruction");
	}
	if (!opt.on) {
		vm_destroy(v->vm);
		return 0;
	}
	vm_tag_fill(v, opt.seed);
	for (i = PROVOKE_IGSW; i <= PROVOKE_CIGDSW; i++)
		vcpu_cmd(v, CMD_PROVOKE, i);
	is(vm_tag_verify(v, opt.seed), 0, "tags are the same after them");
	vm_destroy(v->vm);
	return 0;
}

static void check_injected(struct vcpu *v, const char *what, u64 ec, bool before)
{
	struct exception *e = &v->mb->exc;

	is(e->count, 1, "%s: one exception", what);
	is(ESR_EC(e->esr), ec, "%s: its class", what);
	is(!!(e->tco & PSR_TCO), opt.on, "%s: PSTATE.TCO at the vector is %d", what, opt.on);
	is(!!(e->spsr & PSR_TCO), before, "%s: SPSR_EL1.TCO is %d as before", what, before);
}

static void provoke(struct vcpu *v, const char *what, enum provoke how, u64 ec)
{
	int before;

	for (before = 0; before < 2; before++) {
		vcpu_cmd(v, CMD_PROVOKE, how, before);
		check_injected(v, what, ec, before);
	}
}

/* An external abort that the VMM asks for, between two instructions of the guest */
static void by_vmm(struct vcpu *v)
{
	struct kvm_vcpu_events ev = { .exception.ext_dabt_pending = 1 };
	u64 pstate, none[6] = { 0 };
	int before;

	for (before = 0; before < 2; before++) {
		pstate = reg_must_get(v, REG_CORE(regs.pstate)) & ~PSR_TCO;
		reg_must_set(v, REG_CORE(regs.pstate), pstate | (before ? PSR_TCO : 0));
		v->mb->exc.count = 0;
		v->mb->armed = ARM_STAY;
		is(kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &ev), 0, "KVM_SET_VCPU_EVENTS");
		vcpu_try_cmd(v, CMD_NOP, none);
		v->mb->armed = ARM_NONE;
		check_injected(v, "abort asked for by the VMM", EC_DABT, before);
	}
}

CASE(tco,
     "exceptions injected with the wrong PSTATE.TCO")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];

	if (!host_mte_present()) {
		skip("the CPU has no PSTATE.TCO", "PSTATE.TCO of injected exceptions");
		return 0;
	}
	vcpu_cmd(v, CMD_PROVOKE, PROVOKE_NOTHING);
	is(v->mb->exc.count, 0, "no exception without a reason");
	if (getauxval(AT_HWCAP) & HWCAP_PACA)
		provoke(v, "pointer authentication key", PROVOKE_PTRAUTH_KEY, EC_UNKNOWN);
	else
		skip("the CPU has no pointer authentication", "pointer authentication key");
	if (getauxval(AT_HWCAP) & HWCAP_SVE)
		provoke(v, "SVE instruction", PROVOKE_SVE, EC_UNKNOWN);
	else
		skip("the CPU has no SVE", "SVE instruction");
	provoke(v, "instruction fetch from unbacked memory", PROVOKE_FETCH, EC_IABT);
	provoke(v, "page table walk in unbacked memory", PROVOKE_WALK, EC_DABT);
	by_vmm(v);
	vm_destroy(v->vm);
	return 0;
}
