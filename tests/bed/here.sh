# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The library of cases that run on the build machine ("# where: here") instead of an emulated host.
set -u

for lib in common profile packages kernel source archive tools module boot; do
	# shellcheck source=/dev/null
	. "$TESTS/bed/$lib.sh"
done
# shellcheck source=tests/host/tap.sh
. "$TESTS/host/tap.sh"
TAP_OUT=$RUN_DIR/tap.$$

# quiet NAME COMMAND... - the command must print nothing.
quiet() {
	local name=$1 out
	shift
	out=$("$@" 2>&1)
	if [[ -z $out ]]; then ok "$name"; else not_ok "$name" "$(head -n 40 <<<"$out")"; fi
}

# soon FILE TEXT - waits until the file has a line with this text.
soon() {
	local i
	for ((i = 0; i < 600; i++)); do
		! grep -qsF -- "$2" "$1" || return 0
		sleep 0.1
	done
	not_ok "$1 has: $2" "$(cat "$1")"
	return 1
}

cross_make() { make -s ARCH=arm64 "CROSS_COMPILE=$CROSS" "CC=${CROSS}gcc" "$@"; }

# tools VAR - the directory of Linux's own scripts for checking source.
tools() {
	local -n tools_ref=$1
	local src
	fetch bookworm amd64 linux-source-6.1
	src=$(deb bookworm amd64 linux-source-6.1)
	cached tools_ref linux-scripts "$(key "${src##*/}" "$BED/here.sh")" tools_unpack "$src"
}

tools_unpack() {
	dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/src/linux-source-6.1.tar.xz |
		tar -xJ --strip-components=2 linux-source-6.1/scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch,kernel-doc,get_abi.pl}
}
