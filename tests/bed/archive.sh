# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Unpacking packages and packing archives, for images.

# cpio_pack DIR - prints the directory as an archive that the kernel unpacks, owned by root.
cpio_pack() {
	(cd "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
		cpio --null --quiet -o -H newc -R +0:+0 --reproducible)
}

# unpack_into DIR FILE.deb... - unpacks packages into a merged /usr, as an installed Debian has it; without data and state.
unpack_into() {
	local root=$1 d f
	shift
	for d in bin sbin lib; do
		mkdir -p "$root/usr/$d"
		ln -sfn "usr/$d" "$root/$d"
	done
	for f; do
		dpkg-deb --fsys-tarfile "$f" | tar -C "$root" -x --keep-directory-symlink --no-same-owner --exclude='./etc/*' \
			--exclude='./usr/share/*' --exclude='./var/*' --exclude='./usr/lib/aarch64-linux-gnu/qemu/*'
	done
}
