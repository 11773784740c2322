# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The user land of the emulated host, as an initramfs: the part that is the same for all cases and kernels. Needs no root.

HOST_PACKAGES=(bash coreutils grep sed mawk findutils procps kmod util-linux mount strace busybox-static
	qemu-system-arm)
# Modules of the host kernel that cases may load; what they depend on comes along.
HOST_MODULES=(zram lz4 lzo-rle null_blk z3fold vfio-pci vfio_iommu_type1)
# Programs of these packages that no case needs.
HOST_DROP=('qemu-system-arm' 'perl*' 'bashbug' 'dpkg*' 'nsenter' 'systemd-*')

needed_by() {
	"${CROSS}readelf" -d "$@" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | sort -u
}

# prune DIR - keeps only the libraries that the programs need, and those that these libraries need in turn.
prune() {
	local root=$1 lib=$1/usr/lib/aarch64-linux-gnu name todo
	local -A seen=()
	mapfile -t todo < <(needed_by "$root"/usr/{bin,sbin}/*)
	mkdir "$root/keep"
	while ((${#todo[@]})); do
		name=${todo[0]}
		todo=("${todo[@]:1}")
		[[ -z ${seen[$name]:-} ]] || continue
		seen[$name]=1
		[[ -e $lib/$name ]] || die "the host's image lacks the library $name"
		cp -L "$lib/$name" "$root/keep/$name"
		mapfile -t -O "${#todo[@]}" todo < <(needed_by "$lib/$name")
	done
	rm -rf "$root/usr/lib"
	mkdir "$root/usr/lib"
	mv "$root/keep" "$lib"
	ln -s aarch64-linux-gnu/ld-linux-aarch64.so.1 "$root/usr/lib/"
}

# host_image VAR - VAR/host.cpio: the emulated host's user land.
host_image() {
	local -n image_ref=$1
	cached image_ref host-image "$(key "$BED/image-host.sh" "$BED/archive.sh" "$(ls "${KVM_MTE_PACKAGES:-/dev/null}")")" \
		host_build
}

# host_modules VAR NAME KERNELDIR - VAR/modules.cpio: the modules of that kernel, to be appended.
host_modules() { modules_archive "$@" "${HOST_MODULES[@]}"; }

host_build() {
	local pkgs libs=() progs=() p d
	closure bookworm arm64 usr-is-merged "${HOST_PACKAGES[@]}" >packages
	mapfile -t pkgs <packages
	fetch bookworm arm64 "${pkgs[@]}"
	for p in "${pkgs[@]%%=*}"; do
		if [[ " ${HOST_PACKAGES[*]} " == *" $p "* ]]; then
			progs+=("$(deb bookworm arm64 "$p")")
		else
			libs+=("$(deb bookworm arm64 "$p")")
		fi
	done
	unpack_into root "${libs[@]}"
	rm -rf root/usr/bin/* root/usr/sbin/*
	unpack_into root "${progs[@]}"
	for p in "${HOST_DROP[@]}"; do
		find root/usr/bin root/usr/sbin -name "$p" -delete
	done
	prune root
	find root -mindepth 1 -maxdepth 1 -type d ! -name usr -exec rm -rf {} +
	find root/usr -mindepth 1 -maxdepth 1 ! -name bin ! -name sbin ! -name lib -exec rm -rf {} +
	for d in proc sys dev run tmp t root etc; do
		mkdir -p "root/$d"
	done
	ln -sfn bash root/usr/bin/sh
	ln -sfn mawk root/usr/bin/awk
	busybox_links root
	cpio_pack root >host.cpio
	rm -rf root
}

# busybox adds programs that the packages do not have (vi, nc, ...). Its links never hide a real program.
busybox_links() {
	local a
	for a in ip ifconfig nc vi less xxd hexdump wget hostname poweroff reboot; do
		[[ -e $1/usr/bin/$a || -e $1/usr/sbin/$a ]] || ln -s busybox "$1/usr/bin/$a"
	done
}
