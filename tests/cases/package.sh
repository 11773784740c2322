#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: Debian packages that do not build, have errors or warnings from lintian, lack a file, or contain a build result; a
# changelog with another version than dkms.conf; a source RPM that cannot be built, parsed or rebuilt; a release tarball that
# lacks a file, or whose bytes depend on when or where it is made; "make install" that forgets a file of contrib/, installs a unit that
# names another program, enables something, or overwrites an admin's file; "make uninstall" that leaves something.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

cd "$TOP" || exit
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)
export BUILD=$RUN_DIR/package
mkdir -p "$BUILD"

# --- make install ---

root=$BUILD/root
mkdir -p "$BUILD/tools.out" "$root"
into_root() { make -s "$1" "DESTDIR=$root" PREFIX=/opt/mte "OUT=$BUILD/tools.out" "CC=${CROSS}gcc"; }
# installed - the files below the root directory.
installed() { (cd "$root" && find . ! -type d -printf '%P\n' | LC_ALL=C sort); }
# expected - where each file of contrib/ is installed, and the tool's files.
expected() {
	find contrib -type f ! -path contrib/Makefile ! -name '*.pyc' | sed -e 's|^contrib/default/|etc/default/|' \
		-e 's|^contrib/systemd/|opt/mte/lib/systemd/system/|' -e 's|^contrib/udev/|opt/mte/lib/udev/rules.d/|' \
		-e 's|^contrib/|opt/mte/share/doc/kvm-mte/examples/|'
	printf 'opt/mte/%s\n' sbin/kvm-mte share/man/man8/kvm-mte.8 share/man/man4/kvm_mte.4 share/bash-completion/completions/kvm-mte
	printf 'opt/mte/share/kvm-mte/%s\n' schema/{check,events,list,list-watch,status}.json
}
succeeds "make install" into_root install
is "$(installed)" "$(expected | LC_ALL=C sort)" "make install: the tool, and every file of contrib/ where its program looks for it"
is "$(cd "$root" && find . -type f -perm /111 -printf '%P\n' | LC_ALL=C sort)" "$({ find contrib -type f -perm /111 | sed 's|^contrib/|opt/mte/share/doc/kvm-mte/examples/|'
	echo opt/mte/sbin/kvm-mte; } | LC_ALL=C sort)" "make install: what is a program is executable, and nothing else"
is "$(grep -ho '[a-z/]*sbin/kvm-mte' "$root"/opt/mte/lib/systemd/system/* | sort -u)" /opt/mte/sbin/kvm-mte "make install: the units run the program that was installed"
echo POLICY=on >"$root/etc/default/kvm-mte"
succeeds "make install again" into_root install
is "$(cat "$root/etc/default/kvm-mte")" POLICY=on "make install: the admin's file is kept"
succeeds "make uninstall" into_root uninstall
is "$(installed)" etc/default/kvm-mte "make uninstall: only the admin's file is left"
rm "$root/etc/default/kvm-mte"
into_root install && into_root uninstall
is "$(installed)" "" "make uninstall: nothing is left"

# --- Debian ---

succeeds "make deb" make -s deb
debs=$BUILD/deb
dkms=$debs/kvm-mte-dkms_$version-1_all.deb tools=$debs/kvm-mte-tools_$version-1_arm64.deb
if ! [[ -e $dkms && -e $tools ]]; then bail "no packages"; fi

# What lintian reports, without its remark that it runs as root.
lint() { lintian --allow-root --tag-display-limit 0 --fail-on error,warning "$debs"/*.changes 2>&1 | grep -v '^running with root'; }
quiet "lintian: the source and all packages, neither error nor warning" lint
lines() { cat "$@" | grep -vc '^#'; }
is "$(lines debian/*.lintian-overrides)" 3 "there are only three overrides: the packages are not in Debian's archive, and units are wanted by the package's own target"

# contents FILE.deb - the paths of its files. sources - the files of the module's source in this tree.
contents() { dpkg-deb --fsys-tarfile "$1" | tar -t | grep -v '/$' | sed 's|^\./||' | LC_ALL=C sort; }
sources() { find Kbuild Makefile dkms.conf include src -type f -name '[!.]*' ! -name '*.o' ! -name '*.ko' ! -name '*.mod*' | LC_ALL=C sort; }
is "$(contents "$dkms" | sed -n "s|^usr/src/kvm-mte-$version/||p")" "$(sources)" "kvm-mte-dkms: the module's source, all of it and nothing else"
is "$(dpkg-deb --fsys-tarfile "$dkms" | tar -xO "./usr/src/kvm-mte-$version/dkms.conf" | cmp - dkms.conf 2>&1)" "" "kvm-mte-dkms: its dkms.conf is that of this tree"
is "$(dpkg-deb -f "$dkms" Depends)" "dkms (>= 2.8)" "kvm-mte-dkms: can be installed with DKMS 2.8"
for file in usr/share/man/man4/kvm_mte.4.gz usr/share/doc/kvm-mte-dkms/{README.md.gz,troubleshooting.md.gz,how-it-works.svg,ABI/testing/sysfs-kernel-kvm_mte.gz}; do
	is "$(contents "$dkms" | grep -x "$file")" "$file" "kvm-mte-dkms: $file"
done
for file in usr/sbin/kvm-mte usr/share/man/man8/kvm-mte.8.gz usr/share/bash-completion/completions/kvm-mte \
	lib/udev/rules.d/90-kvm-mte.rules lib/systemd/system/kvm-mte{.target,-policy.service,-pods.path,-metrics.service,-metrics.timer,-slice@.service} etc/default/kvm-mte \
	usr/share/doc/kvm-mte-tools/examples/libvirt/kvm-mte; do
	is "$(contents "$tools" | grep -x "$file")" "$file" "kvm-mte-tools: $file"
done
dpkg-deb -x "$tools" "$BUILD/tools"
like "$("${CROSS}readelf" -h "$BUILD/tools/usr/sbin/kvm-mte")" 'Machine: *AArch64' "kvm-mte-tools: the program is for arm64"
like "$(dpkg-deb -f "$tools" Depends)" '^libc6 \(>= [0-9.]+\)$' "kvm-mte-tools: needs the C library alone"
like "$(dpkg-deb -I "$dkms" postinst)" '/dkms/common\.postinst' "kvm-mte-dkms: postinst builds with DKMS"
like "$(dpkg-deb -I "$dkms" prerm)" '^ *dkms remove ' "kvm-mte-dkms: prerm removes with DKMS"

# A tree in which the changelog and dkms.conf have different versions is refused.
mkdir -p "$BUILD/other/packaging" && cp -r dkms.conf debian "$BUILD/other/"
sed -i "1s/$version/9.9.9/" "$BUILD/other/debian/changelog"
fails "debian/rules refuses a changelog with another version" make -s -C "$BUILD/other" -f debian/rules build
like "$(cat "$TAP_OUT")" "dkms.conf is version $version, debian/changelog 9.9.9" "and says so"

# --- RPM ---

succeeds "make srpm" make -s srpm
srpm=$BUILD/rpm/kvm-mte-$version-1.src.rpm
like "$(rpmspec -q --qf '%{name}-%{version}\n' --target aarch64 "$BUILD/rpm/kvm-mte.spec" 2>&1)" "^kvm-mte-dkms-$version\$" "rpmspec parses it"
is "$(rpm -qpl "$srpm" 2>&1 | sort | tr '\n' ' ')" "kvm-mte-$version.tar.xz kvm-mte.spec " "the source RPM has the tarball and the spec"
LINT=$(rpmlint -r packaging/rpmlintrc "$BUILD/rpm/kvm-mte.spec" "$srpm" 2>&1)
is "$(grep -E '(^|: )[EW]: ' <<<"$LINT")" "" "rpmlint: the spec and the source RPM"
like "$LINT" '1 packages and 1 specfiles checked; 0 errors, 0 warnings' "rpmlint has looked at both"
# Cross-build, with the macros that a distribution with RPM defines. The compiler is Debian's, so its result is not checked.
rebuild() {
	CC=${CROSS}gcc rpmbuild --rebuild --nodeps --target aarch64 --define "_topdir $BUILD/rpmbuild" \
		--define '_unitdir /usr/lib/systemd/system' --define '_udevrulesdir /usr/lib/udev/rules.d' \
		--define "__strip ${CROSS}strip" --define "__objdump ${CROSS}objdump" --define 'debug_package %{nil}' "$srpm"
}
succeeds "rpmbuild --rebuild makes packages of it" rebuild
rpms=$BUILD/rpmbuild/RPMS
is "$(rpm -qpl "$rpms/noarch/kvm-mte-dkms-$version-1.noarch.rpm" 2>&1 | sed -n "s|^/usr/src/kvm-mte-$version/||p" |
	while read -r f; do [[ -d $f ]] || echo "$f"; done | LC_ALL=C sort)" "$(sources)" "kvm-mte-dkms: the module's source"
like "$(rpm -qp --scripts "$rpms/noarch/kvm-mte-dkms-$version-1.noarch.rpm" 2>&1)" "dkms install -m kvm-mte -v $version -k" "kvm-mte-dkms: its script installs the module with DKMS"
rpm_files=$(rpm -qpl "$rpms/aarch64/kvm-mte-tools-$version-1.aarch64.rpm" 2>&1)
for file in /usr/sbin/kvm-mte /usr/lib/systemd/system/kvm-mte{-slice@.service,.target} /usr/lib/udev/rules.d/90-kvm-mte.rules /usr/share/kvm-mte/examples/libvirt/kvm-mte /etc/default/kvm-mte; do
	is "$(grep -x "$file" <<<"$rpm_files")" "$file" "kvm-mte-tools: $file"
done

quiet "shellcheck: the packaging scripts" shellcheck -x packaging/{deb,dist,srpm,lib.sh}

# --- a release ---

if git -C "$TOP" rev-parse -q --verify HEAD >/dev/null 2>&1; then
	released=$(git show HEAD:dkms.conf | sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p')
	succeeds "make dist" make -s dist
	tarball=$BUILD/kvm-mte-$released.tar.xz
	sum=$(sha256sum <"$tarball")
	is "$(tar -tf "$tarball" | sed -n "s|^kvm-mte-$released/||p" | grep -v '/$' | grep . | LC_ALL=C sort)" \
		"$(git ls-tree -r --name-only HEAD | LC_ALL=C sort)" "the tarball has every file of the commit, in a directory named after the version"
	rm "$tarball"
	TZ=Pacific/Auckland LC_ALL=C.UTF-8 succeeds "make dist, elsewhere" make -s dist
	is "$(sha256sum <"$tarball")" "$sum" "the same commit gives the same bytes"
	tar -xf "$tarball" -C "$BUILD"
	list() { bash -c '. packaging/lib.sh; files | tr "\0" "\n"'; }
	is "$(cd "$BUILD/kvm-mte-$released" && list)" "$(cd "$BUILD/kvm-mte-$released" && find . -type f -printf '%P\n' | LC_ALL=C sort)" \
		"packages made from the tarball have the same source"
else
	skip "make dist" "this is no git checkout"
fi
done_testing
