# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Ground for all parts of the test bed: where things lie, messages, and a cache keyed by content.

TESTS=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
TOP=${TESTS%/*}
BED=$TESTS/bed
CACHE=${KVM_MTE_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/kvm-mte}
export TESTS TOP BED CACHE

say() { printf '== %s\n' "$*" >&2; }
warn() { printf 'tests: %s\n' "$*" >&2; }
die() { printf 'tests: error: %s\n' "$*" >&2; exit 2; }

# A folder that goes when this run ends, however it ends.
bed_init() {
	mkdir -p "$CACHE/tmp" || die "cannot create the cache folder $CACHE"
	CACHE=$(cd "$CACHE" && pwd)
	if [[ -n ${KVM_MTE_PACKAGES:-} ]]; then
		[[ -d $KVM_MTE_PACKAGES ]] || die "KVM_MTE_PACKAGES: no folder $KVM_MTE_PACKAGES"
		KVM_MTE_PACKAGES=$(cd "$KVM_MTE_PACKAGES" && pwd)
	fi
	sweep_stale
	RUN_DIR=$(mktemp -d "$CACHE/tmp/$$.XXXXXX")
	export RUN_DIR
}

# Left by runs that were killed: the folder's name tells the process, and that one is gone.
sweep_stale() {
	local d pid
	for d in "$CACHE"/tmp/*.*; do
		pid=${d##*/}
		pid=${pid%%.*}
		[[ -d $d && ! -d /proc/$pid ]] && rm -rf "$d"
	done
	return 0
}

bed_cleanup() {
	if [[ -n ${RUN_DIR:-} ]]; then
		rm -rf "$RUN_DIR"
	fi
}

# key WORD|FILE|FOLDER... - a short hash over the words and the contents of the files.
key() {
	local a
	for a; do
		if [[ -d $a ]]; then
			(cd "$a" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum)
		elif [[ -f $a ]]; then
			sha256sum <"$a"
		else
			printf '%s\n' "$a"
		fi
	done | sha256sum | cut -c1-16
}

# cached_build FOLDER COMMAND... - a subshell, which ends where something fails.
cached_build() {
	(
		cd "$1" || exit
		chmod 755 .
		"${@:2}"
	)
}

# cached VAR NAME KEY FUNCTION [ARG...] - sets VAR to the folder that FUNCTION filled.
#
# FUNCTION runs in an empty folder, which gets its final name only once it is complete; so an interrupted
# run leaves nothing that a later one would take for finished. Folders of the same
# NAME that nobody has used for two days are dropped.
cached() {
	local -n cached_ref=$1
	local name=$2 dir=$CACHE/$2-$3 tmp lock
	shift 3
	cached_ref=$dir
	if [[ -d $dir ]]; then
		touch "$dir"
		return
	fi
	exec {lock}>"$CACHE/tmp/lock.${name//\//_}"
	flock "$lock"
	if [[ ! -d $dir ]]; then
		say "building: $name"
		tmp=$(mktemp -d "$RUN_DIR/build.XXXXXX")
		measured build "$name" cached_build "$tmp" "$@"
		find "$CACHE" -maxdepth 1 -name "$name-????????????????" -mtime +1 -exec rm -rf {} +
		mv "$tmp" "$dir"
	fi
	exec {lock}>&-
}
