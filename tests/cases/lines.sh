#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a module that does not compile for a kernel that no suite of Debian has (5.11 to 5.13, 6.11), that compiles for a kernel
# whose guest MTE it cannot switch (5.14 to 6.0, 6.2 to 6.10), or that is refused there without the right reason; DKMS that builds for
# a kernel that the build refuses, or skips another one. The headers of
# 5.10, 6.1 and 6.12 are changed as those of the other kernels differ (table: bed/lines). The changes are what Kbuild looks for and
# what the module uses, not all that differs. So this does not show that the module compiles with those kernels' own headers.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"
. "$TESTS/bed/changed.sh"

WORK=$RUN_DIR/lines
mkdir -p "$WORK"
cd "$WORK" || exit

ASM=arch/arm64/include/asm

# --- what differs from 5.10 ---

# 5.11, 6ac4a5ac50d1: kvm_coproc.h is gone, and kvm_host.h has its prototypes.
sysreg_prototypes() {
	local moved
	moved=$(grep -E '^(int|void|unsigned long) kvm_.*;$' "$COMMON/$ASM/kvm_coproc.h")
	after $ASM/kvm_host.h 'int kvm_arm_set_reg(' "$moved"
	rm "$COMMON/$ASM/kvm_coproc.h"
}

# 5.11, e650b64f1a56: hyp/exception.c computes PSTATE, with a function that no header declares.
late_pstate() {
	after $ASM/kvm_host.h '#define KVM_ARM64_GUEST_HAS_PTRAUTH' '#define KVM_ARM64_PENDING_EXCEPTION (1 << 8)
#define KVM_ARM64_EXCEPT_MASK (7 << 9)'
	CALLED=kvm_inject_exception
}

# 5.11, d19ad0775dcd and a25d036d939a: a callback of ftrace gets struct ftrace_regs, and the flag that says that it may recurse has
# the opposite meaning and another name.
ftrace_regs() {
	edited include/linux/ftrace.h 's/^([ \t]+struct ftrace_ops \*op, struct )pt_regs \*regs\);/\1ftrace_regs *fregs);/' \
		's/^typedef void \(\*ftrace_func_t\)/struct ftrace_regs { struct pt_regs regs; };\n&/' \
		's/^typedef void \(\*ftrace_func_t\)/#define ftrace_get_regs(fregs) (\&(fregs)->regs)\n&/' \
		's/FTRACE_OPS_FL_RECURSION_SAFE/FTRACE_OPS_FL_RECURSION/'
}

# 5.11, 3d2403fd10a1: arm64 has no set_fs().
no_set_fs() {
	edited $ASM/uaccess.h '/^static inline void set_fs/,/^\}/d' '/^#define (get_fs|uaccess_kernel|user_addr_max)\>/d'
	edited $ASM/thread_info.h '/^typedef .* mm_segment_t;/d' 's/mm_segment_t/unsigned long/'
	configured SET_FS=n
}

# 5.12, 8f251a3d5ce3: a hugetlb page that is in use has a flag of its own.
hpage_flags() {
	after include/linux/hugetlb.h 'struct user_struct;' '#define HPAGEFLAG(uname, flname) \
static inline int HPage##uname(struct page *page) { return test_bit(HPG_##flname, &page->private); }
enum hugetlb_page_flags { HPG_migratable };
HPAGEFLAG(Migratable, migratable)'
}

# 5.13 (5.13-rc4, then 5.12.y), f5e30680616a: that function has a wrapper, which a header declares.
adjust_pc() {
	after $ASM/kvm_asm.h 'extern int __kvm_vcpu_run' 'extern void __kvm_adjust_pc(struct kvm_vcpu *vcpu);'
	CALLED=__kvm_adjust_pc
}

# 5.13, cfb1a98de7a9.
kvm_arch() {
	edited $ASM/kvm_host.h '/^struct kvm_s2_mmu \{/,/^\};/s/struct kvm \*kvm;/struct kvm_arch *arch;/'
	# shellcheck disable=SC2016 # sed's own
	edited $ASM/kvm_mmu.h 's/\(mmu->kvm\)->arch\./(mmu->arch)->/' \
		'$s/^/#define kvm_s2_mmu_to_kvm(mmu) container_of((mmu)->arch, struct kvm, arch)\n/'
}

# 5.13, e37f37a0e780.
void_cache() { edited $ASM/kvm_pgtable.h 's/struct kvm_mmu_memory_cache \*mc/void *mc/'; }

# --- what differs from Debian's 6.1 ---

# Until 5.17: 06394531b425 made it a bit, in 5.18.
bool_flag() {
	edited $ASM/kvm_host.h 's/^#define KVM_ARCH_FLAG_MTE_ENABLED.*/\tbool mte_enabled;/' \
		's/test_bit\(KVM_ARCH_FLAG_MTE_ENABLED, &\(kvm\)->arch\.flags\)/(kvm)->arch.mte_enabled/'
}

# Until 6.3: it came in 6.4, and in updates of 6.1 and 6.3 ("KVM: arm64: Use config_lock to protect data ordered against KVM_RUN").
no_config_lock() { edited $ASM/kvm_host.h '/struct mutex config_lock;/d'; }

# Until 6.1: it came in 6.2, and in an update of 6.1 (e059853d14ca).
no_page_test() { edited $ASM/mte.h '/^static inline (bool|void) (set_)?page_mte_tagged/,/^\}/d'; }

# 6.2, d77e59a8fccd.
page_lock() {
	after $ASM/mte.h 'void mte_zero_clear_page_tags' \
		'static inline bool try_page_mte_tagging(struct page *page) { return !page_mte_tagged(page); }'
	edited $ASM/mte.h 's/^bool mte_restore_tags/void mte_restore_tags/'
	edited $ASM/pgtable.h '/^static inline void arch_swap_restore/,/^\}/s/ && (mte_restore_tags\(.*\))\)/)\n\t\t\1;\n\tif (false)/'
}

# 6.3, 7af0c2534f4c.
own_clidr() { after $ASM/kvm_host.h '	MPIDR_EL1,' '	CLIDR_EL1,'; }

# 6.5, "KVM: arm64: Save ID registers' sanitized value per guest".
id_array() {
	after $ASM/kvm_host.h 'struct kvm_arch {' '#define KVM_ARM_ID_REG_NUM 56
	u64 id_regs[KVM_ARM_ID_REG_NUM];'
}

# 6.5, "arm64: mte: Simplify swap tag restoration logic".
no_old_pte() { edited $ASM/mte.h 's/(mte_sync_tags\()pte_t old_pte, /\1/'; }

# 5.14: KVM's guest MTE.
no_guest_mte() {
	edited include/uapi/linux/kvm.h '/^#define KVM_(CAP_ARM_MTE|ARM_MTE_COPY_TAGS)\>/d'
	edited arch/arm64/include/uapi/asm/kvm.h '/^struct kvm_arm_copy_mte_tags/,/^\};/d' '/^#define KVM_ARM_TAGS_/d'
	edited $ASM/kvm_host.h '/^long kvm_vm_ioctl_mte_copy_tags/,/;/d'
}

# What the backend inject uses in the form of 5.10, which 6.1 does not have: 69e3b846d8a7 (5.14), other names of generated constants (6.1), and,
# after 5.13, flags of a vCPU in another form, and two prototypes in a header of KVM's own.
old_names() {
	edited $ASM/mte.h 's/(mte_sync_tags\(pte_t )old_pte, /\1*ptep, /'
	edited $ASM/pgtable.h 's/(mte_sync_tags\()old_pte, /\1ptep, /'
	after $ASM/sysreg.h '#define GMID_EL1_BS_SIZE' '#define SYS_GMID_EL1_BS_SIZE 4
#define ID_AA64PFR1_MTE_SHIFT 8'
	after $ASM/kvm_host.h 'struct kvm_vcpu_arch {' '	bool sysregs_loaded_on_cpu;'
	after $ASM/kvm_host.h 'int kvm_arm_set_reg(' 'int kvm_arm_sys_reg_get_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_arm_sys_reg_set_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);'
}

# --- what differs from Debian's 6.12 ---

# 6.10 and 6.11: cb10c28ac82c took follow_pfn() away, and 6.12 brought follow_pfnmap_start().
follow_pte() {
	edited include/linux/mm.h '/^struct follow_pfnmap_args/,/^\};/d' '/^int follow_pfnmap_start/d' \
		's/^void follow_pfnmap_end.*/int follow_pte(struct vm_area_struct *vma, unsigned long addr, pte_t **pte, spinlock_t **lock);/'
	printf '0x00000000\tfollow_pte\tvmlinux\tEXPORT_SYMBOL_GPL\t\n' >exports
	cat "$OWN/Module.symvers" >>exports
	rm "$OWN/Module.symvers"
	mv exports "$OWN/Module.symvers"
}

# Until 6.12: struct ftrace_regs has the registers itself. 7888af4166d4 (6.13, and Debian's 6.12) hides them.
direct_regs() {
	edited $ASM/ftrace.h '/^#define arch_ftrace_regs\(/d' 's/arch_ftrace_regs\((fregs)\)/(\1)/g' 's/__arch_ftrace_regs/ftrace_regs/' \
		's/(struct ftrace_regs \*afregs = )/\1(void *)/'
	edited include/linux/ftrace.h '/^struct ftrace_regs \{/,/^\};/d' 's/__arch_ftrace_regs/ftrace_regs/'
}

# --- the table ---

# shellcheck disable=SC2016 # make's own
words() { kbuild_says '$(patsubst -D%,%,$(filter -DHAVE_%,$(ccflags-y)))'; }
# shellcheck disable=SC2016
backend() { kbuild_says '$(patsubst src/%/inject.o,%,$(patsubst src/%/native.o,%,$(filter %/inject.o %/native.o,$(kvm_mte-y))))'; }
# complaints NAME - what the compiler says of the module, not of the kernel's headers
complaints() { grep -E 'warning|error|ERROR|\*\*\*' "$1.log" | grep -vE "^(.*/)?$1/usr/src/"; }
# reasons NAME - the #errors of the module
reasons() { grep -oE 'error "kvm_mte: [^"]*' "$1.log" | sort -u; }

# compiles NAME RESULT
compiles() {
	is "$(backend)" "$2" "it has the backend $2"
	is "$(dkms_conf)" builds "DKMS builds it"
	# The headers of 6.12 do not have the script with which W=1 checks kernel-doc. The case style does that.
	build "$1" W=1 cmd_checkdoc=: modules
	is "$STATUS: $(complaints "$1")" "0: " "it compiles without warnings (W=1)"
	[[ -z $CALLED ]] || like "$(strings "$1-build/kvm_mte.ko")" "^$CALLED\$" "it calls $CALLED()"
}

# refuses NAME REASON
refuses() {
	build "$1" src/native/native.o
	isnt "$STATUS" 0 "it is not built"
	like "$(reasons "$1")" "^error \"kvm_mte: $2" "with the reason: $2"
	is "$(reasons "$1" | wc -l)" 1 "and no other"
	is "$(dkms_conf)" skips "DKMS skips it"
}

# as_they_are KERNEL - the words of Kbuild for the headers as they are, in KERNEL.words
as_they_are() {
	[[ ! -e $1.words ]] || return 0
	headers_copy "$1" "$1"
	words >"$1.words"
}

line() {
	local releases=$1 tier=$2 base=$3 result=$4 facts=$5 wanted=$6 fact name=${1%%,*}
	[[ $tier == quick ]] || full || return 0
	name=${name// /-}
	diag "$releases: the headers of $base, with $facts"
	as_they_are "$base"
	headers_copy "$base" "$name"
	CALLED=
	for fact in $facts; do
		"$fact"
	done
	is "$(diff "$base.words" <(words) | sed -n 's/^> /+/p; s/^< /-/p' | LC_ALL=C sort | xargs)" "$wanted" "$releases: what Kbuild finds"
	kernel_tools ROOT "$base"
	case $result in
	inject | native) compiles "$name" "$result" ;;
	*) refuses "$name" "$result" ;;
	esac
}

while IFS=$'\t' read -r -a row <&3; do
	line "${row[@]}"
done 3< <(grep -v '^#' "$TESTS/bed/lines")

# The other bound of 5.11 to 5.13: does the backend inject compile with the headers of 6.1 too? Then what it uses differs from 5.10 to 6.1
# in the words of Kbuild and in old_names() only, and the rows above do not miss another difference that has stayed.
if full; then
	diag "5.10 to 6.1: the headers of 6.1, with no_guest_mte old_names"
	headers_copy 6.1 bound
	no_guest_mte
	old_names
	CALLED=__kvm_adjust_pc ROOT=
	compiles bound inject
fi

done_testing
