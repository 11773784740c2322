# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# make for out-of-tree modules, with the compiler that a kernel's headers ask for.
#
# Newer kernels are configured for a newer GCC than Debian 12's, and the programs in their headers need a newer C library.
# Modules for them are built in a root directory of unpacked packages of another release. It needs no root.

CROSS=aarch64-linux-gnu-
TOOLS_PACKAGES=(bash dash make coreutils sed grep mawk findutils diffutils gcc-aarch64-linux-gnu pahole libelf1t64 libssl3t64
	zlib1g libzstd1)

# kernel_tools VAR NAME - the root directory in which modules for that kernel of tests/bed/kernels are built. Empty: they are
# built with this machine's tools.
kernel_tools() {
	local -n tools_ref=$1
	local K_SUITE K_IMAGE K_HEADERS K_TOOLS K_USE
	kernel_row "$2"
	tools_ref=
	[[ $K_TOOLS != here ]] || return 0
	cached tools_ref "tools-$K_TOOLS" "$(key "$BED/tools.sh" "$BED/archive.sh" \
		"$(ls "${KVM_MTE_PACKAGES:-/dev/null}")")" tools_build "$K_TOOLS"
}

# kernel_make ROOT ARG... - runs make for modules in that root directory.
kernel_make() {
	local root=$1
	shift
	set -- make -s ARCH=arm64 "CROSS_COMPILE=$CROSS" "CC=${CROSS}gcc" "$@"
	if [[ -z $root ]]; then "$@"; else in_root "$root" "$@"; fi
}

tools_build() {
	local suite=$1 pkgs p debs=()
	closure "$suite" amd64 usr-is-merged "${TOOLS_PACKAGES[@]}" >packages
	mapfile -t pkgs <packages
	fetch "$suite" amd64 "${pkgs[@]}"
	for p in "${pkgs[@]%%=*}"; do
		debs+=("$(deb "$suite" amd64 "$p")")
	done
	ln -s usr/lib64 lib64
	mkdir -p usr/lib64 dev proc tmp etc
	unpack_into . "${debs[@]}"
	[[ -e usr/bin/awk ]] || ln -s mawk usr/bin/awk
	[[ -e usr/bin/sh ]] || ln -s dash usr/bin/sh
	[[ -x usr/bin/${CROSS}gcc ]] || die "the packages of Debian $suite have no ${CROSS}gcc"
}

# in_root ROOT COMMAND... - runs the command in that root directory, where the cache and this checkout have their usual paths.
in_root() { in_root_without '' "$@"; }

# in_root_without DIRS ROOT COMMAND... - the same; what the command writes to these directories is forgotten. They are copied before the
# cache and the checkout are mounted: these may lie below one of them, as the cache does below /root.
in_root_without() {
	local dirs=$1 root=$2 user=()
	shift 2
	((EUID == 0)) || user=(--map-root-user)
	mkdir -p "$root$CACHE" "$root$TOP" "$root$PWD"
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount "${user[@]}" bash -c '
		set -e
		root=$1 pwd=$2
		for d in $3; do
			mount -t tmpfs none "$root/mnt"
			cp -a "$root$d/." "$root/mnt/"
			mount --move "$root/mnt" "$root$d"
		done
		shift 3
		while [[ $1 != -- ]]; do
			mount --rbind "$1" "$root$1"
			shift
		done
		shift
		exec chroot "$root" /usr/bin/env -i -C "$pwd" PATH=/usr/sbin:/usr/bin LC_ALL=C "$@"
	' in_root "$root" "$PWD" "$dirs" /dev /proc "$CACHE" "$TOP" -- "$@"
}
