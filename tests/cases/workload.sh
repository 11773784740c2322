#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a guest in which a program sorts wrongly, or gets no tags from malloc(), so that its cost says nothing. No point compares the
# costs: "tests/bench/run --workload" takes the lines "# bench COLUMN ROW FIGURE" for docs/bench.md, for a reader to compare. The host has
# one CPU, whose clock counts instructions: a nanosecond is one.
# kernels: 5.10 6.12
# quick: no
# hooks: once
# smp: 1
# qemu: -icount shift=0,sleep=off
# timeout: 3600
. /t/lib.sh
. /t/hooks.sh

# A program that an admin knows: it sorts text, and has each line in memory from malloc().
# TUNABLES: for glibc.
sort_lines() {
	local begin end
	begin=$(nanoseconds)
	for i in 1 2 3; do
		GLIBC_TUNABLES=$TUNABLES busybox sort -r /tmp/lines >/tmp/sorted
	done
	end=$(nanoseconds)
	echo "$((end - begin)) $(md5sum </tmp/sorted | cut -d' ' -f1)"
}
# shellcheck disable=SC2016 # the guest expands it
TEXT='i=0; while [ $i -lt 4000 ]; do echo "$((i * 7919 % 10007)) a line of text number $i"; i=$((i + 1)); done >/tmp/lines'
HAS_TAGS='GLIBC_TUNABLES=glibc.mem.tagging=3 busybox grep -c "^VmFlags:.* mt" /proc/self/smaps'

# measured NAME COLUMN TUNABLES ROW - reports the sort.
measured() {
	local out
	out=$(guest_run "$1" "TUNABLES=$3; $(declare -f sort_lines); sort_lines")
	diag "bench $2 $4 ${out% *}"
	is "${out#* }" "$SUM" "$2, $4: what is sorted"
}

# column NAME MTE QEMU-ARG... - boots a guest, and sorts in it.
column() {
	local name=$1 mte=$2
	succeeds "$name: QEMU starts" qemu_start "$name" "${@:3}"
	guest_wait_boot "$name" || bail "no guest"
	diag "bench $name boot $(guest_run "$name" 'cat /tmp/booted')"
	is "$(guest_run "$name" "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" "$mte" "$name: MTE in the guest"
	guest_run "$name" "$TEXT"
	SUM=$(guest_run "$name" 'busybox sort -r /tmp/lines | md5sum | cut -d" " -f1')
	measured "$name" "$name" '' sort
	if ((mte)); then
		like "$(guest_run "$name" "$HAS_TAGS")" '^[1-9]' "$name: malloc() tags its memory"
		measured "$name" "$name" glibc.mem.tagging=3 sort_tagged
	fi
	qemu_stop "$name"
}

column stock 0
if [[ $KERNEL == 5.10 ]]; then
	load_module || bail "the module does not load"
	column loaded 0
	echo on >"$MTE/policy/default"
	column mte 1
	unload_module || not_ok "the module unloads"
else
	column mte 1 -M virt,gic-version=3,accel=kvm,mte=on
fi
done_testing
