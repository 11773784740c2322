# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# kvm-mte, built for this machine, and a made-up host below $HOST that it looks at. For cases; $W is the case's directory.

HOST=$W/host
TOOL=$W/kvm-mte
mkdir -p "$W"
quiet "it builds with the sanitizers, without a warning" make -s -C "$TOP/tools" OUT="$W" SANITIZE=1
mte() { LC_ALL=C "$TOOL" --root="$HOST" "$@"; }

# file PATH TEXT - a file of the made-up host.
file() {
	mkdir -p "$HOST/$(dirname "$1")"
	printf '%b' "$2" >"$HOST/$1"
}
