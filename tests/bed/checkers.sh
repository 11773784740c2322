# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A root directory of unpacked Debian 12 packages with the programs that check the files of contrib/, and with dpkg. The machine need
# not have these programs.

CHECKERS=(base-files base-passwd mount bash dash coreutils sed grep mawk findutils diffutils make m4 git ansible-lint yamllint cloud-init sosreport pycodestyle
	pyflakes3 checkpolicy semodule-utils policycoreutils kmod dpkg selinux-policy-default setools selinux-utils apparmor libvirt-clients libvirt-daemon libvirt-daemon-system libxml2-utils)

# checkers VAR - that root directory.
checkers() {
	local -n checkers_ref=$1
	cached checkers_ref checkers "$(key "$BED/checkers.sh" "$(ls "${KVM_MTE_PACKAGES:-/dev/null}")")" checkers_build
}

checkers_build() {
	local pkgs p d
	closure bookworm amd64 usr-is-merged "${CHECKERS[@]}" >packages
	mapfile -t pkgs <packages
	fetch bookworm amd64 "${pkgs[@]}"
	mkdir -p usr/{bin,sbin,lib,lib64} dev proc tmp etc/apparmor.d
	for d in bin sbin lib lib64; do
		ln -s "usr/$d" "$d"
	done
	for p in "${pkgs[@]%%=*}"; do
		dpkg-deb --fsys-tarfile "$(deb bookworm amd64 "$p")" |
			tar -x --keep-directory-symlink --no-same-owner --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' --exclude='./dev/*'
	done
	[[ -e usr/bin/awk ]] || ln -s mawk usr/bin/awk
	[[ -e usr/bin/sh ]] || ln -s dash usr/bin/sh
	mkdir -p usr/local/sbin usr/lib/modules sys run mnt root var/tmp var/lib/dpkg/{info,updates,triggers}
	: >var/lib/dpkg/status
	printf '%s\n' root:x:0:0::/root:/bin/bash >etc/passwd
	printf '%s\n' root:x:0: >etc/group
	in_root "$PWD" semodule -s default -n -X 100 -i usr/share/selinux/default/*.pp.bz2 >selinux.log 2>&1 || {
		cat selinux.log >&2
		die "Debian's SELinux policy cannot be built"
	}
}

# in_debian ROOT COMMAND... - runs the command in that root directory, in the current directory, which the caller keeps below the cache.
# What it writes elsewhere is forgotten.
in_debian() {
	in_root_without "/etc /var /sys /run /tmp /root /usr/local/sbin /usr/lib/modules /usr/lib/python3/dist-packages/sos/report/plugins" \
		"$1" env LC_ALL=C.UTF-8 HOME=/root PYTHONDONTWRITEBYTECODE=1 "${@:2}"
}
