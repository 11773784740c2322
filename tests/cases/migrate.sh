#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a Linux guest that loses tags or data when a stock QEMU that knows nothing of tags migrates, saves or restores it,
# and "kvm-mte tags", or "kvm-mte migrate", "save" and "restore", carry the tags, with each kind of memory that QEMU has; a guest that
# runs before its tags are in; a failure that leaves a guest with wrong tags; tags that are read or written while QEMU's background
# snapshot serves the memory.
# kernels: 5.10 6.12 7.2
# quick-kernels: 5.10
# hooks: once
# timeout: 2400
. /t/lib.sh
. /t/hooks.sh
. /t/squeeze.sh
. /t/migrate.sh

SOCKET=/run/migrate.sock

source_up() {
	succeeds "$1: the source starts" qemu_start "$1" "${@:2}"
	guest_wait_boot "$1" || bail "no guest"
	heap_start "$1"
}

destination_up() {
	succeeds "$1: the destination starts" qemu_start "$1" "${@:2}"
}

# live FROM TO POINT [QEMU-ARG...] - live migration, with the tags.
live() {
	local from=$1 to=$2 point=$3 pipe
	destination_up "$to" -incoming "unix:$SOCKET" "${@:4}"
	tags_save "$from" --at-end 2>/run/save.err | tags_load "$to" --incoming 2>/run/load.err &
	pipe=$!
	succeeds "$point: save waits for the VM's end" said_line /run/save.err 'waiting until the VM ends'
	succeeds "$point: load holds the destination" said_line /run/load.err 'held until its tags are in'
	is_state "$to" "on, hold 1" "$point: the destination"
	qemu_monitor "$from" "migrate -d unix:$SOCKET" >/dev/null
	is "$(migrated "$from")" completed "$point: QEMU migrates"
	is_state "$to" "on, hold 1" "$point: the destination, when QEMU has migrated"
	qemu_stop "$from"
	wait "$pipe"
	is "$?" 0 "$point: the tags are loaded"
	is_state "$to" "on, hold 0" "$point: the destination, when the tags are in"
	heap_check "$to" "$point"
}

# smaps_mib NAME FIELD... - the sum of these fields over all of QEMU's memory.
smaps_mib() {
	awk -v "fields= ${*:2} " 'index(fields, " " $1 " ") { n += $2 } END { print int(n / 1024) }' "/proc/$(qemu_pid "$1")/smaps"
}

# memory_is NAME KIND - the guest's memory is of that kind.
memory_is() {
	case $2 in
	thp) succeeds "$1: huge pages" test "$(smaps_mib "$1" AnonHugePages:)" -ge 32 ;;
	small) is "$(smaps_mib "$1" AnonHugePages:)" 0 "$1: MiB in huge pages" ;;
	memfd) succeeds "$1: a memfd" grep -q 'memfd:memory-backend-memfd' "/proc/$(qemu_pid "$1")/maps" ;;
	hugetlb) succeeds "$1: hugetlb pages" test "$(smaps_mib "$1" Private_Hugetlb: Shared_Hugetlb:)" -ge 64 ;;
	esac
}

# live_kind KIND BACKEND - live migration of a guest of 256 MiB in a kind of memory.
live_kind() {
	local args=(-m 256M -machine memory-backend=ram -object "$2,id=ram,size=256M")
	source_up "$1-src" "${args[@]}"
	memory_is "$1-src" "$1"
	live "$1-src" "$1-dst" "$1" "${args[@]}"
	memory_is "$1-dst" "$1"
	qemu_stop "$1-dst"
}

load_module || bail "the module does not load"
policy_default on

# --- live migration, with the tags ---

source_up src
dmesg_mark
live src dst "live migration"
unlike "$(said)" 'has ended too early' "live migration: the log has no complaint about tags save"
mte_works dst "live migration"

# --- save to a file and restore ---

qemu_monitor dst stop >/dev/null
tags_save dst >/run/tags
is "$?" 0 "save of a stopped VM"
qemu_monitor dst "migrate exec:cat>/run/state" >/dev/null
is "$(migrated dst)" completed "QEMU saves"
qemu_stop dst
destination_up again -S -incoming "exec:cat /run/state"
succeeds "load into the restored VM" tags_load again --incoming </run/tags
migrated again >/dev/null
qemu_monitor again cont >/dev/null
heap_check again "restored"

# --- without the tags ---

destination_up without -incoming "unix:$SOCKET"
qemu_monitor again "migrate -d unix:$SOCKET" >/dev/null
is "$(migrated again)" completed "without kvm-mte: QEMU migrates"
qemu_stop again
heap_dies without "without kvm-mte"
qemu_stop without

# --- a stream that is cut ---

if full; then
	destination_up cut -S -incoming "exec:cat /run/state"
	head -c "$(($(stat -c %s /run/tags) / 2))" /run/tags >/run/half
	fails "a stream that is cut" tags_load cut --incoming </run/half
	is_state cut "on, hold 1" "after a stream that was cut"
	succeeds "the whole stream after that" tags_load cut </run/tags
	migrated cut >/dev/null
	qemu_monitor cut cont >/dev/null
	heap_check cut "after a stream that was cut"
	qemu_stop cut
fi

# --- snapshots of a VM that goes on ---

if full; then
	qcow2_make /run/disk
	source_up snap -drive if=none,id=disk,format=qcow2,file=/run/disk
	qemu_monitor snap stop >/dev/null
	tags_save snap >/run/snap.tags
	is "$?" 0 "savevm: save of the stopped VM"
	is "$(qemu_monitor snap 'savevm one')" "" "savevm"
	qemu_monitor snap cont >/dev/null
	heap_check snap "after savevm"
	qemu_monitor snap stop >/dev/null
	succeeds "loadvm: hold" "$TOOL" hold "$(qemu_pid snap)"
	is "$(qemu_monitor snap 'loadvm one')" "" "loadvm"
	succeeds "loadvm: load" tags_load snap </run/snap.tags
	qemu_monitor snap cont >/dev/null
	heap_check snap "loadvm"
	qemu_monitor snap stop >/dev/null
	is "$(qemu_monitor snap 'loadvm one')" "" "loadvm, without kvm-mte"
	qemu_monitor snap cont >/dev/null
	heap_dies snap "loadvm, without kvm-mte"
	qemu_stop snap
fi

# --- a background snapshot: a userfaultfd serves the memory ---

if full && [[ $KERNEL != 5.10 ]]; then
	source_up background
	is "$(qemu_monitor background 'migrate_set_capability background-snapshot on')" "" "background snapshot: this kernel has it"
	# A vCPU that runs would wait for the snapshot, and could not be stopped.
	qemu_monitor background stop >/dev/null
	# It cannot end before /run/go is there.
	qemu_monitor background 'migrate -d "exec:until [ -e /run/go ]; do sleep 0.2; done; cat >/dev/null"' >/dev/null
	succeeds "background snapshot: it is active" wait_until 60 migration_is background active
	tags_save background >/run/none 2>/run/save.err
	is "$?" 1 "background snapshot: save fails"
	like "$(cat /run/save.err)" 'served by a userfaultfd' "background snapshot: save says why"
	: >/run/go
	is "$(migrated background)" completed "background snapshot: QEMU ends it"
	tags_save background >/run/none
	is "$?" 0 "background snapshot: save after it"
	qemu_monitor background cont >/dev/null
	heap_check background "after a background snapshot"
	qemu_stop background
fi

# --- kinds of memory ---

if full; then
	echo always >"$THP/enabled"
	echo 1 >/proc/sys/vm/compact_memory
	live_kind thp memory-backend-ram,prealloc=on
	echo never >"$THP/enabled"
	live_kind small memory-backend-ram
	live_kind memfd memory-backend-memfd,share=on
	echo 256 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	live_kind hugetlb memory-backend-memfd,hugetlb=on,hugetlbsize=2M
fi

# --- the same in one command, by QEMU's monitor ---

# with_monitor NAME - its options: a name, and a monitor for kvm-mte.
with_monitor() { printf '%s\n' -name "$1" -qmp "unix:/run/$1.qmp,server=on,wait=off"; }
# ends STATUS LINE NAME COMMAND... - the exit status and the last line.
ends() {
	local status=0
	"${@:4}" >/run/said 2>&1 || status=$?
	is "$status: $(tail -n 1 /run/said)" "$1: $2" "$3"
	((status == $1)) || diag "$(cat /run/said)"
}
if full; then
	# shellcheck disable=SC2046 # several words on purpose
	{
		source_up one $(with_monitor one)
		destination_up two $(with_monitor two) -incoming "unix:$SOCKET.two"
	}
	ends 1 "kvm-mte: one: not migrated: QEMU has failed. It goes on here" "kvm-mte migrate, where nobody listens" \
		"$TOOL" migrate --qmp=/run/one.qmp --name=two one unix:/run/nobody
	is_state one "on, hold 0" "kvm-mte migrate, where nobody listens: the source"
	is_state two "on, hold 1" "kvm-mte migrate, where nobody listens: the destination"
	heap_check one "kvm-mte migrate, where nobody listens"
	ends 0 "one: migrated to destination with its tags" "kvm-mte migrate" \
		"$TOOL" migrate --qmp=/run/one.qmp --name=two one "unix:$SOCKET.two"
	fails "kvm-mte migrate: the source has ended" guest_alive one
	qemu_stop one
	is_state two "on, hold 0" "kvm-mte migrate: the destination"
	heap_check two "kvm-mte migrate"
	ends 0 "two: saved with its tags: /run/two, /run/two.tags" "kvm-mte save" "$TOOL" save --qmp=/run/two.qmp two /run/two
	qemu_stop two
	# shellcheck disable=SC2046 # several words on purpose
	destination_up three $(with_monitor three) -incoming defer
	ends 0 "three: restored with its tags" "kvm-mte restore" "$TOOL" restore --qmp=/run/three.qmp three /run/two
	heap_check three "kvm-mte restore"
	qemu_stop three
	rm /run/two /run/two.tags
fi

is "$(by_module)" "" "no VM is left"
unload_module || not_ok "the module unloads"
done_testing
