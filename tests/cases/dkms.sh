#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a dkms.conf with which the DKMS of Debian 11, 12 or 13 does not build the module; a build for another architecture,
# or for a kernel that is too old, has no KVM, or has guest MTE that the module cannot switch: DKMS must pass over these, and not
# fail, because then the installation of a kernel or of its headers fails; a module with another version than
# the package; a new release of the RPM that leaves the build of an older release of the same version.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"
. "$TESTS/bed/changed.sh"

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf")
work=$RUN_DIR/dkms
mkdir -p "$work/src/kvm-mte-$version"
cp -r "$TOP"/{Kbuild,Makefile,dkms.conf,include,src} "$work/src/kvm-mte-$version/"
h='' rt='' h61=''
headers h 5.10
headers rt 5.10-rt
headers h61 6.1

# release SUITE - unpacks that Debian's DKMS: a shell script and its configuration.
release() {
	fetch "$1" arm64 dkms
	mkdir -p "$work/$1"/{tree,install,etc}
	dpkg-deb --fsys-tarfile "$(deb "$1" arm64 dkms)" | tar -C "$work/$1" -x
	# Use the package's configuration, not this machine's. Signing is not needed here.
	sed -i "s|/etc/dkms|$work/$1/etc/dkms|g" "$work/$1/usr/sbin/dkms"
}

# DKMS 2.8 changes headers that it is given by path ("prepares" them). Give it a copy: other cases use these headers too.
mkdir -p "$work/headers"
cp -a "$h/." "$work/headers/"
h=$work/headers
# As on a Debian host, they name the common headers by their whole path.
sed -i "s|^include .*/\(linux-headers-.*\)|include $h/usr/src/\1|" "$h/build/Makefile"

# As 6.1 was before its updates (case lines).
cd "$work" || exit
headers_copy 6.1 old61
edited arch/arm64/include/asm/kvm_host.h '/struct mutex config_lock;/d'

# dkms_do SUITE ACTION... - runs dkms, and leaves the machine's own DKMS tree alone. dkms calls make, which takes the cross
# compiler from MAKEFLAGS.
dkms_do() {
	local d=$work/$1
	[[ $1 != bullseye || $2 != build ]] || set -- "$@" --no-prepare-kernel --no-clean-kernel
	MAKEFLAGS="ARCH=arm64 CROSS_COMPILE=$CROSS CC=${CROSS}gcc" bash "$d/usr/sbin/dkms" "$2" -m kvm-mte -v "$version" "${@:3}" \
		--sourcetree "$work/src" --dkmstree "$d/tree" --installtree "$d/install"
}

# passed_over NAME SUITE KERNEL ARCH HEADERS - dkms says that the module is not for this kernel, and does not build it.
passed_over() {
	local out status=0
	out=$(dkms_do "$2" build -k "$3" -a "$4" --kernelsourcedir "$5/build" 2>&1) || status=$?
	like "$out" 'BUILD_EXCLUSIVE directive' "$1"
	isnt "$status" 0 "$1: its exit status says so, too"
	unlike "$out" 'Building module|Bad return status' "$1: nothing is built"
}

ko() { echo "$work/$1/tree/kvm-mte/$version/$2/aarch64/module/kvm_mte.ko"; }

for suite in bullseye bookworm trixie; do
	release "$suite"
	dkms="DKMS $(dpkg-deb -f "$(deb "$suite" arm64 dkms)" Version | cut -d- -f1)"
	succeeds "$dkms: add" dkms_do "$suite" add
	if full || [[ $suite == bookworm ]]; then
		succeeds "$dkms: build for 5.10" dkms_do "$suite" build -k 5.10.0-32-arm64 -a aarch64 --kernelsourcedir "$h/build"
		like "$(/sbin/modinfo -F vermagic "$(ko "$suite" 5.10.0-32-arm64)" 2>&1)" '^5\.10\.' "$dkms: it is built for that kernel"
	fi
	passed_over "$dkms: not for 4.19" "$suite" 4.19.0-1-arm64 aarch64 "$h"
	passed_over "$dkms: not for x86" "$suite" 5.10.0-32-amd64 x86_64 "$h"
	passed_over "$dkms: not for a kernel without KVM" "$suite" 5.10.0-32-rt-arm64 aarch64 "$rt"
	passed_over "$dkms: not for a kernel whose guest MTE the build refuses" "$suite" 6.1.0-1-arm64 aarch64 "$work/old61"
done
if full; then
	succeeds "build for 6.1" dkms_do bookworm build -k 6.1.0-1-arm64 -a aarch64 --kernelsourcedir "$h61/build"
	like "$(/sbin/modinfo -F vermagic "$(ko bookworm 6.1.0-1-arm64)" 2>&1)" '^6\.1\.' "it is built for that kernel"
fi

ko=$(ko bookworm 5.10.0-32-arm64)
is "$(/sbin/modinfo -F version "$ko" 2>&1)" "$version" "the module has the package's version"
is "$(/sbin/modinfo -F license "$ko" 2>&1)" GPL "the module's licence is GPL"

# --- a new release of the RPM: the same version, with another source ---

# Another sourcetree and DKMS tree, and a module of one file.
mini=$work/mini
mkdir -p "$mini/src/kvm-mte-$version/src"
cp "$TOP"/{Kbuild,Makefile,dkms.conf} "$mini/src/kvm-mte-$version/"
echo 'kvm_mte-y := src/main.o' >>"$mini/src/kvm-mte-$version/Kbuild"
# scriptlet NAME - that of the spec; rpm replaces these macros.
scriptlet() {
	sed -n "/^%$1 dkms\$/,/^\$/p" "$TOP/packaging/kvm-mte.spec.in" | sed -e 1d -e 's/%{name}/kvm-mte/g' -e "s/%{version}/$version/g" -e 's/%%/%/g'
}
# as_rpm SUITE NAME... - runs them, for a host that runs 5.10.0-32-arm64. Those of one transaction have one parent, as with rpm.
as_rpm() {
	local name
	for name in "${@:2}"; do scriptlet "$name" >"$mini/$name"; done
	cat >"$mini/bin/dkms" <<-EOL
	#!/bin/bash
	act=\$1
	shift
	case \$act in
	status) exec bash $work/$1/usr/sbin/dkms status "\$@" --dkmstree $mini/$1 ;;
	build) set -- "\$@" -a aarch64 --kernelsourcedir $h/build $([[ $1 != bullseye ]] || echo --no-prepare-kernel --no-clean-kernel) ;;
	install) set -- "\$@" -a aarch64 --kernelsourcedir $h/build --no-depmod ;;
	remove) set -- "\$@" --no-depmod ;;
	esac
	MAKEFLAGS="ARCH=arm64 CROSS_COMPILE=$CROSS CC=${CROSS}gcc" exec bash $work/$1/usr/sbin/dkms \$act "\$@" --sourcetree $mini/src --dkmstree $mini/$1 --installtree $mini/install.$1
	EOL
	# shellcheck disable=SC2016 # for the other shell
	PATH=$mini/bin:$PATH bash -c 'for name; do sh "$name"; done; :' - "${@:2}" >>log 2>&1
}
# release_of SUITE KERNEL - which release is built for this kernel, and which is installed.
release_of() {
	local ko
	for ko in "$mini/$1/kvm-mte/$version/$2/aarch64/module/kvm_mte.ko" "$mini/install.$1/$2/updates/dkms/kvm_mte.ko"; do
		/sbin/modinfo -F description "$ko" 2>&1
	done | tr '\n' ' '
}
rpm_release() {
	cat >"$mini/src/kvm-mte-$version/src/main.c" <<-EOL
	#include <linux/module.h>
	MODULE_LICENSE("GPL");
	MODULE_DESCRIPTION("release $1");
	EOL
}
mkdir -p "$mini/bin"
cd "$mini" || exit
# shellcheck disable=SC2016 # for the other shell
printf '%s\n' '#!/bin/sh' '[ "$1" = -r ] && echo 5.10.0-32-arm64 || exec /bin/uname "$@"' >"$mini/bin/uname"
: >"$mini/bin/dkms"
chmod +x "$mini"/bin/*
for suite in $(full && echo bullseye) bookworm $(full && echo trixie); do
	mkdir -p "$mini/$suite" "$mini/install.$suite"/{5.10.0-32-arm64,5.10.0-33-arm64}
	rpm_release 1
	as_rpm "$suite" post
	is "$(release_of "$suite" 5.10.0-32-arm64)" "release 1 release 1 " "$suite: the RPM builds and installs the module for the running kernel"
	PATH=$mini/bin:$PATH dkms build -m kvm-mte -v "$version" -k 5.10.0-33-arm64 >>log 2>&1
	PATH=$mini/bin:$PATH dkms install -m kvm-mte -v "$version" -k 5.10.0-33-arm64 >>log 2>&1
	rpm_release 2
	as_rpm "$suite" post preun
	is "$(release_of "$suite" 5.10.0-32-arm64)" "release 2 release 2 " "$suite: a new release of the same version is built and installed"
	is "$(release_of "$suite" 5.10.0-33-arm64)" "release 2 release 2 " "$suite: for another kernel that had the module, too"
	as_rpm "$suite" preun
	is "$(find "$mini/install.$suite" "$mini/$suite" -name 'kvm_mte.ko*')" "" "$suite: removing the RPM removes it"
done

# For these kernels only the pattern decides.
pattern=$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL="\(.*\)"$/\1/p' "$TOP/dkms.conf")
for k in 5.10.0-32-arm64 5.10.0-60.18.0.50.oe2203.aarch64 5.14.0-427.el9.aarch64 5.15.0-100-generic 6.1.0-50-arm64 6.12.107+deb13-arm64 7.2.13 10.0.1; do
	if [[ $k =~ $pattern ]]; then ok "kernel $k is built for"; else not_ok "kernel $k is built for"; fi
done
for k in 4.19.0 5.1.5 5.4.0-150-generic 5.9.16 3.10.0; do
	if [[ $k =~ $pattern ]]; then not_ok "kernel $k is passed over"; else ok "kernel $k is passed over"; fi
done
done_testing
