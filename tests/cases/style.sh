#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: source that a kernel maintainer would send back: warnings of the compiler (W=1), sparse, checkpatch --strict,
# kernel-doc or shellcheck; version tests outside of their place; rooms that include what they may not; files that are too
# long.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

cd "$TOP" || exit
shopt -s nullglob
sources=(src/*.c src/*/*.[ch] include/*.h)
scripts=(.ci/run tests/run tests/without tests/bed/*.sh tests/host/*.sh tests/host/init tests/{cases,soak}/*.sh tests/bench/{run,init})

# Macros that define functions or table rows break these rules; so do trace headers, as those of the kernel itself do.
IGNORE=COMPLEX_MACRO,MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_ARG_REUSE,TRAILING_SEMICOLON
IGNORE+=,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT
# For patches only; whole files are checked here.
IGNORE+=,FILE_PATH_CHANGES

linux='' h=''
tools linux
checkpatch() {
	perl "$linux/checkpatch.pl" --no-tree --no-summary --strict --terse --quiet --ignore "$IGNORE" -f "$@"
}
quiet "checkpatch --strict" checkpatch "${sources[@]}"
quiet "kernel-doc" perl "$linux/kernel-doc" -none "${sources[@]}"

# A kernel for each backend. For the second the quick tier builds only files that the first does not build.
for kernel in 5.10 6.1; do
	work=$RUN_DIR/style-$kernel
	mkdir -p "$work"
	cp -r Kbuild Makefile dkms.conf include src "$work/"
	headers h "$kernel"
	what=(modules)
	if [[ $kernel == 6.1 ]] && ! full; then
		what=(src/native/{native,regs_vcpu}.o src/repair/{page_tags,thp_split,remap_race,swapoff_unreadable}.o)
	fi
	# build WHAT... - prints warnings, and that make has failed: without sparse it does.
	build() {
		local out
		out=$(cross_make -C "$h/build" M="$work" W=1 C=2 'CF=-D__CHECK_ENDIAN__' "$@" 2>&1) || printf 'make ended with %d\n%s\n' "$?" "$(tail -n 5 <<<"$out")"
		grep -E 'warning|error' <<<"$out" | grep -v "^$h"
	}
	quiet "no warnings for $kernel, of the compiler (W=1) nor of sparse" build "${what[@]}"
done
quiet "rooms include what they may, and no files need each other (bed/rooms.py)" \
	python3 "$BED/rooms.py" "$TOP" "$RUN_DIR/style-5.10"

quiet "shellcheck" shellcheck -x "${scripts[@]}"
# shellcheck disable=SC2016 # awk's own
quiet "versions and features of kernels are tested in compat headers and Kbuild only" \
	awk 'FILENAME !~ "^(include/compat(_tags|_vcpu)?|src/hook/compat)[.]h$" && /LINUX_VERSION_CODE|KERNEL_VERSION|HAVE_|NEED_/ { print FILENAME ": " $0 }' \
	"${sources[@]}"
quiet "every file names its licence" grep -L SPDX-License-Identifier "${sources[@]}" "${scripts[@]}" Kbuild Makefile \
	tests/client/*.[chS] tests/client/guest/*
# shellcheck disable=SC2016 # awk's own
quiet "no source file of more than 350 lines" \
	awk 'FNR > 350 { print FILENAME; nextfile }' "${sources[@]}" tests/client/*.[ch]
done_testing
