#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a stock QEMU that asks for MTE and does not get it, or gets it against the policy; a QEMU that does not ask and is
# not treated as the policy says; registers of QEMU that are refused at a reset after MTE was turned on or off; a migration
# that loses tags without a warning.
# timeout: 1500
# quick: kprobe
. /t/lib.sh
. /t/hooks.sh

is_state() { is "$(vm_get "$1" state), $(vm_get "$1" origin)" "$2" "$3: state, origin"; }

# has_mte NAME YES|NO POINT - what the guest sees, and whether tags work.
has_mte() {
	is "$(guest_run "$1" "grep -qm1 '^Features.*\bmte\b' /proc/cpuinfo && echo yes || echo no")" "$2" "$3: MTE in the guest"
	[[ $2 == no ]] ||
		is "$(guest_run "$1" '/mte-selftests check_tags_inclusion check_prctl' | tail -n 1)" "mte-selftests: 9 passed, 0 failed, 0 skipped" "$3: it works"
}

# start NAME [QEMU-ARG...] - up to the guest's shell.
start() {
	succeeds "$1: QEMU starts" qemu_start "$@"
	guest_wait_boot "$1" || bail "no guest"
}

# reset NAME POINT - resets the guest by the monitor. QEMU writes all registers back, and aborts if one is refused.
reset() {
	qemu_monitor "$1" system_reset
	guest_wait_boot "$1" || bail "$2: the guest does not boot after a reset"
	is "$(guest_alive "$1" && echo alive)" alive "$2: QEMU has survived the reset"
}

# stop NAME - ends the guest. QEMU's own log must be empty.
stop() {
	is "$(cat "$GUESTS/$1/qemu.log")" "" "$1: QEMU has said nothing"
	qemu_stop "$1"
	is "$(by_module)" "" "$1: its VM is gone"
}

load_module || bail "the module does not load"

# --- QEMU asks ---

for word in request on; do
	echo "$word" >"$MTE/policy/default"
	if ! full && [[ $word == request ]]; then
		succeeds "request: QEMU starts" qemu_start request -machine mte=on -smp 2 -S
		is_state request "on, vmm" "request, mte=on"
		vm_set request enable 1
		is_state request "on, vmm" "turned on although it is on: the origin stays vmm"
		stop request
		continue
	fi
	start "$word" -machine mte=on -smp 2
	is_state "$word" "on, vmm" "$word, mte=on"
	has_mte "$word" yes "$word, mte=on"
	[[ $word == request ]] && { stop "$word"; continue; }
	if full; then
		reset "$word" "mte=on"
		has_mte "$word" yes "mte=on, after a reset"
	fi
	vm_set "$word" enable 0
	is_state "$word" "turning-off, admin" "mte=on, turned off"
	reset "$word" "mte=on, turned off"
	is_state "$word" "off, admin" "mte=on, turned off, after a reset"
	has_mte "$word" no "mte=on, turned off, after a reset"
	if full; then
		vm_set "$word" enable 1
		reset "$word" "mte=on, turned off and on"
		is_state "$word" "on, admin" "mte=on, turned off and on, after a reset"
		has_mte "$word" yes "mte=on, turned off and on, after a reset"
	fi
	stop "$word"
done

echo off >"$MTE/policy/default"
OUT=$(timeout 60 qemu-system-aarch64 -M virt,gic-version=3,accel=kvm,mte=on -cpu host -m 256M -nodefaults -display none 2>&1 </dev/null)
is "$?" 1 "mte=on under policy off: QEMU ends"
like "$OUT" 'MTE requested, but not supported by KVM' "and says why"
is "$(wc -l <<<"$OUT")" 1 "in one line"
is "$(by_module)" "" "and leaves no VM"

# --- QEMU does not ask ---

# In the quick tier only the case knob has QEMUs that do not ask.
if full; then
	for word in off request; do
		echo "$word" >"$MTE/policy/default"
		start "no-$word"
		is_state "no-$word" "off, none" "not asked for, $word"
		has_mte "no-$word" no "not asked for, $word"
		[[ $word == request ]] || stop "no-$word"
	done
	vm_set no-request enable 1
	reset no-request "not asked for, turned on"
	is_state no-request "on, admin" "not asked for, turned on, after a reset"
	has_mte no-request yes "not asked for, turned on, after a reset"
	reset no-request "again"
	vm_set no-request enable 0
	reset no-request "turned off"
	has_mte no-request no "turned off"
	stop no-request
fi

echo on >"$MTE/policy/default"
if full; then
	start no-on -smp 2
else
	succeeds "no-on: QEMU starts" qemu_start no-on -S
fi
echo request >"$MTE/policy/default"
is_state no-on "on, policy" "not asked for, on"
if full; then
	has_mte no-on yes "not asked for, on"
	reset no-on "not asked for, on"
	has_mte no-on yes "not asked for, on, after a reset"
fi

# --- QEMU does not ask, and migrates the guest without its tags ---

migrated() { qemu_monitor "$1" 'info migrate' | grep -qE 'completed|failed'; }

is "$(vm_get no-on stats/untracked_migrations)" 0 "no migration so far"
dmesg_mark
qemu_monitor no-on 'migrate -d file:/tmp/state'
wait_until 300 migrated no-on
like "$(qemu_monitor no-on 'info migrate')" 'completed' "QEMU has saved the guest to a file"
is "$(vm_get no-on stats/untracked_migrations)" 1 "the migration is counted"
is "$(said | grep -c "^$(basename "$(vm_dir "$(qemu_pid no-on)")"): untracked")" 1 "and logged"
rm -f /tmp/state
stop no-on

# A QEMU that has asked for MTE itself knows that it cannot migrate tags.
if full; then
	start aware -machine mte=on
else
	succeeds "aware: QEMU starts" qemu_start aware -machine mte=on -S
fi
like "$(qemu_monitor aware 'migrate file:/tmp/state')" 'MTE' "mte=on: QEMU refuses to migrate"
is "$(vm_get aware stats/untracked_migrations)" 0 "mte=on: nothing to count"
stop aware

is "$(try_unload)" ok "it unloads"
done_testing
