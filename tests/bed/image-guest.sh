# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The user land of the guests, as an initramfs: busybox, Linux's MTE selftests, and tests/guest.

# The command channel of the guest's init is a virtio serial port.  The NVMe device is for case vfio.
GUEST_MODULES=(virtio_mmio virtio_console nvme)

# guest_image VAR KERNELDIR - VAR/initrd
guest_image() {
	local -n guest_ref=$1
	local k=$2
	local src
	fetch bookworm amd64 linux-source-6.1
	fetch bookworm arm64 busybox-static
	src=$(deb bookworm amd64 linux-source-6.1)
	cached guest_ref guest-image \
		"$(key "$BED/image-guest.sh" "$BED/archive.sh" "${k##*/}" "${src##*/}" "$TESTS/guest")" \
		guest_build "$src" "$k"
}

guest_build() {
	local f c n=10
	mkdir -p root/{proc,sys,dev,run,tmp,root,etc,mte}
	unpack_into root "$(deb bookworm arm64 busybox-static)"
	(cd root && find usr -type f ! -name busybox -delete)
	selftests "$1" root/mte
	libraries root root/mte/*
	mkdir root/modules
	module_files "$2" "${GUEST_MODULES[@]}" >modules
	while read -r f; do
		cp "$2/$f" "root/modules/$((n++))-${f##*/}"
	done <modules
	for c in "$TESTS"/guest/*.c; do
		"${CROSS}gcc" -O1 -g0 -Wall -o "root/usr/bin/$(basename "$c" .c)" "$c"
	done
	cp "$TESTS/guest/init" "$TESTS/guest/mte-selftests" root/
	chmod 755 root/init root/mte-selftests
	cpio_pack root >initrd
	rm -rf root
}

# libraries ROOT PROGRAM... - copies the libraries that they need, from the cross compiler. Ten static programs would be half
# of the image, and unpacking them would take a quarter of the guest's boot.
libraries() {
	local root=$1 name
	shift
	mkdir -p "$root/lib"
	for name in ld-linux-aarch64.so.1 $(needed_by "$@"); do
		cp -L "/usr/aarch64-linux-gnu/lib/$name" "$root/lib/"
	done
	"${CROSS}strip" --strip-unneeded "$root"/lib/*
}

# The selftests are built without -O: some rely on accesses that the compiler would remove. The context switch test forks 1024
# processes, which takes very long in an emulated guest. 32 processes are still more than there are CPUs.
selftests() {
	local out=$2 dir=linux-source-6.1/tools/testing/selftests c
	dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/src/linux-source-6.1.tar.xz |
		tar -xJ --wildcards "$dir/arm64/mte" "$dir/kselftest.h"
	sed -i 's/\(define NUM_ITERATIONS\t*\)1024/\132/; s/\(define THREAD_ITERATIONS\t*\)1000/\1100/' \
		"$dir/arm64/mte/check_gcr_el1_cswitch.c"
	# check_user_mem writes its file byte by byte, and does all 16 times with the same file offset: most of the time of all seven.
	perl -0pi -e 's/for \(i = 0; i < len; i\+\+\)\s*if \(write\(fd, &val, sizeof\(val\)\) != sizeof\(val\)\)/char all[len]; memset(all, val, len); if (write(fd, all, len) != len)/ or die;
		s/(for \(fileoff = 0; fileoff <) 16/$1 1/ or die' "$dir/arm64/mte/check_user_mem.c"
	for c in "$dir"/arm64/mte/check_*.c; do
		"${CROSS}gcc" -std=gnu99 -pthread -march=armv8.5-a+memtag -w -I"$dir" -I"$dir/arm64/mte" \
			-o "$out/$(basename "$c" .c)" "$c" "$dir/arm64/mte/"{mte_common_util.c,mte_helper.S}
	done
	"${CROSS}strip" "$out"/*
	rm -rf linux-source-6.1
}
