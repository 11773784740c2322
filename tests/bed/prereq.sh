# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Programs that the build machine must have. On Debian 12 missing ones are installed.

# command package
prereq_list() {
	cat <<-'EOL'
	make make
	gcc gcc
	flex flex
	bison bison
	bc bc
	cpio cpio
	zstd zstd
	xz xz-utils
	depmod kmod
	perl perl
	python3 python3
	sparse sparse
	shellcheck shellcheck
	mandoc mandoc
	groff groff
	dh debhelper
	dh_dkms dh-dkms
	lintian lintian
	rpmbuild rpm
	rpmlint rpmlint
	jq jq
	xmllint libxml2-utils
	dkms dkms
	flock util-linux
	aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
	aarch64-linux-gnu-readelf binutils-aarch64-linux-gnu
	EOL
}

qemu_is_new_enough() {
	local v
	v=$(qemu-system-aarch64 --version 2>/dev/null) || return 1
	v=${v#*version }
	[[ ${v%%.*} -ge 10 ]]
}

prereq_missing() {
	local cmd pkg path=$PATH:/usr/sbin:/sbin
	while read -r cmd pkg; do
		PATH=$path command -v "$cmd" >/dev/null || printf '%s\n' "$pkg"
	done < <(prereq_list)
	[[ -e /usr/aarch64-linux-gnu/lib/libc.a ]] || echo libc6-dev-arm64-cross
	[[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || echo debian-archive-keyring
	qemu_is_new_enough || echo qemu-system-arm
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "not root and no sudo: cannot install $PREREQ_WANTED"
	fi
}

# The machine's own sources are not changed. A private list adds backports to them, only for this call.
prereq_install() {
	local dir=$RUN_DIR/apt-install opts
	PREREQ_WANTED="$*"
	command -v apt-get >/dev/null || die "please install: $* (qemu-system-arm: version 10 or newer)"
	say "installing: $*"
	mkdir -p "$dir/parts" "$dir/lists/partial"
	chmod 755 "$RUN_DIR" "$dir"
	cp /etc/apt/sources.list "$dir/parts/machine.list" 2>/dev/null || true
	cp /etc/apt/sources.list.d/*.{list,sources} "$dir/parts/" 2>/dev/null || true
	sources_line bookworm-backports >"$dir/parts/kvm-mte-backports.list"
	opts=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$dir/parts"
		-o "Dir::State::lists=$dir/lists" -o APT::Sandbox::User=root -o Acquire::Languages=none
		-o APT::Update::Post-Invoke-Success::= -o Dpkg::Use-Pty=0)
	# A source of the machine that fails does not matter if the install succeeds.
	as_root apt-get "${opts[@]}" -qq update >&2 || warn "apt-get update complained; going on"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get "${opts[@]}" -qq -y --no-install-recommends \
		-t bookworm-backports install "$@" >&2 ||
		die "could not install $*; another mirror can be named with KVM_MTE_MIRROR=URL"
	as_root rm -rf "$dir"
}

prereq() {
	local missing
	mapfile -t missing < <(prereq_missing)
	((${#missing[@]})) || return 0
	prereq_install "${missing[@]}"
	mapfile -t missing < <(prereq_missing)
	((${#missing[@]} == 0)) || die "still missing after the install: ${missing[*]}"
}
