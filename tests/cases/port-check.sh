#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tests/port-check calling a kernel ready that is not, or the other way round; naming the wrong function or the wrong
# reason; failing to read one of the kinds of kernel files.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

FIX=$TESTS/fixtures/port-check
WORK=$RUN_DIR/port-check
mkdir -p "$WORK"
cd "$WORK" || exit

# check [ARG...] - runs port-check. SAID: its output for programs; STATUS: its exit status.
check() {
	STATUS=0
	SAID=$("$TESTS/port-check" --tsv "$@" 2>"$WORK/stderr") || STATUS=$?
}

word() { sed -n 's/^verdict\t\([^\t]*\).*/\1/p' <<<"$SAID"; }
step() { sed -n 's/^verdict\t[^\t]*\t//p' <<<"$SAID"; }
names() { sed -n 's/^kernel\t//p' <<<"$SAID"; }
rows() { grep -c '^function' <<<"$SAID"; }
fact() { sed -n "s/^fact\t$1\t//p" <<<"$SAID"; }
notes() { sed -n 's/^note\t//p' <<<"$SAID"; }
functions() { awk -F '\t' '$1 == "function" { print $2 }' <<<"$SAID" | xargs; }

# broken - the functions that do not fit: name, found, traceable, prototype, detail.
broken() {
	awk -F '\t' '$1 == "function" && ($4 != "yes" || $5 == "no" || $6 == "differs") { print $2, $4, $5, $6 ": " $8 }' \
		<<<"$SAID"
}

# ready NAME / refused WORD NAME - the answer of the last check.
ready() {
	is "$STATUS $(word)" "0 ready" "$1: ready"
	is "$(broken)" "" "$1: nothing is broken"
}

refused() { is "$STATUS $(word)" "1 $1" "$2: $1"; }

# --- a kernel made for this, with one thing broken at a time ---

# vmlinux [WORD] - makes ./vmlinux.
vmlinux() {
	local objects=(kernel.o)
	"${CROSS}gcc" -c -O2 -gbtf -ffreestanding -fpatchable-function-entry=2 ${1:+"-D$1"} -o kernel.o "$FIX/kernel.c" ||
		bail "the fixture does not compile"
	if [[ ${1:-} == TWICE ]]; then
		"${CROSS}gcc" -c -O2 -ffreestanding -fpatchable-function-entry=2 -o second.o "$FIX/second.c"
		objects+=(second.o)
	fi
	"${CROSS}ld" -e 0 -Ttext=0xffff800010010000 -o vmlinux "${objects[@]}" || bail "the fixture does not link"
}

# fixture WORD WANTED NAME - a kernel built with WORD: WANTED is broken, and nothing else.
fixture() {
	vmlinux "$1"
	check --source "$FIX/module" vmlinux
	refused port "$3"
	is "$(broken)" "$2" "$3: it is named"
}

vmlinux
check --source "$FIX/module" vmlinux
ready "the fixture as it is"
is "$(names)" 5.10.0-fixture "its version"
is "$(rows)" 6 "its functions"
fixture RENAMED "kvm_arch_vcpu_put missing - -: renamed? kvm_vcpu_arch_put has the same prototype" "a renamed function"
fixture CHANGED "kvm_reset_vcpu yes yes differs: is int (struct kvm_vcpu *, unsigned long), wanted int (struct kvm_vcpu *)" \
	"another parameter"
fixture RESULT "kvm_handle_sys_reg yes yes differs: is unsigned long (struct kvm_vcpu *), wanted int (struct kvm_vcpu *)" \
	"another result"
fixture INLINED "free_huge_page missing - -: renamed, or inlined by the compiler" "an inlined function"
fixture CLONED "swap_readpage missing - -: the compiler has changed it: swap_readpage.isra.0" "a clone of a function"
fixture NOTRACE "swap_readpage yes no ok: notrace, or written in assembly" "a function that cannot be traced"
fixture TWICE "kvm_handle_sys_reg not unique unknown ok: 2 functions have this name" "a name that is not unique"

vmlinux ASSEMBLY
check --source "$FIX/module" vmlinux
ready "a function in assembly that is only called"
for reason in 'CFI cfi' 'KASAN kasan-hw-tags'; do
	vmlinux "${reason% *}"
	check --source "$FIX/module" vmlinux
	refused "${reason#* }" "by its functions"
done

# Tables for kernels that have guest MTE, and for all.
cp -r "$FIX/module" both
printf '\n#define HOOKS_MORE(X)\t\\\n\tX(kvm_arch_vcpu_load, ALL, ALWAYS, 0, "seven")\n' >>both/src/hook_table.c
vmlinux NATIVE=1
check --source both vmlinux
ready "a table for guest MTE"
like "$(step)" 'native backend' "it names the native backend"
is "$(functions)" "split_page kvm_arch_vcpu_load" "it checks the functions for such kernels only"
vmlinux
check --source both vmlinux
is "$STATUS $(rows)" "0 7" "without guest MTE in KVM it checks the other functions"

# Functions and prototypes that differ between kernels: one of the alternatives is enough.
native() {
	vmlinux "NATIVE=$1"
	check --source "$FIX/module" vmlinux
	ready "$3"
	is "$(functions)" "$2" "$3: these functions are checked"
}
native 1 split_page "one of two functions"
native 2 "split_page set_id_reg" "with another prototype, and a function that not all kernels have"
native 3 folio_split "the other function"
fixture NATIVE=4 "split_page yes yes differs: is void (struct page *, long), wanted void (struct page *, int) or void (struct page *)" \
	"none of the prototypes"
fixture NATIVE=5 "folio_split missing - -: renamed, or inlined by the compiler" "neither of the functions"

# --- configurations ---

vmlinux
# config WORD OPTION=VALUE NAME
config() {
	{ printf 'CONFIG_%s=y\n' ARM64 64BIT MMU KVM ARM64_MTE KPROBES MODULES DYNAMIC_FTRACE_WITH_REGS | grep -v "^CONFIG_${2%=*}=" || true
	printf 'CONFIG_%s\n' "$2"; } >config
	check --source "$FIX/module" --config config vmlinux
	if [[ $1 == ready ]]; then ready "$3"; else refused "$1" "$3"; fi
}
config ready X=y "a configuration"
config no-kvm KVM=n "without KVM"
config no-mte ARM64_MTE=n "without MTE"
config kasan-hw-tags KASAN_HW_TAGS=y "with KASAN_HW_TAGS"
config cfi CFI_CLANG=y "with CFI"
config no-kprobes KPROBES=n "without kprobes"
config no-modules MODULES=n "without modules"
config ready DYNAMIC_FTRACE_WITH_REGS=n "without ftrace"
like "$(step)" 'hook=kprobe' "and says how to load it there"
vmlinux NOTRACE
check --source "$FIX/module" --config config vmlinux
ready "without ftrace nothing needs to be traceable"

# A kernel that fits, with a remark.
vmlinux
config ready HUGETLB_PAGE_OPTIMIZE_VMEMMAP=y "with hugetlb vmemmap optimisation"
like "$(notes)" 'hugetlb pages .*HUGETLB_PAGE_OPTIMIZE_VMEMMAP' "a note says so"
config ready HUGETLB_PAGE_FREE_VMEMMAP=y "with the older name of that option"
is "$(fact 'hugetlb vmemmap optimisation')" yes "the older name counts, too"
config ready LIVEPATCH_WO_FTRACE=y "with livepatches that rewrite text"
like "$(notes)" 'livepatch.* without ftrace .*LIVEPATCH_WO_FTRACE' "a note says so"
config ready TRIM_UNUSED_KSYMS=y "with few symbols exported"
like "$(notes)" 'TRIM_UNUSED_KSYMS.*--headers' "a note says so, and how to find out more"
config ready X=y "without these options"
is "$(notes)" "" "there is no note"
for reason in 'KLP livepatch without ftrace' 'VMEMMAP hugetlb vmemmap optimisation'; do
	vmlinux "${reason%% *}"
	check --source "$FIX/module" vmlinux
	is "$STATUS $(fact "${reason#* }")" "0 yes" "${reason#* }: by its functions"
done

# make savedefconfig leaves out options that have their default. An option that is missing may be on.
vmlinux
printf 'CONFIG_%s=y\n' KVM X >defconfig
check --source "$FIX/module" --config defconfig vmlinux
ready "a minimal configuration"
is "$(fact KVM) $(fact MTE) $(fact modules)" "yes yes unknown" "options that it lacks are looked up in the kernel, or unknown"
like "$(notes)" '^defconfig .*savedefconfig' "a note says so"
echo '# CONFIG_ARM64_MTE is not set' >>defconfig
check --source "$FIX/module" --config defconfig vmlinux
refused no-mte "a minimal configuration that says no"

# --- the source of a kernel without BTF ---

mkdir -p tree/virt/kvm tree/mm tree/include/uapi/linux
touch tree/include/uapi/linux/kvm.h
cat >tree/virt/kvm/kvm_main.c <<'EOF'
int kvm_reset_vcpu(struct kvm_vcpu *vcpu);	/* void kvm_reset_vcpu(void) { } */
int kvm_reset_vcpu(struct kvm_vcpu *vcpu)
{
	return kvm_handle_sys_reg(vcpu, 0);
}
static __always_inline int
kvm_handle_sys_reg(struct kvm_vcpu
		   *v, long why)
{
}
EOF
cat >tree/mm/page_io.c <<'EOF'
#ifdef ONE
int swap_readpage(struct page *page, bool synchronous) {}
#else
void swap_readpage(struct page *page) {}
#endif
EOF
"${CROSS}objcopy" -R .BTF vmlinux plain
# prototypes REGEX - of the functions of such names: name, prototype, detail.
prototypes() { awk -F '\t' '$1 == "function" { print $2, $6, $8 }' <<<"$SAID" | sed 's/ *$//' | grep -E "$1"; }
check --source "$FIX/module" plain
refused unknown "without BTF and source"
check --source "$FIX/module" --kernel-source tree plain
is "$(prototypes 'reset|sys_reg|put')" "kvm_arch_vcpu_put unknown
kvm_reset_vcpu ok
kvm_handle_sys_reg differs is int (struct kvm_vcpu *, long), wanted int (struct kvm_vcpu *)" "prototypes are read from source"
like "$(prototypes swap)" 'unknown the source has several: .*void \(struct page \*\)' "a function with two definitions is unknown, and both are named"

# --- compressed kernels ---

vmlinux
gzip -k vmlinux
check --source "$FIX/module" vmlinux.gz
ready "compressed by gzip"
zstd -q vmlinux
check --source "$FIX/module" vmlinux.zst
ready "compressed by zstd"
# The header of an EFI stub that unpacks a kernel: magic, offset and size of the compressed kernel.
python3 -c 'import struct, sys
packed = open("vmlinux.gz", "rb").read()
sys.stdout.buffer.write(b"MZ\0\0zimg" + struct.pack("<II", 64, len(packed)) + bytes(48) + packed + b"more")' >zboot
check --source "$FIX/module" zboot
ready "inside an EFI stub"

# --- wrong usage ---

unreadable() {
	check "${@:2}"
	is "$STATUS" 2 "$1"
	like "$(cat stderr)" '^port-check: |^usage: ' "and it says so in one line"
	is "$SAID" "" "and writes nothing to standard output"
}
echo junk >junk
unreadable "no kernel" junk
unreadable "no such file" nowhere
unreadable "no kernel's source" --source "$FIX/module" --kernel-source nowhere vmlinux
unreadable "an x86 program" /bin/true
unreadable "an unknown option" --junk
printf '0 T %s\n' _stext kvm_reset_vcpu >zeros.fixture
unreadable "a list of symbols without addresses" --symbols zeros.fixture
printf 'ffffffffffffffff B The real System.map is in another package\n' >System.map
unreadable "a stub of a System.map" --symbols System.map
unreadable "exported symbols without headers" --symvers config vmlinux

# --- real kernels ---

h='' k='' rt='' none='' six='' other=''
mkdir rt-build cfi-build
headers h 5.10
kernel k 5.10
if full; then kernel rt 5.10-rt; fi
# The rows of the tables, without those for kernels with guest MTE only.
WANTED=$(grep -hE '^\s+X\([a-z]' "$TOP/src/hook_table.c" "$TOP/src/calls.c" | grep -cE ', (ALL|INJECT),')

check "$k/vmlinuz" --headers "$h/build"
ready "Debian's 5.10"
is "$(rows)" "$WANTED" "every row of the module's tables"
is "$(names)" "$(cat "$k/release")" "its version"
is "$(awk -F '\t' '$1 == "function" && $3 == "hook" && $5 != "yes" { print $2 }' <<<"$SAID")" "" "every hook can be traced"
like "$(step)" "make KDIR=$h/build" "and says how to build"
check "$k/vmlinuz"
ready "Debian's 5.10, from the image alone"
awk -F '\t' '$1 == "function" { printf "%x T %s\n", 4096 + 16 * NR, $2 }' <<<"$SAID" >all.fixture
awk -F '\t' '$1 == "function" { print $2 }' <<<"$SAID" >traceable
# Built without CONFIG_EFI: the branch to the entry comes first, then a word of zeros.
PYTHONPATH=$TESTS/port-check.d python3 -B -c 'import gzip, image, struct, sys
data = bytearray(image.unpack(open(sys.argv[1], "rb").read()))
struct.pack_into("<II", data, 0, struct.unpack_from("<I", data, 4)[0] + 1, 0)
sys.stdout.buffer.write(gzip.compress(data, 0))' "$k/vmlinuz" >noefi.gz
whole=$(grep ^function <<<"$SAID")
check noefi.gz
is "$(grep ^function <<<"$SAID")" "$whole" "the same without an EFI stub"
check --headers "$h/build"
refused unknown "headers alone"
if full; then
	check "$rt/vmlinuz"
	refused no-kvm "Debian's 5.10 for real time"
	like "$(step)" 'no KVM in this kernel' "in words"
	headers none 5.10-rt
	check --headers "$none/build"
	refused no-kvm "its headers alone"
	cp -r "$TOP"/{Kbuild,Makefile,dkms.conf,include,src} rt-build/
	cross_make -C rt-build KDIR="$none/build" >rt.log 2>&1
	isnt $? 0 "the module does not build for it"
	like "$(cat rt.log)" 'error.*built without KVM \(CONFIG_KVM\)' "with the same reason"
fi
cp -r "$TOP"/{Kbuild,Makefile,dkms.conf,include,src} cfi-build/
cross_make -C cfi-build KDIR="$h/build" KCFLAGS=-DCONFIG_CFI_CLANG=1 >cfi.log 2>&1
isnt $? 0 "the module does not build for a kernel with CFI"
like "$(cat cfi.log)" 'error.*checks where indirect calls go \(CFI\)' "with its reason"

# Kernels with guest MTE: the rows for all kernels, and those for repairs and for registers that KVM sets up once.
for row in "6.1 free_huge_page rmap_walk rmap_walk_locked split_page_memcg" "6.12 free_huge_folio kvm_calculate_traps rmap_walk rmap_walk_locked split_page_memcg" \
	"6.12-16k free_huge_folio kvm_calculate_traps rmap_walk rmap_walk_locked split_page_memcg" "7.2 folio_split_memcg_refs kvm_calculate_traps"; do
	name=${row%% *}
	[[ " ${KERNELS:-$name} " == *" $name "* ]] || continue
	full || [[ $name != 6.12* ]] || continue
	kernel other "$name"
	check "$other/vmlinuz"
	ready "Debian's $name"
	like "$(step)" '^ready, native backend' "with its own guest MTE"
	is "$(functions | tr ' ' '\n' | grep -E 'split|huge|rmap|traps' | sort | xargs)" "${row#* }" "the functions that differ between kernels"
done
headers six 6.1
kernel other 6.1
check "$other/vmlinuz" --headers "$six/build"
ready "Debian's 6.1 and its headers"
unlike "$(step)" unknown "all prototypes are as expected"

# Headers with another prototype than the handlers have.
cp -al "$h" differs
hdr=$(echo differs/usr/src/linux-headers-*-common/arch/arm64/include/asm/kvm_pgtable.h)
sed -i 's/u64 phys, enum kvm_pgtable_prot prot,$/u64 phys, u64 prot,/' "$hdr"
mkdir -p "$(echo differs/usr/src/linux-headers-*-common/include/trace)/hooks"
for word in one two; do
	cat >"$(echo differs/usr/src/linux-headers-*-common/include/trace/hooks)/$word.h" <<-EOF
	#undef TRACE_SYSTEM
	#define TRACE_SYSTEM vendor
	#undef TRACE_INCLUDE_PATH
	#define TRACE_INCLUDE_PATH trace/hooks
	#undef TRACE_INCLUDE_FILE
	#define TRACE_INCLUDE_FILE $word
	#if !defined(_HOOK_$word) || defined(TRACE_HEADER_MULTI_READ)
	#define _HOOK_$word
	#include <linux/tracepoint.h>
	DECLARE_TRACE(vendor_$word, TP_PROTO(int cpu), TP_ARGS(cpu));
	#endif
	#include <trace/define_trace.h>
	EOF
	sed -i "0,/^#include/s//#include <trace\/hooks\/$word.h>\n&/" "${hdr%/arch/*}/include/linux/kvm_host.h"
done
check --headers differs/build
is "$(broken | grep ' differs: ' | sed 's/, wanted .*//')" "kvm_pgtable_stage2_map unknown unknown differs: is int (struct \
kvm_pgtable *, u64, u64, u64, u64, struct kvm_mmu_memory_cache *)" "the prototype that differs in the headers"
like "$(broken)" ' wanted .*int \(struct kvm_pgtable \*, u64, u64, u64, enum kvm_pgtable_prot, struct kvm_mmu_memory_cache \*\)' \
	"and what it should be"
refused port "headers with another prototype"

# The module creates its tracepoints after it has included all kernel headers, because some vendors' kernel headers include
# trace headers. A module that creates them first does not build there.
cp -r "$FIX/module" early
sed -i -e '/^#define CREATE_TRACE_POINTS/d' -e 's/^#include <linux.module.h>/#define CREATE_TRACE_POINTS\n&/' early/src/main.c
check --source early --headers differs/build vmlinux
refused headers "headers that include tracepoints, and a module that creates these too"
like "$(step)" "redefinition of 'str__vendor__" "with what the compiler says"

# Symbols that are exported for the modules of the vendor only.
sed -i 's/^CONFIG_X=y/CONFIG_TRIM_UNUSED_KSYMS=y/' config
grep -vP '\tfget\t' "$h/build/Module.symvers" >symvers
check --source "$FIX/module" --headers "$h/build" --config config --symvers symvers vmlinux
refused exports "a symbol that is not exported"
like "$(step)" ': fget \(CONFIG_TRIM_UNUSED_KSYMS' "it names this symbol, and no other"
is "$(notes)" "" "nothing else is said"

# As copied from a running machine: a list of symbols, and a list of the functions that ftrace can trace.
printf 'ffffff T %s\n' register_kprobe ftrace_set_filter_ip >>all.fixture
check --symbols all.fixture --traceable traceable --headers "$h/build"
ready "lists instead of an image"
sed -i '/^kvm_arch_vcpu_ioctl_run$/d' traceable
grep -v ' kvm_arch_vcpu_destroy$' all.fixture >some.fixture
check --symbols some.fixture --traceable traceable --headers "$h/build" --config defconfig
is "$(fact modules)" yes "a minimal configuration does not replace the headers' own"
is "$(broken)" "kvm_arch_vcpu_ioctl_run yes no ok: notrace, or written in assembly
kvm_arch_vcpu_destroy missing - -: the headers declare it: inlined, or not built in" "functions that these lists lack"

done_testing
