#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: crashes, hangs and broken guests when the module is unloaded and loaded while VMs run and others are created; VMs
# that are not found; hooks that miss a call.
# timeout: 1500
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

if full; then ROUNDS=50; else ROUNDS=5; fi

load_module || bail "the module does not load"
qemu_start g
guest_wait_boot g || bail "no guest"
guest_run g '(while :; do sh -c "date; uname -a; cat /proc/cpuinfo"; done) >/dev/null 2>&1 &'
hold_start vm hold
hold_is vm spin spin "a guest that makes hypercalls all the time"
STEADY=$(by_kvm)
is "$(wc -l <<<"$STEADY")" 2 "two VMs run all the time"
rm -f /tmp/enough
while [[ ! -e /tmp/enough ]]; do
	"$CLIENT" hammer --threads=2 --rounds=10 || echo "hammer ended with $?"
done >/tmp/hammer 2>&1 &
HAMMER=$!
hammered() { (($(by_kvm | wc -l) > 2)); }
wait_until 60 hammered

dmesg_mark
# insmod and rmmod have a high priority: the CPUs are busy, and the rounds would take very long.
bad_load=0 bad_unload=0 bad_names=0 bad_state=0
for ((round = 1; round <= ROUNDS; round++)); do
	nice -n -20 rmmod kvm_mte || { bad_unload=$((bad_unload + 1)); break; }
	nice -n -20 insmod "$T/kvm_mte.ko" "hook=$HOOK" || { bad_load=$((bad_load + 1)); break; }
	# By name: a list may leave out one of them (tests/host/lib.sh:vm_dir()).
	for vm in $STEADY; do
		[[ -d $MTE/vms/$vm ]] || bad_names=$((bad_names + 1))
	done
	# In every fifth round a change is pending for a moment.
	((round % 5)) && continue
	vm_set g enable 1
	[[ $(vm_get g state) == turning-on ]] || bad_state=$((bad_state + 1))
	vm_set g enable 0
	[[ $(vm_get g state) == off ]] || bad_state=$((bad_state + 1))
done
is "$bad_load $bad_unload" "0 0" "$ROUNDS rounds: every load and unload succeeds"
is "$bad_names" 0 "$ROUNDS rounds: both VMs are found each time, by KVM's names"
is "$bad_state" 0 "$ROUNDS rounds: the knob works in between"
is "$(said | grep -c '^loaded: ')" "$ROUNDS" "$ROUNDS rounds: as many messages"
is "$(said | grep '^unloaded' | sort -u)" "unloaded: 0 calls missed" "$ROUNDS rounds: no hook has missed a call"

touch /tmp/enough
wait "$HAMMER"
is "$(grep -vc '^ok - ' /tmp/hammer)" 0 "the hammered ioctls all gave what they should"
like "$(cat /tmp/hammer)" '^ok - VMs made and run' "VMs were created and run"
diag "$(grep -c '^ok - ' /tmp/hammer) hammers of 20 VMs"
is "$(guest_run g 'echo alive')" alive "the guest is alive"
hold_tell vm stop
like "$HOLD_SAID" '^stop [1-9][0-9]+$' "the VM that makes hypercalls is alive, too"
hold_is vm gcr "gcr 1" "it has no MTE"

if full; then
	vm_set g enable 1
	qemu_monitor g system_reset
	guest_wait_boot g || bail "the guest does not boot after a reset"
	is "$(vm_get g state)" on "after all that the guest can have MTE"
	is "$(guest_run g "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" 1 "and sees it"
fi
qemu_stop g
hold_end vm
is "$(rmmod_says)" ok "it unloads"
not_loaded "at the end"

done_testing
