# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Host kernels that are built here, once per cache, from Debian's source packages: in tests/bed/kernels the image is
# "+PACKAGE", and the headers are the parts of the configuration, tests/bed/config/NAME, with "+" in between.

# is_built IMAGE - is it a kernel that is built here?
is_built() { [[ $1 == +* ]]; }

# built_kernel VAR NAME SUITE +PACKAGE PARTS - VAR/vmlinuz, VAR/config, VAR/release, VAR/lib/modules; VAR/build is the KDIR.
built_kernel() {
	local -n built_ref=$1
	local name=$2 suite=$3 pkg=${4#+} parts=$5 src files=() p
	fetch "$suite" amd64 "$pkg"
	src=$(deb "$suite" amd64 "$pkg")
	for p in ${parts//+/ }; do files+=("$BED/config/$p"); done
	cached built_ref "kernel-$name" "$(key "$BED/source.sh" "${src##*/}" "${files[@]}")" \
		built_build "$name" "$src" "${files[@]}"
}

source_make() { make -s ARCH=arm64 "CROSS_COMPILE=$CROSS" "$@"; }

built_build() {
	local name=$1 deb=$2 dir out=$PWD
	shift 2
	dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | tar -xJ
	dir=$(echo linux-source-*)
	mv "$dir" build
	cat "$@" >fragments
	echo "CONFIG_LOCALVERSION=\"-$name\"" >>fragments
	(
		cd build
		source_make allnoconfig "KCONFIG_ALLCONFIG=$out/fragments"
		source_make -j"$(nproc)" Image modules
		source_make modules_install "INSTALL_MOD_PATH=$out"
	) >&2
	cp build/arch/arm64/boot/Image vmlinuz
	cp build/.config config
	ls lib/modules >release
	rm -f "lib/modules/$(cat release)"/{build,source} fragments
	prune_tree build
}

# prune_tree DIR - keeps what a build of modules needs.
prune_tree() {
	find "$1" \( -name '*.o' -o -name '*.ko' -o -name '*.a' -o -name '.*.cmd' \) ! -path "$1/scripts/*" -delete
	find "$1" -name '*.[cS]' ! -path "$1/scripts/*" -delete
	rm -rf "$1"/{Documentation,samples,vmlinux,arch/arm64/boot/Image}
	find "$1/arch" -mindepth 1 -maxdepth 1 -type d ! -name arm64 -exec rm -rf {} +
}
