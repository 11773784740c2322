#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte calling a host unfit when --root names no directory; the same exit status for "this host cannot" and for
# "the module is not loaded"; output that is lost without an error.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

W=$RUN_DIR/tool-exit
HOST=$W/host
TOOL=$W/kvm-mte
mkdir -p "$W"
make -s -C "$TOP/tools" OUT="$W" || bail "the tool does not build"

# file PATH TEXT - a file of the made-up host.
file() {
	mkdir -p "$HOST/$(dirname "$1")"
	printf '%b' "$2" >"$HOST/$1"
}

# says STATUS OUTPUT NAME ARGUMENT... - both streams of the tool, and its exit status.
says() {
	local out status=0
	out=$("$TOOL" "${@:4}" 2>&1) || status=$?
	is "$status: $out" "$1: $2" "$3"
}

# ends STATUS ARGUMENT... - only the exit status, on the made-up host.
ends() {
	local status=0
	"$TOOL" --root="$HOST" "${@:2}" >"$W/out" 2>&1 || status=$?
	is "$status" "$1" "exit status of: ${*:2}"
}

# --- --root ---

for command in status check list 'enable 1' policy 'policy on'; do
	# shellcheck disable=SC2086 # several words
	says 1 "kvm-mte: --root: $HOST: No such file or directory" "$command, --root does not exist" --root="$HOST" $command
done
says 125 "kvm-mte: --root: $HOST: No such file or directory" "run, --root does not exist" --root="$HOST" run -- true
: >"$W/plain"
says 1 "kvm-mte: --root: $W/plain: Not a directory" "status, --root is no directory" --root="$W/plain" status
mkdir "$HOST"
says 1 "kvm-mte: $HOST/proc/cpuinfo: No such file or directory" "status, nothing there tells what machine it is" --root="$HOST" status

# --- the host cannot, or the module is not loaded ---

file proc/cpuinfo "processor\t: 0\nvendor_id\t: GenuineIntel\n"
ends 3 status
file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
ends 3 status
file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd mte\nCPU implementer\t: 0x41\n"
ends 3 status
file dev/kvm ""
ends 4 status
file lib/modules/5.10.0-x/modules.dep "updates/dkms/kvm_mte.ko:\n"
file proc/sys/kernel/osrelease "5.10.0-x\n"
ends 4 status
for command in list 'list --json' events 'events --json' drain 'drain --wait' 'enable 1' 'disable 1' policy 'policy on'; do
	# shellcheck disable=SC2086 # several words
	ends 4 $command
	is "$(<"$W/out")" 'kvm-mte: the module kvm_mte is not loaded; "kvm-mte status" tells whether it can be loaded here' "and what it says"
done

# --- output that cannot be written ---

# full NAME ARGUMENT... - standard output is a full disk.
full() {
	local out status=0
	out=$("$TOOL" "${@:2}" 2>&1 >/dev/full) || status=$?
	is "$status: $out" "1: kvm-mte: cannot write: No space left on device" "$1, into a full disk"
}
full "status without the module" --root="$HOST" status
file sys/kernel/kvm_mte/version "1\n"
file sys/kernel/kvm_mte/policy/default "request\n"
mkdir -p "$HOST/sys/kernel/kvm_mte/vms"
full "status" --root="$HOST" status
full "policy" --root="$HOST" policy
full "list" --root="$HOST" list
full "list, twice" --root="$HOST" list --watch=0.1 --count=2
full "help" --help
full "version" --version
for f in pid:1 enable:0 state:off origin:none vcpus:1 stats/pages_tagged:0; do
	file "sys/kernel/kvm_mte/vms/1-9/${f%:*}" "${f#*:}\n"
done
full "enable" --root="$HOST" enable 1-9
is "$(<"$HOST/sys/kernel/kvm_mte/vms/1-9/enable")" 1 "enable: the VM was changed all the same"
ends 0 policy on
ends 0 status

# --- the manual page and the help ---

PAGE=$(mandoc -Tutf8 "$TOP/tools/kvm-mte.8" | sed 's/.\x08//g' | sed -n '/^EXIT STATUS/,/^EXAMPLES/p')
for status in 0 1 2 3 4 5 6 125 126 127; do
	like "$PAGE" "(^| )$status( |,|\$)" "the page has the exit status $status"
	like "$("$TOOL" --help)" "(^| )$status " "so has the help"
done
done_testing
