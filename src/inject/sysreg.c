// SPDX-License-Identifier: GPL-2.0-only
/*
 * System registers as the guest sees them, where KVM traps the access:
 * ID_AA64PFR1_EL1.MTE, and the set/way cache operations on tags.  The VMM's view:
 * onereg.c.
 */
#include <linux/kvm_host.h>

#include <asm/cpufeature.h>
#include <asm/esr.h>
#include <asm/sysreg.h>

#include "calls.h"
#include "hook/hook.h"
#include "inject/vcpu.h"
#include "vm/vm.h"

/* Set/way operations on tags, ARM DDI 0487 C5.4.  Some kernels do not define them. */
#define SYS_DC_IGSW	sys_insn(1, 0, 7, 6, 4)
#define SYS_DC_IGDSW	sys_insn(1, 0, 7, 6, 6)
#define SYS_DC_CGSW	sys_insn(1, 0, 7, 10, 4)
#define SYS_DC_CGDSW	sys_insn(1, 0, 7, 10, 6)
#define SYS_DC_CIGSW	sys_insn(1, 0, 7, 14, 4)
#define SYS_DC_CIGDSW	sys_insn(1, 0, 7, 14, 6)

/* The encoding of a trapped MSR, MRS or SYS, as in sys_reg(). */
static u32 trapped_encoding(u64 esr)
{
	return sys_reg((esr & ESR_ELx_SYS64_ISS_OP0_MASK) >> ESR_ELx_SYS64_ISS_OP0_SHIFT,
		       (esr & ESR_ELx_SYS64_ISS_OP1_MASK) >> ESR_ELx_SYS64_ISS_OP1_SHIFT,
		       (esr & ESR_ELx_SYS64_ISS_CRN_MASK) >> ESR_ELx_SYS64_ISS_CRN_SHIFT,
		       (esr & ESR_ELx_SYS64_ISS_CRM_MASK) >> ESR_ELx_SYS64_ISS_CRM_SHIFT,
		       (esr & ESR_ELx_SYS64_ISS_OP2_MASK) >> ESR_ELx_SYS64_ISS_OP2_SHIFT);
}

static bool is_tag_set_way(u32 encoding)
{
	switch (encoding) {
	case SYS_DC_IGSW:
	case SYS_DC_IGDSW:
	case SYS_DC_CGSW:
	case SYS_DC_CGDSW:
	case SYS_DC_CIGSW:
	case SYS_DC_CIGDSW:
		return true;
	}
	return false;
}

/* kvm_skip_instr() for AArch64 state.  KVM's own one calls a function that is not exported. */
static void skip_instruction(struct kvm_vcpu *vcpu)
{
	*vcpu_pc(vcpu) += 4;
	*vcpu_cpsr(vcpu) &= ~PSR_BTYPE_MASK;
	/* For a guest that is single-stepped: the instruction has been executed. */
	*vcpu_cpsr(vcpu) &= ~DBG_SPSR_SS;
}

/*
 * The same as for DC *SW on data (sys_regs.c:access_dcsw()).  With forced write-back at
 * stage 2 there is nothing to do.
 */
static int emulate_set_way(struct kvm_vcpu *vcpu)
{
	if (!cpus_have_const_cap(ARM64_HAS_STAGE2_FWB))
		kfn.set_way_flush(vcpu);
	skip_instruction(vcpu);
	return 1;
}

/*
 * A VM without MTE is left alone: KVM's handler of a PMU register waits for locks of perf, and
 * holders of those copy to user space.
 */
static notrace bool runs_mte(const u64 *x)
{
	return vcpu_runs_mte((const struct kvm_vcpu *)x[0]);
}

HOOK_WRAP_IF(kvm_handle_sys_reg, runs_mte, int, (struct kvm_vcpu *vcpu), (vcpu))
{
	u64 esr = kvm_vcpu_get_esr(vcpu);
	bool is_read = esr & ESR_ELx_SYS64_ISS_DIR_READ;
	int rt = kvm_vcpu_sys_get_rt(vcpu);
	u32 encoding = trapped_encoding(esr);
	int ret;

	if (!is_read && is_tag_set_way(encoding))
		return emulate_set_way(vcpu);

	ret = original(kvm_handle_sys_reg)(vcpu);
	if (is_read && encoding == SYS_ID_AA64PFR1_EL1)
		vcpu_set_reg(vcpu, rt, vcpu_get_reg(vcpu, rt) | host_mte_field());
	return ret;
}
