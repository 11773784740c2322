# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Host kernels that are built here, once per cache, from Debian's source packages: in tests/bed/kernels the image is
# "+PACKAGE", and in place of the headers stand the parts of the configuration, tests/bed/config/NAME, with "+" in between.

# is_built IMAGE - is it a kernel that is built here?
is_built() { [[ $1 == +* ]]; }

# built_kernel VAR NAME - VAR/vmlinuz, VAR/config, VAR/release, VAR/lib/modules, as Debian's kernels have them; VAR/build is the
# KDIR for building modules.
built_kernel() {
	local -n built_ref=$1
	local K_SUITE K_IMAGE K_HEADERS K_TOOLS K_USE src files=()
	kernel_row "$2"
	fetch "$K_SUITE" amd64 "${K_IMAGE#+}"
	src=$(deb "$K_SUITE" amd64 "${K_IMAGE#+}")
	read -ra files <<<"${K_HEADERS//+/ }"
	files=("${files[@]/#/$BED/config/}")
	cached built_ref "kernel-$2" "$(key "$(declare -f source_make source_build source_configured source_prune)" "${src##*/}" "${files[@]}")" \
		source_build "${2#*-}" "$src" "${files[@]}"
}

# patience KERNEL - how many times as long as on Debian's kernels things may take on this one.
patience() {
	local K_SUITE K_IMAGE K_HEADERS K_TOOLS K_USE
	kernel_row "$1"
	if [[ $K_HEADERS == *+debug ]]; then echo 6; else echo 1; fi
}

source_make() { make -s -C build ARCH=arm64 "CROSS_COMPILE=$CROSS" "$@"; }

# source_build SUFFIX DEB PART...
source_build() {
	local suffix=$1 deb=$2
	shift 2
	dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | tar -xJ
	mv linux-source-* build
	{ cat "$@"; echo "CONFIG_LOCALVERSION=\"-$suffix\""; } >wanted
	source_make allnoconfig "KCONFIG_ALLCONFIG=$PWD/wanted" >make.out 2>&1 || source_failed "its configuration"
	source_configured wanted build/.config
	source_make -j"$(nproc)" Image modules >make.out 2>&1 || source_failed "the kernel"
	source_make modules_install "INSTALL_MOD_PATH=$PWD" DEPMOD=true >make.out 2>&1 || source_failed "installing its modules"
	mv build/arch/arm64/boot/Image vmlinuz
	cp build/.config config
	ls lib/modules >release
	rm -f "lib/modules/$(cat release)"/{build,source} wanted make.out
	/sbin/depmod -b . "$(cat release)" >&2
	source_prune
}

source_failed() {
	tail -n 30 make.out >&2
	die "building from source fails: $1"
}

# source_configured WANTED CONFIG - dies if an option that the kernel has is not as it is wanted. A module may be built in, too.
source_configured() {
	local line name value got wrong=()
	while IFS= read -r line; do
		[[ $line == CONFIG_* ]] || continue
		name=${line%%=*} value=${line#*=}
		got=$(sed -n "s/^$name=//p" "$2")
		[[ ${got:-n} != "$value" && $value$got != my ]] || continue
		! grep -rqE --include='Kconfig*' "^(menu)?config ${name#CONFIG_}\$" build || wrong+=("$name=${got:-n}")
	done <"$1"
	((${#wrong[@]} == 0)) || die "the configuration does not get what it wants: ${wrong[*]}"
}

# source_prune - keeps what a build of modules needs of the tree.
source_prune() {
	mkdir keep
	(cd build && cp -a --parents Makefile .config Module.symvers scripts include arch/arm64/{Makefile,include} ../keep)
	rm -rf build
	mv keep build
}
