# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Debian kernels and headers, unpacked from their packages (table: tests/bed/kernels).

# kernel_row NAME - sets K_SUITE, K_IMAGE, K_HEADERS.
kernel_row() {
	local name
	while read -r name K_SUITE K_IMAGE K_HEADERS; do
		[[ $name == "$1" ]] && return
	done < <(grep -v '^#' "$BED/kernels")
	die "no kernel $1 in tests/bed/kernels"
}

# real_package NAME SUITE PACKAGE - resolves "@meta" to the package behind it, and remembers.
real_package() {
	local line=$1 suite=$2 pkg=$3 memo
	if [[ $pkg != @* ]]; then
		echo "$pkg"
		return
	fi
	pkg=${pkg#@}
	if versioned_in "${KVM_MTE_PACKAGES:-/nonexistent}" "$pkg" "$line"; then
		return
	fi
	memo=$CACHE/debs/$suite/$pkg.is
	if [[ ! -s $memo ]]; then
		apt_index "$suite" "$pkg"
		mkdir -p "${memo%/*}"
		apt_in "$suite" arm64 apt-cache depends "$pkg" 2>/dev/null |
			sed -nE "s/^ *Depends: (${pkg%-arm64}-[0-9].*)/\1/p" | head -n1 >"$memo.new"
		[[ -s $memo.new ]] || die "cannot tell what $pkg of Debian $suite is. $(mirror_hint)"
		mv "$memo.new" "$memo"
	fi
	cat "$memo"
}

# versioned_in FOLDER META LINE - the package of that kernel line among the files of a folder.
versioned_in() {
	local f
	f=$(find "$1" -maxdepth 1 -name "${2%-arm64}-$3.*-arm64_*.deb" 2>/dev/null | sort -V | tail -n1)
	[[ -n $f ]] || return 1
	f=${f##*/}
	echo "${f%%_*}"
}

# kernel VAR NAME - unpacks the kernel; VAR/vmlinuz, VAR/release, VAR/lib/modules.
kernel() {
	local -n kernel_ref=$1
	local K_SUITE K_IMAGE K_HEADERS pkg file
	kernel_row "$2"
	pkg=$(real_package "$2" "$K_SUITE" "$K_IMAGE")
	fetch "$K_SUITE" arm64 "$pkg"
	file=$(deb "$K_SUITE" arm64 "$pkg")
	cached kernel_ref "kernel-$2" "$(key "$BED/kernel.sh" "${file##*/}")" kernel_build "$file"
}

# Modules for devices that the machines here do not have stay in the package.
NO_MODULES=(sound drivers/{gpu,media,infiniband,staging,iio,scsi,usb,hid,net/wireless,net/ethernet})

kernel_build() {
	dpkg-deb --fsys-tarfile "$1" | tar -x --no-same-owner "${NO_MODULES[@]/#/--exclude=./lib/modules/*/kernel/}" \
		./boot ./lib/modules
	mv boot/vmlinuz-* vmlinuz
	mv boot/config-* config
	rm -rf boot
	ls lib/modules >release
	/sbin/depmod -b . "$(cat release)" 2>&1 | grep -v 'could not open' >&2 || true
}

# module_files KERNELDIR NAME... - the modules with those that they need, in the order to load them; relative paths.
module_files() {
	local k=$1 rel
	shift
	rel=$(cat "$k/release")
	/sbin/modprobe -d "$k" -S "$rel" -a --show-depends "$@" | sed -nE "s|^insmod $k/([^ ]*).*|\\1|p" | awk '!seen[$0]++'
}

# modules_into ROOT KERNELDIR NAME... - installs modules, for modprobe.
modules_into() {
	local root=$1 k=$2 rel f
	rel=$(cat "$k/release")
	mkdir -p "$root/usr/lib/modules/$rel"
	module_files "$k" "${@:3}" >files
	while read -r f; do
		mkdir -p "$root/usr/${f%/*}"
		cp "$k/$f" "$root/usr/$f"
	done <files
	cp "$k/lib/modules/$rel/"modules.{order,builtin}* "$root/usr/lib/modules/$rel/"
	/sbin/depmod -b "$root" "$rel" >&2
}

# headers VAR NAME - a folder to build modules in; VAR/build is its KDIR.
headers() {
	local -n headers_ref=$1
	local K_SUITE K_IMAGE K_HEADERS pkg arch common kbuild
	kernel_row "$2"
	pkg=$(real_package "$2" "$K_SUITE" "$K_HEADERS")
	fetch "$K_SUITE" arm64 "$pkg"
	arch=$(deb "$K_SUITE" arm64 "$pkg")
	common=$(depends "$arch" 'linux-headers-.*-common')
	kbuild=$(depends "$arch" 'linux-kbuild-.*')
	fetch "$K_SUITE" amd64 "$common" "$kbuild"
	common=$(deb "$K_SUITE" amd64 "$common")
	kbuild=$(deb "$K_SUITE" amd64 "$kbuild")
	cached headers_ref "headers-$2" "$(key "$BED/kernel.sh" "${arch##*/}" "${common##*/}" "${kbuild##*/}")" \
		headers_build "$arch" "$common" "$kbuild"
}

# Debian's headers include each other by absolute name; made relative, the tree works wherever it lies. The links to
# the build tools are relative already and fit, as all packages are unpacked into one tree.
headers_build() {
	local f arch
	for f; do
		dpkg-deb -x "$f" .
	done
	arch=$(echo usr/src/linux-headers-*-arm64)
	# shellcheck disable=SC2016 # make's variables
	sed -i 's|/usr/src/|$(dir $(lastword $(MAKEFILE_LIST)))../|g' "$arch/Makefile"
	[[ -e $arch/scripts/mod/modpost && -e $arch/include/generated/autoconf.h ]] ||
		die "the kernel headers' packages do not look as expected"
	ln -s "$arch" build
}
