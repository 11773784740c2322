# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The admin's program, built for the emulated host, and what comes with it.

# tool VAR - VAR/kvm-mte, static, because the host's image has only the libraries of its own programs; VAR/glue.tar: contrib/ and docs/cgroups.md.
tool() {
	local -n tool_ref=$1
	cached tool_ref tool "$(key "$BED/tool.sh" "$TOP/dkms.conf" "$TOP/tools" "$TOP/include/tags_uapi.h" "$TOP/contrib" \
		"$TOP/docs/cgroups.md")" tool_build
}

tool_build() {
	make -s -C "$TOP/tools" OUT="$PWD" "CC=${CROSS}gcc" LDFLAGS=-static >&2 || die "tools does not build"
	tar -cf glue.tar -C "$TOP" contrib docs/cgroups.md
}
