# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Linux 6.1's selftests of KVM. A case with "# with: kvm-selftests" finds them in /t/kvm-selftests in the emulated host.

# kvm_selftests VAR - VAR/kvm-selftests.cpio
kvm_selftests() {
	local -n kvm_selftests_ref=$1
	local src
	fetch bookworm amd64 linux-source-6.1
	src=$(deb bookworm amd64 linux-source-6.1)
	cached kvm_selftests_ref kvm-selftests "$(key "$BED/kvm-selftests.sh" "$BED/archive.sh" "${src##*/}")" \
		kvm_selftests_build "$src"
}

# The selftests' own Makefile wants installed kernel headers. The cross compiler's headers are of 6.1, too, so they serve.
# Two files of stable releases use what these releases lack: bitfield.h in tools/include, and TEST_ASSERT_EQ.
kvm_selftests_build() {
	local top=linux-source-6.1 self=linux-source-6.1/tools/testing/selftests out=root/t/kvm-selftests f flags
	dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/src/linux-source-6.1.tar.xz |
		tar -xJ "$top"/tools/{include,arch/arm64/include,lib/rbtree.c} "$top/include/linux/bitfield.h" "$self"/{kvm,rseq,kselftest.h}
	mkdir -p more/linux objects "$out"
	cp "$top/include/linux/bitfield.h" more/linux/
	flags=(-O2 -std=gnu99 -w -static -pthread -U_FORTIFY_SOURCE -fno-stack-protector -fno-PIE -no-pie -D_GNU_SOURCE
		-DTEST_ASSERT_EQ=ASSERT_EQ "-I$top/tools/include" "-I$top/tools/arch/arm64/include" "-I$self/kvm/include"
		"-I$self/kvm/include/aarch64" "-I$self/kvm/lib" "-I$self/rseq" "-I$self" -Imore)
	for f in "$self"/kvm/lib/{,aarch64/}*.[cS]; do
		"${CROSS}gcc" "${flags[@]}" -c -o "objects/$(basename "$f").o" "$f"
	done
	# The memset() that this file defines must not be compiled to a call of memset().
	"${CROSS}gcc" "${flags[@]}" -ffreestanding -c -o objects/string_override.c.o "$self/kvm/lib/string_override.c"
	while read -r f; do
		"${CROSS}gcc" "${flags[@]}" "-I$self/kvm/${f%/*}" -o "$out/${f##*/}" "$self/kvm/$f.c" objects/*.o
	done < <(sed -n 's/^TEST_GEN_PROGS_aarch64 += //p' "$self/kvm/Makefile")
	"${CROSS}strip" "$out"/*
	cpio_pack root >kvm-selftests.cpio
	rm -rf root more objects "$top"
}
