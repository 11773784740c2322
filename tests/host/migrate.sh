# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Guests that are migrated, saved and restored by QEMU, with their tags. A case must source this file.

TOOL=$T/kvm-mte
HEAP_MIB=${HEAP_MIB:-8}

# The emulated host of each guest that is not on this one (peers.sh).
declare -A GUEST_AT

# on NAME FUNCTION [ARG...] - calls the function for that guest, on its host.
on() {
	local nr=${GUEST_AT[$1]:-1}
	if ((nr == 1)); then "$2" "$1" "${@:3}"; else peer "$nr" "$2" "$1" "${@:3}"; fi
}

# is_state NAME STATE POINT - the state of the module's VM, and whether it is held.
is_state() { is "$(on "$1" vm_get state), hold $(on "$1" vm_get hold)" "$2" "$3: state"; }

# policy_default request|on|off
policy_default() { echo "$1" >"$MTE/policy/default"; }

# heap_start NAME - a program in the guest that writes tags and words, and checks them.
heap_start() {
	on "$1" guest_run "tagheap $HEAP_MIB /tmp/heap >/tmp/heap.log 2>&1 & echo \$! >/tmp/heap.pid"
	# shellcheck disable=SC2016 # the guest expands it
	on "$1" guest_run 'i=0; until [ "$(wc -l </tmp/heap 2>/dev/null || echo 0)" -ge 2 ] || [ $i -gt 100 ]; do sleep 0.2; i=$((i + 1)); done; wc -l </tmp/heap' >/dev/null
}

# heap_check NAME POINT - the program still runs, has done more rounds, and found nothing wrong.
heap_check() {
	local before after
	before=$(on "$1" guest_run 'wc -l </tmp/heap')
	# shellcheck disable=SC2016 # the guest expands it
	on "$1" guest_run "i=0; until [ \$(wc -l </tmp/heap) -ge $((before + 2)) ] || [ \$i -gt 100 ]; do sleep 0.2; i=\$((i + 1)); done"
	after=$(on "$1" guest_run 'wc -l </tmp/heap')
	succeeds "$2: the guest's program goes on" test "$after" -gt "$before"
	is "$(on "$1" guest_run "grep -v ' 0 0\$' /tmp/heap | head -n 3")" "" "$2: rounds with wrong tags or words"
	is "$(on "$1" guest_run "kill -0 \$(cat /tmp/heap.pid) && echo alive")" alive "$2: the program lives"
}

# heap_dies NAME POINT - the program meets wrong tags: the guest's kernel says that it has died of them.
heap_dies() {
	# shellcheck disable=SC2016 # the guest expands it
	is "$(on "$1" guest_run 'i=0; while kill -0 $(cat /tmp/heap.pid) 2>/dev/null && [ $i -lt 50 ]; do sleep 0.2; i=$((i + 1)); done
		kill -0 $(cat /tmp/heap.pid) 2>/dev/null && echo alive || echo dead; dmesg | grep -c "tagheap\[$(cat /tmp/heap.pid)\]: .*tag check fault"')" \
		"dead
1" "$2: the guest's program dies of a tag fault"
}

# mte_works NAME POINT - two of Linux's selftests.
mte_works() {
	is "$(on "$1" guest_run '/mte-selftests check_tags_inclusion check_prctl' | tail -n 1)" \
		"mte-selftests: 9 passed, 0 failed, 0 skipped" "$2: MTE works"
}

# migrated NAME - waits until QEMU's migration has ended; prints its state.
migrated() { on "$1" wait_migrated; }

wait_migrated() {
	local i state
	for ((i = 0; i < 600; i++)); do
		state=$(qemu_monitor "$1" 'info migrate' | sed -n 's/^\(Migration s\|S\)tatus: *\([a-z-]*\).*/\2/p' | head -n 1)
		case $state in completed | failed | cancelled) break ;; esac
		sleep 0.2
	done
	echo "$state"
}

# said_line FILE REGEX - waits for a line.
said_line() {
	local i
	for ((i = 0; i < 100; i++)); do
		! grep -qE "$2" "$1" 2>/dev/null || return 0
		sleep 0.2
	done
	return 1
}

# tags_save NAME [OPTION...] >STREAM / tags_load NAME [OPTION...] <STREAM
tags_save() { on "$1" save_tags_of "${@:2}"; }
tags_load() { on "$1" load_tags_of "${@:2}"; }
save_tags_of() { "$TOOL" tags save "${@:2}" "$(qemu_pid "$1")"; }
load_tags_of() { "$TOOL" tags load "${@:2}" "$(qemu_pid "$1")"; }

# qemu_start_few NAME REGISTERS [QEMU-ARG...] - as qemu_start, without some registers in KVM's list (fewregs.c).
qemu_start_few() { LD_PRELOAD=$T/fewregs.so FEW_REGS=$2 qemu_start "$1" "${@:3}"; }

migration_is() { qemu_monitor "$1" 'info migrate' | grep -qi "^\(Migration \)\?status: *$2"; }

# put_hex FILE OFFSET HEX... - writes bytes into the file.
put_hex() {
	printf '%b' "$(printf '%s' "${@:3}" | sed 's/../\\x&/g')" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# qcow2_make FILE - an empty disk of 64 KiB, for snapshots. The file has four clusters of 64 KiB: the header, a table of refcounts, a
# block of refcounts, and the table of data (L1).
qcow2_make() {
	truncate -s 256K "$1"
	# Version 2; no backing file; clusters of 1 << 16 bytes; the disk's size; no encryption; a table of data with one entry, in
	# cluster 3; the table of refcounts in cluster 1; no snapshots.
	put_hex "$1" 0 514649fb 00000002 0000000000000000 00000000 00000010 0000000000010000 00000000 00000001 \
		0000000000030000 0000000000010000 00000001 00000000 0000000000000000
	put_hex "$1" 65536 0000000000020000
	put_hex "$1" 131072 0001 0001 0001 0001
}
