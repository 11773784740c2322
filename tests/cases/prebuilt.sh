#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a package with the built module that is for another kernel than it says, does not depend on that kernel, installs the module
# where modprobe does not find it, leaves it behind, or has lost its signature; two builds that differ.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"
# shellcheck source=tests/bed/checkers.sh
. "$TESTS/bed/checkers.sh"

cd "$TOP" || exit
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)
export BUILD=$RUN_DIR/prebuilt
mkdir -p "$BUILD"
PATH=$PATH:/usr/sbin:/sbin
checkers C
h510='' h61='' m61=''
headers h510 5.10
headers h61 6.1
module m61 6.1
# release HEADERS - of the kernel. Debian's include/config/kernel.release has another one in 5.10.
release() { sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$1/build/include/generated/utsrelease.h"; }
# The program of 5.10's headers needs an older OpenSSL than Debian 12's. That of 6.1 writes the same.
SIGN=$h61/build/scripts/sign-file
openssl req -new -x509 -newkey rsa:2048 -nodes -days 2 -outform DER -subj "/CN=key of the test/" -keyout "$BUILD/key" -out "$BUILD/cert" 2>/dev/null

# build KIND RELEASE HEADERS [VARIABLE...]
build() { make -s "$1-modules" "KVER=$2" "KDIR=$3/build" ARCH=arm64 "CROSS_COMPILE=$CROSS" "CC=${CROSS}gcc" "${@:4}"; }

# contents FILE.deb - the paths of its files.
contents() { dpkg-deb --fsys-tarfile "$1" | tar -t | grep -v '/$' | sed 's|^\./|/|' | LC_ALL=C sort | tr '\n' ' '; }

# 5.10: built and signed. 6.1: from a module that is built already, and not signed.
for headers in "$h510" "$h61"; do
	release=$(release "$headers")
	name=kvm-mte-modules-$release
	deb=$BUILD/modules/${name}_$version-1_arm64.deb
	path=/lib/modules/$release/updates/kvm_mte.ko
	more=("MODULE=$m61/kvm_mte.ko") signer=
	[[ $headers != "$h510" ]] || more=("KEY=$BUILD/key" "CERT=$BUILD/cert" "SIGN_FILE=$SIGN") signer="key of the test"
	succeeds "$release: make deb-modules" build deb "$release" "$headers" "${more[@]}"
	is "$(contents "$deb")" "$path /usr/share/doc/$name/changelog.Debian.gz /usr/share/doc/$name/copyright " "$release: the files of the package"
	is "$(dpkg-deb -f "$deb" Depends)" "linux-image-$release | linux-image-$release-unsigned, kmod" "$release: it depends on that kernel"
	is "$(dpkg-deb -f "$deb" Conflicts)" kvm-mte-dkms "$release: there are not two modules"
	rm -rf "$BUILD/x"
	dpkg-deb -x "$deb" "$BUILD/x"
	is "$(modinfo -F vermagic "$BUILD/x$path" | cut -d' ' -f1)" "$release" "$release: modinfo says that it is for that kernel"
	is "$(modinfo -F version "$BUILD/x$path")" "$version" "$release: the version"
	is "$(modinfo -F signer "$BUILD/x$path")" "$signer" "$release: it is signed if KEY= and CERT= are given, and only then"
	unlike "$("${CROSS}readelf" -SW "$BUILD/x$path")" '\.debug_info' "$release: no debug information"
	lint() {
		local out
		out=$(lintian --allow-root --fail-on none "$deb" 2>&1) || printf 'lintian ended with %d\n%s\n' "$?" "$out"
		grep -E '^[EW]:' <<<"$out" | grep -v -E 'initial-upload-closes-no-bugs|usr-merge|no-manual'
	}
	quiet "$release: lintian" lint
done

# The signature is that of the whole module, by that key.
release=$(release "$h510")
deb=$BUILD/modules/kvm-mte-modules-${release}_$version-1_arm64.deb
dpkg-deb -x "$deb" "$BUILD/y"
cat >"$BUILD/signature.py" <<'EOL'
import struct, sys
d = open(sys.argv[1], 'rb').read()
magic = b'~Module signature appended~\n'
assert d.endswith(magic)
d = d[:-len(magic)]
n = struct.unpack('>I', d[-4:])[0]
open(sys.argv[2] + '.sig', 'wb').write(d[-12 - n:-12])
open(sys.argv[2] + '.data', 'wb').write(d[:-12 - n])
EOL
python3 "$BUILD/signature.py" "$BUILD/y/lib/modules/$release/updates/kvm_mte.ko" "$BUILD/module"
verify() { openssl cms -verify -binary -inform DER -in "$BUILD/module.sig" -content "$BUILD/module.data" -certfile "$BUILD/cert.pem" -CAfile "$BUILD/cert.pem" -purpose any -out /dev/null; }
openssl x509 -inform DER -in "$BUILD/cert" -out "$BUILD/cert.pem"
succeeds "the signature is right" verify
printf x | dd of="$BUILD/module.data" bs=1 seek=9000 conv=notrunc status=none
fails "and of the whole module" verify

# --- what installing and removing it does, with dpkg ---

mkdir -p "$BUILD/install"
cp "$deb" "$BUILD/install/"
cd "$BUILD/install" || exit
cat >install.sh <<'EOL'
release=$1
mkdir -p /usr/lib/modules/$release/kernel
: >/usr/lib/modules/$release/modules.order
: >/usr/lib/modules/$release/modules.builtin
dpkg --force-architecture --force-depends --path-exclude='/usr/share/doc/*' -i ./*.deb >log 2>&1 || cat log
echo "found: $(modinfo -k $release -n kvm_mte)"
modprobe -S $release --show-depends kvm_mte
dpkg --force-all -P kvm-mte-modules-$release >log 2>&1 || cat log
grep kvm_mte /usr/lib/modules/$release/modules.dep
find /usr/lib/modules -name 'kvm_mte*'
EOL
is "$(in_debian "$C" sh ./install.sh "$release" 2>&1)" "found: /lib/modules/$release/updates/kvm_mte.ko
insmod /lib/modules/$release/updates/kvm_mte.ko " "dpkg installs it so that modprobe finds it, and removes it without a trace"
cd "$TOP" || exit

# --- the same bytes again, from a module that is built ---

sum=$(sha256sum <"$deb")
dpkg-deb -x "$BUILD/modules/kvm-mte-modules-${release}_$version-1_arm64.deb" "$BUILD/again"
ko=$BUILD/again/lib/modules/$release/updates/kvm_mte.ko
"${CROSS}strip" --strip-debug "$ko"
succeeds "MODULE= packages a module that is built" build deb "$release" "$h510" "MODULE=$ko" "KEY=$BUILD/key" "CERT=$BUILD/cert" "SIGN_FILE=$SIGN"
is "$(sha256sum <"$deb")" "$sum" "the same module gives the same package"
packaged() { dpkg-deb --fsys-tarfile "$deb" | tar -xO "./lib/modules/$release/updates/kvm_mte.ko"; }
packaged >"$BUILD/signed.ko"
succeeds "MODULE= packages a module that is signed" build deb "$release" "$h510" "MODULE=$BUILD/signed.ko"
is "$(packaged | sha256sum)" "$(sha256sum <"$BUILD/signed.ko")" "and leaves its signature"

# --- what it refuses ---

fails "another release than that of the headers" build deb 5.10.0-99-arm64 "$h510" "MODULE=$ko"
like "$(cat "$TAP_OUT")" "the module is for $release, not for 5.10.0-99-arm64" "and says so"
fails "no release" make -s deb-modules
like "$(cat "$TAP_OUT")" "give KVER=RELEASE" "and says so"
fails "a key without a certificate" build deb "$release" "$h510" "MODULE=$ko" "KEY=$BUILD/key"
like "$(cat "$TAP_OUT")" "KEY= and CERT= go together" "and says so"
is "$(find "$BUILD/modules" -name '*.deb' | wc -l)" 2 "none of these leaves a package"

# --- RPM ---

succeeds "make rpm-modules" build rpm "$release" "$h510" "MODULE=$ko" "DEPENDS=kernel >= 5.10" "KEY=$BUILD/key" "CERT=$BUILD/cert" "SIGN_FILE=$SIGN"
rpm=$BUILD/modules/kvm-mte-modules-$release-$version-1.aarch64.rpm
is "$(rpm -qpl "$rpm" 2>&1)" "/lib/modules/$release/updates/kvm_mte.ko" "RPM: its file"
like "$(rpm -qp --requires "$rpm" 2>&1)" '^kernel >= 5.10$' "RPM: what it needs"
like "$(rpm -qp --scripts "$rpm" 2>&1)" "depmod $release" "RPM: it runs depmod"
mkdir "$BUILD/r" && (cd "$BUILD/r" && rpm2cpio "$rpm" | cpio -id --quiet)
is "$(modinfo -F signer "$BUILD/r/lib/modules/$release/updates/kvm_mte.ko")" "key of the test" "RPM: the signature is still there"

quiet "shellcheck: packaging/modules" shellcheck -x packaging/modules
done_testing
