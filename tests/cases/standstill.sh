#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a guest of 1 GiB that stands still for much longer than docs/migration.md says, because its tags are carried. Also shows how long it
# stands still for QEMU's own work. The host has one CPU, whose clock counts instructions: a microsecond is a thousand instructions.
# quick: no
# hooks: once
# smp: 1
# mem: 4G
# qemu: -icount shift=0,sleep=off
# timeout: 3600
. /t/lib.sh
. /t/hooks.sh
. /t/migrate.sh

# 10 % of the guest's memory has tags.
HEAP_MIB=102

# with_monitor NAME - its options.
with_monitor() { printf '%s\n' -m 1G -name "$1" -qmp "unix:/run/$1.qmp,server=on,wait=off"; }

# event NAME EVENT - the time of the first such event of its QEMU, in microseconds.
event() {
	sed -nE "s/.*\"seconds\": ([0-9]+), \"microseconds\": ([0-9]+).*\"event\": \"$2\".*/\1 \2/p" "$GUESTS/$1/qmp" |
		awk 'NR == 1 { printf "%d%06d\n", $1, $2 }'
}

load_module || bail "the module does not load"
policy_default on
# shellcheck disable=SC2046 # several words on purpose
qemu_start one $(with_monitor one) || bail "no guest"
guest_wait_boot one || bail "no guest"
# One program has all the tags and waits, one is small and writes.
heap_start one
# shellcheck disable=SC2016 # the guest expands it
guest_run one 'kill -STOP $(cat /tmp/heap.pid); tagheap 1 /tmp/small >/dev/null 2>&1 & echo $! >/tmp/small.pid'
# shellcheck disable=SC2046 # several words on purpose
qemu_start two $(with_monitor two) -incoming unix:/run/two || bail "no destination"
"$TOOL" migrate --qmp=/run/one.qmp --name=two one unix:/run/two >/run/said 2>&1
STATUS=$?
END=${EPOCHREALTIME/./}
is "$STATUS: $(tail -n 1 /run/said)" "0: one: migrated to destination with its tags" "kvm-mte migrate"
STOP=$(event one STOP) RESUME=$(event two RESUME)
diag "$(cat /run/said)"
diag "QEMU: $((RESUME - STOP)) us from the source's stop to the destination's start"
diag "tags: $((END - RESUME)) us from then until kvm-mte migrate has ended"
succeeds "QEMU's own part is known" test "${STOP:-0}" -gt 0 -a "${RESUME:-0}" -gt "${STOP:-0}"
succeeds "the tags take at most 550 ms (it was 445; without skipping the zero page 850)" test "$((END - RESUME))" -le 550000
# shellcheck disable=SC2016 # the guest expands it
guest_run two 'kill -CONT $(cat /tmp/heap.pid)'
heap_check two "after it"
# A wrong tag kills it.
is "$(guest_run two "grep -v ' 0 0\$' /tmp/small | head -n 3; kill -0 \$(cat /tmp/small.pid) && echo alive")" alive "the small program lives, and finds nothing wrong"
qemu_stop two
unload_module || not_ok "the module unloads"
done_testing
