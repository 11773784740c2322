#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a Linux guest that loses tags or data when a stock QEMU that knows nothing of tags migrates, saves or restores it,
# and "kvm-mte tags", or "kvm-mte migrate", "save" and "restore", carry the tags; a guest that runs before its tags are in; a
# failure that leaves a guest with wrong tags.
# kernels: 5.10 6.12 7.2
# quick-kernels: 5.10
# hooks: once
# timeout: 1500
. /t/lib.sh
. /t/hooks.sh
. /t/heap.sh

TOOL=$T/kvm-mte
SOCKET=/run/migrate.sock

is_state() { is "$(vm_get "$1" state), hold $(vm_get "$1" hold)" "$2" "$3: state"; }

# migrated NAME - waits until QEMU's migration has ended; prints its state.
migrated() {
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

# tags_save / tags_load NAME FILE [OPTION...]
tags_save() { "$TOOL" tags save "${@:3}" "$(qemu_pid "$1")" >"$2"; }
tags_load() { "$TOOL" tags load "${@:3}" "$(qemu_pid "$1")" <"$2"; }

source_up() {
	succeeds "$1: the source starts" qemu_start "$1" "${@:2}"
	guest_wait_boot "$1" || bail "no guest"
	heap_start "$1"
}

destination_up() {
	succeeds "$1: the destination starts" qemu_start "$1" "${@:2}"
}

load_module || bail "the module does not load"
echo on >"$MTE/policy/default"

# --- live migration, with the tags ---

source_up src
destination_up dst -incoming "unix:$SOCKET"
"$TOOL" tags save --at-end "$(qemu_pid src)" 2>/run/save.err | "$TOOL" tags load --incoming "$(qemu_pid dst)" 2>/run/load.err &
PIPE=$!
succeeds "save waits for the VM's end" said_line /run/save.err 'waiting until the VM ends'
succeeds "load holds the destination" said_line /run/load.err 'held until its tags are in'
is_state dst "on, hold 1" "the destination"
qemu_monitor src "migrate -d unix:$SOCKET" >/dev/null
is "$(migrated src)" completed "QEMU migrates"
is_state dst "on, hold 1" "the destination, when QEMU has migrated"
qemu_stop src
wait "$PIPE"
is "$?" 0 "the tags are loaded"
is_state dst "on, hold 0" "the destination, when the tags are in"
heap_check dst "live migration"
is "$(guest_run dst '/mte-selftests check_tags_inclusion check_prctl' | tail -n 1)" "mte-selftests: 9 passed, 0 failed, 0 skipped" "live migration: MTE works"

# --- save to a file and restore ---

qemu_monitor dst stop >/dev/null
succeeds "save of a stopped VM" tags_save dst /run/tags
qemu_monitor dst "migrate exec:cat>/run/state" >/dev/null
is "$(migrated dst)" completed "QEMU saves"
qemu_stop dst
destination_up again -S -incoming "exec:cat /run/state"
succeeds "load into the restored VM" tags_load again /run/tags --incoming
migrated again >/dev/null
qemu_monitor again cont >/dev/null
heap_check again "restored"

# --- without the tags ---

destination_up without -incoming "unix:$SOCKET"
qemu_monitor again "migrate -d unix:$SOCKET" >/dev/null
is "$(migrated again)" completed "without kvm-mte: QEMU migrates"
qemu_stop again
# shellcheck disable=SC2016 # the guest expands it
is "$(guest_run without 'sleep 1; kill -0 $(cat /tmp/heap.pid) 2>/dev/null && echo alive || echo dead')" dead "without kvm-mte: the guest's program dies of a tag fault"
qemu_stop without

# --- a stream that is cut ---

if full; then
	destination_up cut -S -incoming "exec:cat /run/state"
	head -c "$(($(stat -c %s /run/tags) / 2))" /run/tags >/run/half
	fails "a stream that is cut" tags_load cut /run/half --incoming
	is_state cut "on, hold 1" "after a stream that was cut"
	succeeds "the whole stream after that" tags_load cut /run/tags
	migrated cut >/dev/null
	qemu_monitor cut cont >/dev/null
	heap_check cut "after a stream that was cut"
	qemu_stop cut
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
	guest_alive one && not_ok "kvm-mte migrate: the source has ended"
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
