#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Catches: a dkms.conf that does not build the module for a 5.10 kernel, builds it where it has no business, or a version
# that does not arrive.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf")
work=$RUN_DIR/dkms
mkdir -p "$work"/{src/kvm-mte-"$version",tree,install}
cp -r "$TOP"/{Kbuild,Makefile,dkms.conf,include,src} "$work/src/kvm-mte-$version/"
h=''
headers h 5.10

# Nothing of this touches the machine's own DKMS tree.  dkms calls make, which takes the cross compiler from here.
dkms_do() {
	MAKEFLAGS="ARCH=arm64 CROSS_COMPILE=$CROSS CC=${CROSS}gcc" dkms "$1" -m kvm-mte -v "$version" "${@:2}" \
		--sourcetree "$work/src" --dkmstree "$work/tree" --installtree "$work/install"
}

succeeds "dkms add" dkms_do add
succeeds "dkms build for 5.10" dkms_do build -k 5.10.0-32-arm64 -a aarch64 --kernelsourcedir "$h/build"
ko=$work/tree/kvm-mte/$version/5.10.0-32-arm64/aarch64/module/kvm_mte.ko
is "$(/sbin/modinfo -F version "$ko" 2>&1)" "$version" "the module has the package's version"
is "$(/sbin/modinfo -F license "$ko" 2>&1)" GPL "its licence"
like "$(/sbin/modinfo -F vermagic "$ko" 2>&1)" '^5\.10\.' "it is built for that kernel"
fails "not built for 6.1" dkms_do build -k 6.1.0-1-arm64 -a aarch64 --kernelsourcedir "$h/build"
fails "not built for x86" dkms_do build -k 5.10.0-32-amd64 -a x86_64 --kernelsourcedir "$h/build"
done_testing
