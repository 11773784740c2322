# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Builds what is under test: the module (out of tree, the checkout stays clean) and the KVM client.
#
# KVM_MTE_MODULE    a kvm_mte.ko to test instead of the one that the sources give

CROSS=aarch64-linux-gnu-

# module VAR KERNEL - VAR/kvm_mte.ko
module() {
	local -n module_ref=$1
	local h
	if [[ -n ${KVM_MTE_MODULE:-} ]]; then
		module_ref=$RUN_DIR/module
		mkdir -p "$module_ref"
		cp "$KVM_MTE_MODULE" "$module_ref/kvm_mte.ko" || die "KVM_MTE_MODULE: no file $KVM_MTE_MODULE"
		return
	fi
	[[ -e $TOP/Kbuild ]] || die "no Kbuild in $TOP: nothing to test"
	headers h "$2"
	cached module_ref "module-$2" "$(key "$BED/module.sh" "${h##*/}" "$TOP/Kbuild" "$TOP/Makefile" \
		"$TOP/dkms.conf" "$TOP/include" "$TOP/src")" module_build "$h/build"
}

module_build() {
	local part
	for part in Kbuild Makefile dkms.conf include src; do
		if [[ -e $TOP/$part ]]; then cp -r "$TOP/$part" .; fi
	done
	make -j"$(nproc)" -s KDIR="$1" ARCH=arm64 "CROSS_COMPILE=$CROSS" "CC=${CROSS}gcc" >make.log 2>&1 || {
		cat make.log >&2
		die "the module does not build"
	}
	# Warnings are for the reader; the build with W=1 is another target's job.
	cat make.log >&2
	[[ -e kvm_mte.ko ]] || die "the build left no kvm_mte.ko"
}

# fixtures VAR KERNEL - VAR/*.ko, the modules of tests/fixtures
fixtures() {
	local -n fixtures_ref=$1
	local h
	headers h "$2"
	cached fixtures_ref "fixtures-$2" "$(key "$BED/module.sh" "${h##*/}" "$TESTS/fixtures")" fixtures_build "$h/build"
}

fixtures_build() {
	local kbuild name
	for kbuild in "$TESTS"/fixtures/*/Kbuild; do
		name=$(basename "$(dirname "$kbuild")")
		cp -r "$TESTS/fixtures/$name" .
		make -s -C "$1" "M=$PWD/$name" ARCH=arm64 "CROSS_COMPILE=$CROSS" "CC=${CROSS}gcc" modules >make.log 2>&1 || {
			cat make.log >&2
			die "tests/fixtures/$name does not build"
		}
		mv "$name"/*.ko .
	done
}

# client VAR - VAR/client, the static KVM client
client() {
	local -n client_ref=$1
	[[ -e $TESTS/client/Makefile ]] || { client_ref=; return; }
	cached client_ref client "$(key "$BED/module.sh" "$TESTS/client")" client_build
}

client_build() {
	make -s -C "$TESTS/client" OUT="$PWD" ARCH=arm64 "CROSS_COMPILE=$CROSS" "CC=${CROSS}gcc" >&2 ||
		die "tests/client does not build"
	[[ -x client ]] || die "building tests/client left no program 'client'"
}
