# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Builds what is under test: the module (out of tree, the checkout stays clean) and the KVM client.
#
# KVM_MTE_MODULE    a kvm_mte.ko to test instead of the one that the sources give

# module VAR KERNEL - VAR/kvm_mte.ko; the output of the compiler is in VAR/make.log.
module() {
	local -n module_ref=$1
	local h t
	if [[ -n ${KVM_MTE_MODULE:-} ]]; then
		module_ref=$RUN_DIR/module
		mkdir -p "$module_ref"
		: >"$module_ref/make.log"
		cp "$KVM_MTE_MODULE" "$module_ref/kvm_mte.ko" || die "KVM_MTE_MODULE: no file $KVM_MTE_MODULE"
		return
	fi
	[[ -e $TOP/Kbuild ]] || die "no Kbuild in $TOP: nothing to test"
	headers h "$2"
	kernel_tools t "$2"
	cached module_ref "module-$2" "$(key "$BED/module.sh" "${h##*/}" "${t##*/}" "$TOP/Kbuild" "$TOP/Makefile" \
		"$TOP/dkms.conf" "$TOP/include" "$TOP/src")" module_build "$t" "$h/build"
}

module_build() {
	local part
	for part in Kbuild Makefile dkms.conf include src; do
		if [[ -e $TOP/$part ]]; then cp -r "$TOP/$part" .; fi
	done
	kernel_make "$1" -j"$(nproc)" KDIR="$2" >make.out 2>&1 || {
		cat make.out >&2
		die "the module does not build"
	}
	build_log make.out >make.log
	# Warnings are only shown here. The case style builds with W=1.
	cat make.log >&2
	[[ -e kvm_mte.ko ]] || die "the build left no kvm_mte.ko"
}

# build_log FILE - the output of make, without what the kernel's build says of any module that is built on another machine.
build_log() {
	sed -e '/^warning: the compiler differs from the one used to build the kernel/,/^ *You are using:/d' \
		-e '/^Skipping BTF generation for .* due to unavailability of vmlinux/d' "$1"
}

# fixtures VAR KERNEL - VAR/*.ko: the modules of tests/fixtures for the kernel; the output of the compiler is in VAR/make.log.
fixtures() {
	local -n fixtures_ref=$1
	local h t
	if other_kernel "$2" && [[ ! -e $KVM_MTE_KERNEL/build ]]; then
		fixtures_ref=$RUN_DIR/no-fixtures
		mkdir -p "$fixtures_ref"
		: >"$fixtures_ref/make.log"
		return
	fi
	headers h "$2"
	kernel_tools t "$2"
	cached fixtures_ref "fixtures-$2" "$(key "$BED/module.sh" "${h##*/}" "${t##*/}" "$TESTS"/fixtures/*/*.c \
		"$TESTS"/fixtures/*/Kbuild)" fixtures_build "$2" "$t" "$h/build"
}

fixtures_build() {
	local kbuild name words like
	like=$(kernel_like "$1")
	: >make.log
	for kbuild in "$TESTS"/fixtures/*/Kbuild; do
		name=$(basename "$(dirname "$kbuild")")
		words=" $(directive "$kbuild" kernels "$1") "
		[[ $words == *" $1 "* || ( -n $like && $words == *" $like "* ) ]] || continue
		cp -r "$TESTS/fixtures/$name" .
		kernel_make "$2" -C "$3" "M=$PWD/$name" modules >make.out 2>&1 || {
			cat make.out >&2
			die "tests/fixtures/$name does not build for $1"
		}
		build_log make.out >>make.log
		mv "$name"/*.ko .
	done
}

# client VAR - VAR/client, the static KVM client
client() {
	local -n client_ref=$1
	[[ -e $TESTS/client/Makefile ]] || { client_ref=; return; }
	cached client_ref client "$(key "$BED/module.sh" "$TESTS/client" "$TOP/include/tags_uapi.h")" client_build
}

client_build() {
	make -s -C "$TESTS/client" OUT="$PWD" ARCH=arm64 "CROSS_COMPILE=$CROSS" "CC=${CROSS}gcc" >&2 ||
		die "tests/client does not build"
	[[ -x client ]] || die "building tests/client left no program 'client'"
}
