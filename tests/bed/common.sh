# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What all parts of the test bed use: paths, messages, and a cache keyed by content.

TESTS=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
TOP=${TESTS%/*}
BED=$TESTS/bed
CACHE=${KVM_MTE_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/kvm-mte}
export TESTS TOP BED CACHE

say() { printf '== %s\n' "$*" >&2; }
warn() { printf 'tests: %s\n' "$*" >&2; }
die() { printf 'tests: error: %s\n' "$*" >&2; exit 2; }

# RUN_DIR is a directory that is removed when this run ends, however it ends.
bed_init() {
	mkdir -p "$CACHE/tmp" || die "cannot create the cache directory $CACHE"
	CACHE=$(cd "$CACHE" && pwd)
	if [[ -n ${KVM_MTE_PACKAGES:-} ]]; then
		[[ -d $KVM_MTE_PACKAGES ]] || die "KVM_MTE_PACKAGES: no directory $KVM_MTE_PACKAGES"
		KVM_MTE_PACKAGES=$(cd "$KVM_MTE_PACKAGES" && pwd)
	fi
	sweep_stale
	RUN_DIR=$(mktemp -d "$CACHE/tmp/$$.XXXXXX")
	export RUN_DIR
}

# Removes the directories of runs that were killed. A directory's name begins with the process id of its run.
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

# key WORD|FILE|DIR... - a short hash over the words and the contents of the files.
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

# cached_build DIR COMMAND... - runs the command in DIR, in a subshell that ends at the first error.
cached_build() {
	(
		cd "$1" || exit
		chmod 755 .
		"${@:2}"
	)
}

# cached VAR NAME KEY FUNCTION [ARG...] - sets VAR to the directory that FUNCTION has filled.
#
# FUNCTION runs in an empty directory. The directory gets its final name when it is complete, so an interrupted run leaves
# nothing that looks complete. Directories of the same NAME that have not been used for two days are removed.
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
