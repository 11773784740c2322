#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a module that does not build for a vendor's kernel or another configuration than Debian's, or would do harm there:
# CONFIG_DEBUG_VM, trace headers in kernel headers, pages of 64 KiB, exceptions whose PSTATE is set late, hugetlb pages with
# shared struct pages. No such kernel runs here: Debian's headers are changed like theirs.
# where: here
# hooks: none
# quick: no
. "$TESTS/bed/here.sh"
. "$TESTS/bed/changed.sh"

WORK=$RUN_DIR/vendors
mkdir -p "$WORK"
cd "$WORK" || exit

# late_pstate, marked_hugetlb - changes of vendors.
late_pstate() {
	after arch/arm64/include/asm/kvm_host.h '#define KVM_ARM64_DEBUG_DIRTY' \
		'#define KVM_ARM64_PENDING_EXCEPTION (1 << 12)
#define KVM_ARM64_EXCEPT_MASK (7 << 9)'
}
marked_hugetlb() {
	after include/linux/hugetlb.h '#define HSTATE_NAME_LEN' \
		'static inline int HPageVmemmapOptimized(struct page *page) { return test_bit(4, &page->private); }'
}

# --- all changes that fit into one kernel ---

headers_copy 5.10 all
configured DEBUG_VM=y HUGETLB_PAGE_OPTIMIZE_VMEMMAP=y
mkdir -p "$COMMON/include/trace/hooks"
cat >"$COMMON/include/trace/hooks/vendor.h" <<'EOL'
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vendor
#define TRACE_INCLUDE_PATH trace/hooks
#if !defined(_TRACE_HOOK_VENDOR_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_HOOK_VENDOR_H
#include <linux/tracepoint.h>
TRACE_EVENT(vendor_hook,
	TP_PROTO(int a), TP_ARGS(a),
	TP_STRUCT__entry(__field(int, a)),
	TP_fast_assign(__entry->a = a;),
	TP_printk("%d", __entry->a)
);
#endif
#include <trace/define_trace.h>
EOL
after include/linux/kvm_host.h '#include <linux/types.h>' '#include <trace/hooks/vendor.h>'
late_pstate
after arch/arm64/include/asm/kvm_asm.h 'extern int __kvm_vcpu_run' 'extern void __kvm_adjust_pc(struct kvm_vcpu *vcpu);'
marked_hugetlb
build all
is "$(cat all.log)" "" "the module builds without warnings for a kernel with all of them"
is "$STATUS" 0 "and it is built"
is "$(dkms_conf)" builds "by DKMS too"
nm all-build/kvm_mte.ko >symbols
unlike "$(cat symbols)" ' U dump_mm' "DEBUG_VM: no function is used that is not exported"
unlike "$(cat symbols)" 'vendor_hook' "trace headers in kernel headers: the module creates none of their tracepoints"
strings all-build/kvm_mte.ko >texts
like "$(cat texts)" '^__kvm_adjust_pc$' "late PSTATE: the kernel's own function sets it"
like "$(cat texts)" 'their struct pages are shared' "hugetlb pages with shared struct pages are refused"

# --- others ---

headers_copy 5.10 early
late_pstate
build early src/calls.o
is "$STATUS: $(cat early.log)" "0: " "late PSTATE as in 5.11: it is compiled"
like "$(strings early-build/src/calls.o)" '^kvm_inject_exception$' "that kernel's function sets it"

headers_copy 5.10 unmarked
for option in HUGETLB_PAGE_FREE_VMEMMAP HUGETLB_PAGE_OPTIMIZE_VMEMMAP; do
	configured HUGETLB_PAGE_FREE_VMEMMAP=n "$option=y"
	build unmarked src/inject/page.o
	isnt "$STATUS" 0 "$option, and such pages have no mark: it is not built"
	like "$(cat unmarked.log)" 'error.*does not say of which' "with the reason"
	is "$(dkms_conf)" skips "and DKMS skips it"
done

headers_copy 5.10 large
configured ARM64_4K_PAGES=n ARM64_64K_PAGES=y ARM64_PAGE_SHIFT=16 ARM64_CONT_SHIFT=5 PGTABLE_LEVELS=3
build large src/inject/copytags.o
is "$STATUS: $(cat large.log)" "0: " "pages of 64 KiB: no frame is too large for the stack"

headers_copy 5.10 no-cgroups
configured CGROUPS=n MEMCG=n MEMCG_SWAP=n MEMCG_KMEM=n BLK_CGROUP=n CGROUP_WRITEBACK=n CGROUP_SCHED=n FAIR_GROUP_SCHED=n \
	CFS_BANDWIDTH=n CGROUP_PIDS=n CGROUP_RDMA=n CGROUP_FREEZER=n CGROUP_HUGETLB=n CPUSETS=n PROC_PID_CPUSET=n CGROUP_DEVICE=n \
	CGROUP_CPUACCT=n CGROUP_PERF=n CGROUP_BPF=n SOCK_CGROUP_DATA=n CGROUP_NET_PRIO=n CGROUP_NET_CLASSID=n BLK_DEV_THROTTLING=n
build no-cgroups src/policy/policy.o src/policy/cgroups.o
is "$STATUS: $(cat no-cgroups.log)" "0: " "without CONFIG_CGROUPS: it is compiled"
unlike "$(nm no-cgroups-build/src/policy/cgroups.o)" ' U hierarchy_' "and uses nothing of cgroups"

headers_copy 5.10 cfi
configured CFI_CLANG=y
is "$(dkms_conf)" skips "CFI, which the build refuses (case port-check): DKMS skips it"
headers_copy 5.10 no-mte
edited arch/arm64/include/asm/mte.h 's/mte_clear_page_tags/mte_none/'
is "$(dkms_conf)" skips "a kernel without MTE, which the build refuses: DKMS skips it"

# --- a vendor's 6.1 with a part of a newer KVM ---

# newer NAME LINE TEXT - TEXT is after LINE in kvm_host.h.
newer() {
	headers_copy 6.1 "$1"
	after arch/arm64/include/asm/kvm_host.h "$2" "$3"
	build "$1" src/native/native.o
	isnt "$STATUS" 0 "$1: it is not built"
	like "$(cat "$1.log")" 'error.*keeps ID registers in a way not supported' "with the reason"
	is "$(dkms_conf)" skips "$1: DKMS skips it"
}
newer array 'struct kvm_arch {' '	u64 id_regs[KVM_ARM_ID_REG_NUM];'
newer clidr '	MPIDR_EL1,' '	CLIDR_EL1,'

done_testing
