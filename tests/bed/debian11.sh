# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A Debian 11 for arm64 in which the commands of README.md's "Install" have been run, without the last, which loads the module.
# Cases with "# with: debian11" find it at /debian11 in the emulated host.
#
# QEMU's user mode runs the arm64 programs. It takes a tenth of the time of an emulated machine. binfmt_misc starts it, in
# an instance for a user namespace of its own (Linux 6.7), so that the machine's own binfmt_misc is not touched. If the
# kernel cannot do that, /debian11/install.status says so.

DEBIAN11_PACKAGES=(apt bash dash coreutils findutils grep sed gzip diffutils util-linux login hostname libc-bin
	init-system-helpers base-files base-passwd mawk kmod build-essential debhelper dkms linux-headers-5.10.0-32-arm64)
# Files that neither a build nor an install reads.
DEBIAN11_DROP=(./usr/share/{doc,info,locale,man,i18n,zoneinfo} './usr/lib/gcc/*/10/lto*' './usr/bin/*-lto-dump-10'
	./usr/share/python-wheels)
# Files that are not needed any more when all is installed.
DEBIAN11_DONE=(usr/src root/kvm-mte usr/lib/gcc usr/include usr/share/perl usr/share/perl5 usr/lib/aarch64-linux-gnu/perl
	usr/lib/python3 usr/lib/python3.9 usr/share/misc usr/lib/apt 'usr/bin/*-linux-gnu-*' usr/bin/gdb
	'usr/lib/aarch64-linux-gnu/lib*san*' 'usr/lib/aarch64-linux-gnu/libicu*' 'usr/lib/aarch64-linux-gnu/*.a' var/lib/apt var/cache)

# The parts of this source that the commands need.
DEBIAN11_SOURCE=(Kbuild Makefile dkms.conf LICENSE CHANGELOG.md include src tools contrib debian packaging)

# The commands of README.md's "Install" (its first block), without the last, which loads the module.
readme_install() {
	sed -n '/^## Install/,/^## Turn MTE on and off/s/^    //p' "$TOP/README.md" | awk '/^modprobe/ { exit } { print }'
}

# debian11 VAR - VAR/debian11.cpio. The pages that cases read are added last, so that a changed page does not rebuild it all.
debian11() {
	local -n debian11_ref=$1
	local base='' whole=''
	cached base debian11-base "$(key "$BED/debian11.sh" "$(ls "${KVM_MTE_PACKAGES:-/dev/null}")")" debian11_unpack
	cached whole debian11-done "$(key "$BED/debian11.sh" "$BED/archive.sh" "${base##*/}" "$(readme_install)" \
		"${DEBIAN11_SOURCE[@]/#/$TOP/}")" debian11_install "$base"
	cached debian11_ref debian11 "$(key "${whole##*/}" "$TOP/README.md" "$TOP/docs/ABI")" debian11_pages "$whole"
}

debian11_pages() {
	mkdir -p root/debian11
	cp "$TOP/README.md" "$TOP"/docs/ABI/testing/* root/debian11/
	{ cat "$1/done.cpio"; cpio_pack root; } >debian11.cpio
	rm -rf root
}

debian11_unpack() {
	local root=root pkgs p
	closure bullseye arm64 "${DEBIAN11_PACKAGES[@]}" >packages
	mapfile -t pkgs <packages
	fetch bullseye arm64 "${pkgs[@]}"
	fetch bookworm amd64 qemu-user
	dpkg-deb --fsys-tarfile "$(deb bookworm amd64 qemu-user)" | tar -xO ./usr/bin/qemu-aarch64 >qemu-aarch64
	chmod 755 qemu-aarch64
	mkdir -p "$root"/{usr/{bin,sbin,lib},var/lib/dpkg/{info,triggers,updates},proc,sys,dev,run,tmp,root}
	for p in bin sbin lib; do
		ln -s "usr/$p" "$root/$p"
	done
	for p in "${pkgs[@]%%=*}"; do
		debian11_unpacked "$root" "$(deb bullseye arm64 "$p")"
	done
	debian11_configure "$root"
	tar -c root >root.tar
	rm -rf root
}

# debian11_unpacked ROOT FILE.deb - unpacks and records a package as dpkg would, but does not run the package's scripts.
debian11_unpacked() {
	local root=$1 db=$1/var/lib/dpkg name f
	mkdir control
	dpkg-deb --ctrl-tarfile "$2" | tar -C control -x
	name=$(sed -n 's/^Package: //p' control/control)
	if grep -qx 'Multi-Arch: same' control/control; then name+=:arm64; fi
	sed '1a Status: install ok installed' control/control >>"$db/status"
	echo >>"$db/status"
	# dpkg-shlibdeps wants these.
	for f in symbols shlibs; do
		if [[ -e control/$f ]]; then mv "control/$f" "$db/info/$name.$f"; fi
	done
	rm -r control
	dpkg-deb --fsys-tarfile "$2" | tar -C "$root" -xv --keep-directory-symlink --no-same-owner \
		"${DEBIAN11_DROP[@]/#/--exclude=}" | sed 's|^\./|/|; s|/$||; s|^$|/.|' >"$db/info/$name.list"
}

# Does what the packages' scripts would have done, as far as it matters here.
debian11_configure() {
	local root=$1 name
	for name in passwd group; do
		cp "$root/usr/share/base-passwd/$name.master" "$root/etc/$name"
	done
	ln -s mawk "$root/usr/bin/awk"
	[[ -e $root/bin/sh ]] || ln -s dash "$root/bin/sh"
	ln -s debian "$root/etc/dpkg/origins/default"
	: >"$root/var/lib/dpkg/available"
	echo 1 >"$root/var/lib/dpkg/info/format"
	# apt has no mirror here. All packages that it is asked for are installed already.
	: >"$root/etc/apt/sources.list"
	printf '%s\n' 'APT::Sandbox::User "root";' 'APT::Get::Assume-Yes "true";' 'Dpkg::Use-Pty "0";' \
		>"$root/etc/apt/apt.conf.d/90test"
}

# debian11_install BASE - runs the commands until one fails, logs each, and packs the result.
debian11_install() {
	local status=0 path
	tar -xf "$1/root.tar"
	mkdir root/root/kvm-mte
	for path in "${DEBIAN11_SOURCE[@]}" README.md docs; do
		cp -r "$TOP/$path" root/root/kvm-mte/
	done
	readme_install >root/install.sh
	if in_arm64_root "$PWD/root" "$1/qemu-aarch64" true 2>root/install.log; then
		say "following README.md's Install in a Debian 11 for arm64; some minutes"
		in_arm64_root "$PWD/root" "$1/qemu-aarch64" bash -evc 'cd /root/kvm-mte; . /install.sh' >root/install.log 2>&1 ||
			status=$?
	else
		status=unable
	fi
	echo "$status" >root/install.status
	cp root/install.log .
	mkdir debs
	cp root/root/kvm-mte/build/deb/*.deb debs/ 2>/dev/null || true
	for path in "${DEBIAN11_DONE[@]}"; do
		# shellcheck disable=SC2086 # patterns
		rm -rf root/$path
	done
	mkdir pack
	mv root pack/debian11
	cpio_pack pack >done.cpio
	rm -rf pack
}

# in_arm64_root ROOT QEMU COMMAND... - runs arm64 programs in a root directory, as root of a user namespace. (KCFLAGS: debug
# information would take a sixth of the emulated compiler's time, and DKMS strips it.)
in_arm64_root() {
	local root=$1 qemu=$2
	shift 2
	# shellcheck disable=SC2016 # for the inner shell
	unshare --user --map-root-user --mount --pid --fork --kill-child bash -c '
		set -e
		root=$1 qemu=$2
		shift 2
		mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
		printf "%s" ":arm64:M::\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:" \
			"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:$qemu:F" \
			>/proc/sys/fs/binfmt_misc/register
		mount --rbind /dev "$root/dev"
		mount --rbind /proc "$root/proc"
		exec chroot "$root" /usr/bin/env -i QEMU_UNAME=5.10.0-32-arm64 HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
			KCFLAGS=-g0 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
	' in_arm64_root "$root" "$qemu" "$@" </dev/null
}
