# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian kernels and headers, unpacked from their packages (table: tests/bed/kernels). source.sh builds others.
#
# KVM_MTE_KERNEL    a directory with another kernel for the host, instead of Debian's 5.10: vmlinuz, lib/modules/RELEASE,
#                   and, unless KVM_MTE_MODULE is given, build: its headers

# kernel_row NAME - sets K_SUITE, K_IMAGE, K_HEADERS, K_TOOLS, K_USE.
kernel_row() {
	local name
	while read -r name K_SUITE K_IMAGE K_HEADERS K_TOOLS K_USE; do
		[[ $name == "$1" ]] || continue
		if [[ $K_SUITE == newest ]]; then
			K_SUITE=$(newest_suite)
			K_TOOLS=$(compiler_of "$K_SUITE")
		fi
		return
	done < <(grep -v '^#' "$BED/kernels")
	die "no kernel '$1' in tests/bed/kernels"
}

# The suites of Debian that get new kernels.
NEW_SUITES=(sid trixie-backports experimental)

# compiler_of SUITE - the suite whose compiler builds modules for the kernels of one of these
compiler_of() {
	case $1 in
	trixie-backports) echo trixie ;;
	*) echo sid ;;
	esac
}

# newest_suite - the suite that has the newest kernel. The cache remembers it, as it remembers packages.
newest_suite() {
	local memo=$CACHE/debs/newest.is
	if [[ ! -s $memo ]]; then
		alone find_newest "$memo"
	fi
	cat "$memo"
}

find_newest() {
	local suite version newest=0 found=''
	for suite in "${NEW_SUITES[@]}"; do
		apt_index "$suite" "the newest kernel"
		version=$(apt_in "$suite" arm64 apt-cache madison linux-image-arm64 2>/dev/null | awk 'NR == 1 { print $3 }')
		if [[ -n $version ]] && dpkg --compare-versions "$version" gt "$newest"; then
			newest=$version found=$suite
		fi
	done
	[[ -n $found ]] || die "cannot tell which kernel of Debian is the newest. $(mirror_hint)"
	mkdir -p "${1%/*}"
	echo "$found" >"$1"
}

# kernels_that_host - the names of all kernels that can be a host, but for those that run only if KERNELS asks for them.
kernels_that_host() { awk '!/^#/ && $6 == "host" { print $1 }' "$BED/kernels"; }

# kernel_like NAME - the kernel whose cases such a one runs; nothing for others
kernel_like() { awk -v "name=$1" '$1 == name && sub(/^like:/, "", $6) { print $6 }' "$BED/kernels"; }

# real_package NAME SUITE PACKAGE - resolves "@meta" to the package that the metapackage stands for, and remembers it.
real_package() {
	local line=${1%%-*} suite=$2 pkg=$3 memo
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
		alone look_up "$suite" "$pkg" "$memo"
	fi
	[[ $line == newest || $(cat "$memo") == *-"$line".* ]] || warn "Debian $suite has gone on: $(cat "$memo") is tested as $line"
	cat "$memo"
}

# look_up SUITE META FILE - writes the package that a metapackage stands for into a file.
look_up() {
	local suite=$1 pkg=$2 memo=$3
	local base=${pkg%-arm64*}
	apt_index "$suite" "$pkg"
	mkdir -p "${memo%/*}"
	apt_in "$suite" arm64 apt-cache depends "$pkg" 2>/dev/null |
		sed -nE "s/^ *Depends: (${base%-cloud}-[0-9].*)/\1/p" | head -n1 >"$memo.new"
	[[ -s $memo.new ]] || die "cannot tell what $pkg of Debian $suite is. $(mirror_hint)"
	mv "$memo.new" "$memo"
}

# versioned_in DIR META LINE - the package of that kernel line among the files of a directory.
versioned_in() {
	local f name=${2%-arm64*} flavour=${2##*-arm64}
	f=$(find "$1" -maxdepth 1 -regextype posix-extended \
		-regex ".*/$name-${3//./\\.}\.[^-_]*(-[0-9]+)?-arm64${flavour}_.*\.deb" 2>/dev/null | sort -V | tail -n1)
	[[ -n $f ]] || return 1
	f=${f##*/}
	echo "${f%%_*}"
}

# kernel VAR NAME - unpacks the kernel; VAR/vmlinuz, VAR/config, VAR/release, VAR/lib/modules.
kernel() {
	local -n kernel_ref=$1
	local K_SUITE K_IMAGE K_HEADERS K_TOOLS K_USE pkg file part files=()
	if other_kernel "$2"; then
		kernel_ref=$RUN_DIR/kernel-$(key "$KVM_MTE_KERNEL/vmlinuz")
		other_kernel_links "$kernel_ref"
		return
	fi
	kernel_row "$2"
	if is_built "$K_IMAGE"; then
		built_kernel "$1" "$2"
		return
	fi
	pkg=$(real_package "$2" "$K_SUITE" "$K_IMAGE")
	fetch "$K_SUITE" arm64 "$pkg"
	file=$(deb "$K_SUITE" arm64 "$pkg")
	files=("$file")
	# Newer releases split the image: its package is empty.
	for part in binary modules base; do
		part=$(depends "$file" "linux-$part-[0-9].*") || true
		[[ -n $part ]] || continue
		fetch "$K_SUITE" arm64 "$part"
		files+=("$(deb "$K_SUITE" arm64 "$part")")
	done
	cached kernel_ref "kernel-$2" "$(key "$BED/kernel.sh" "${files[@]##*/}")" kernel_build "${files[@]}"
}

# other_kernel NAME - does the directory KVM_MTE_KERNEL stand for this kernel?
other_kernel() { [[ $1 == 5.10 && -n ${KVM_MTE_KERNEL:-} ]]; }

# other_kernel_links DIR - makes DIR look like one that kernel_build() has filled.
other_kernel_links() {
	local from
	from=$(realpath "$KVM_MTE_KERNEL")
	[[ -f $from/vmlinuz && -d $from/lib/modules ]] || die "KVM_MTE_KERNEL: $KVM_MTE_KERNEL has no vmlinuz or no lib/modules"
	mkdir -p "$1"
	ln -sfn "$from/vmlinuz" "$from/lib" "$1/"
	ls "$from/lib/modules" >"$1/release"
	[[ $(wc -l <"$1/release") == 1 ]] || die "KVM_MTE_KERNEL: $KVM_MTE_KERNEL/lib/modules has not just one release"
}

# Modules for devices that the emulated machines do not have. These are not unpacked.
NO_MODULES=(sound drivers/{gpu,media,infiniband,staging,iio,scsi,usb,hid,net/wireless,net/ethernet})

kernel_build() {
	local f where=(./boot/'vmlinuz*' ./boot/'config*' ./lib/modules ./usr/lib/modules) x
	x=("${NO_MODULES[@]/#/--exclude=*/lib/modules/*/kernel/}" '--exclude=*/dtb')
	for f; do
		# A package has only some of these. A file that all packages lack is noticed below.
		dpkg-deb --fsys-tarfile "$f" | tar -x --no-same-owner --wildcards "${x[@]}" "${where[@]}" 2>/dev/null || true
	done
	if [[ -d usr/lib/modules ]]; then
		mkdir -p lib
		mv usr/lib/modules lib/
	fi
	ls lib/modules >release
	for f in vmlinuz config; do
		mv boot/"$f"-* "$f" 2>/dev/null || mv lib/modules/*/"$f" "$f" || die "the kernel's packages have no $f"
	done
	rm -rf boot usr
	/sbin/depmod -b . "$(cat release)" 2>&1 | grep -v 'could not open' >&2 || true
}

# module_files KERNELDIR NAME... - the relative paths of the modules and of those that they need, in the order to load them.
# Not every kernel has all of them. A case that needs a missing module says so.
module_files() {
	local k=$1 rel m
	rel=$(cat "$k/release")
	for m in "${@:2}"; do
		/sbin/modprobe -q -d "$k" -S "$rel" --show-depends "$m" || true
	done | sed -nE "s|^insmod $k/([^ ]*).*|\\1|p" | awk '!seen[$0]++'
}

# modules_archive VAR NAME KERNELDIR MODULE... - VAR/modules.cpio, for modprobe in the emulated host.
modules_archive() {
	local -n modules_ref=$1
	local name=$2 k=$3
	cached modules_ref "modules-$name" "$(key "$BED/kernel.sh" "$BED/archive.sh" "${k##*/}" "${*:4}")" \
		modules_build "$k" "${@:4}"
}

modules_build() {
	local k=$1 rel f
	rel=$(cat "$k/release")
	mkdir -p "root/usr/lib/modules/$rel"
	module_files "$k" "${@:2}" >files
	while read -r f; do
		mkdir -p "root/usr/${f%/*}"
		cp "$k/$f" "root/usr/$f"
	done <files
	cp "$k/lib/modules/$rel/"modules.{order,builtin}* "root/usr/lib/modules/$rel/"
	ln -s usr/lib root/lib
	/sbin/depmod -b root "$rel" >&2
	rm root/lib
	cpio_pack root >modules.cpio
	rm -rf root
}

# headers VAR NAME - unpacks the headers; VAR/build is the KDIR for building modules.
headers() {
	local -n headers_ref=$1
	local K_SUITE K_IMAGE K_HEADERS K_TOOLS K_USE pkg arch common kbuild
	if other_kernel "$2"; then
		pkg=$(realpath "$KVM_MTE_KERNEL")/build
		[[ -e $pkg/Makefile ]] || die "KVM_MTE_KERNEL: no headers in $KVM_MTE_KERNEL/build"
		headers_ref=$RUN_DIR/headers-$(key "$pkg/Module.symvers" "$pkg/include/generated/autoconf.h")
		mkdir -p "$headers_ref"
		ln -sfn "$pkg" "$headers_ref/build"
		return
	fi
	kernel_row "$2"
	if is_built "$K_IMAGE"; then
		built_kernel "$1" "$2"
		return
	fi
	pkg=$(real_package "$2" "$K_SUITE" "$K_HEADERS")
	fetch "$K_SUITE" arm64 "$pkg"
	arch=$(deb "$K_SUITE" arm64 "$pkg")
	common=$(depends "$arch" 'linux-headers-.*-common(-rt)?')
	kbuild=$(depends "$arch" 'linux-kbuild-.*')
	fetch "$K_SUITE" amd64 "$common" "$kbuild"
	common=$(deb "$K_SUITE" amd64 "$common")
	kbuild=$(deb "$K_SUITE" amd64 "$kbuild")
	cached headers_ref "headers-$2" "$(key "$BED/kernel.sh" "${arch##*/}" "${common##*/}" "${kbuild##*/}")" \
		headers_build "$pkg" "$arch" "$common" "$kbuild"
}

# Debian's headers include each other by absolute paths. Relative paths make the tree work in any place. The links to the
# build tools are relative already: all packages are unpacked into one tree.
headers_build() {
	local f arch=usr/src/$1
	for f in "${@:2}"; do
		dpkg-deb -x "$f" .
	done
	# shellcheck disable=SC2016 # make's variables
	sed -i 's|/usr/src/|$(dir $(lastword $(MAKEFILE_LIST)))../|g' "$arch/Makefile"
	[[ -e $arch/scripts/mod/modpost && -e $arch/include/generated/autoconf.h ]] ||
		die "the kernel headers' packages do not look as expected"
	ln -s "$arch" build
}
