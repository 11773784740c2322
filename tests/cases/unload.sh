#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Catches: unloading while a VM relies on the module, or refused though none does; VMs that exist already and are not
# found, found twice or under another name; crashes, hangs and broken guests when hooks come and go under load.
# mem: 2G
# timeout: 1500
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

ROUNDS=50

# rmmod of kmod looks at the reference count itself; busybox asks the kernel.
rmmod_says() { errno_of '-e delete_module' busybox rmmod kvm_mte; }

# by_kvm / by_module - names of VMs, as KVM's debugfs has them and as the module.
by_kvm() { find /sys/kernel/debug/kvm -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort; }
by_module() { find "$MTE/vms" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort; }

refused() {
	is "$(rmmod_says)" EAGAIN "$1: rmmod is refused"
	is "$(module_loaded && echo loaded)" loaded "$1: it is still loaded"
}

# anew NAME - unloads and loads.
anew() {
	is "$(rmmod_says)" ok "$1: it unloads"
	load_module || bail "it does not load again"
}

# --- a VM that is not off pins the module ---

load_module || bail "the module does not load"
hold_start vm hold --vcpus=2
DIR=$(vm_dir "${HOLD_PID[vm]}")
hold_is vm "enable 1" "enable 0"
is "$(cat "$DIR/state")" on "a VM is on"
refused "on"
like "$(rmmod kvm_mte 2>&1)" 'is in use' "on: and it says so"
hold_is vm "enable 0" "enable 0"
anew "off again"
hold_is vm run "run 2000"
hold_is vm "enable 1" "enable 0"
is "$(cat "$DIR/state")" turning-on "the VM is turning on"
refused "turning on"
hold_is vm "enable 0" "enable 0"
anew "undone"
hold_is vm "enable 1" "enable 0"
hold_is vm init init
is "$(cat "$DIR/state")" on "the VM is on after a reboot"
hold_is vm run "run 2000"
hold_is vm "enable 0" "enable 0"
is "$(cat "$DIR/state")" turning-off "the VM is turning off"
refused "turning off"
hold_is vm init init
is "$(cat "$DIR/state")" off "the VM is off after a reboot"
anew "off after a reboot"
hold_is vm gcr "gcr 1" "without MTE the guest runs on"
hold_is vm "enable 1" "enable 0"
hold_is vm init init
hold_is vm idreg "idreg 3" "with the module loaded anew it can have MTE again"
refused "on, after all that"
kill -KILL "${HOLD_PID[vm]}"
wait "${HOLD_PID[vm]}" 2>/dev/null
wait_until 60 test ! -d "$DIR"
anew "its VMM was killed"

# --- VMs that are there already ---

is "$(rmmod_says)" ok "it unloads"
hold_start hidden share
read -r _ SHARED CLOSED SENT <<<"$HOLD_SAID"
load_module || bail "it does not load again"
is "$(by_module)" "$(printf '%s\n' "$SHARED" "$CLOSED" | sort)" \
	"found once: a VM whose descriptor several have, a VM of which only the vCPU's is open"
hold_is hidden run "run 2000"
hold_is hidden receive receive "a VM whose descriptor was in a socket gets a vCPU"
is "$(by_module)" "$(by_kvm)" "and has its folder then"
is "$(cat "$MTE/vms/$SENT/vcpus" 2>&1)" 1 "with its vCPU"
for vm in "$SHARED" "$CLOSED" "$SENT"; do
	is "$(try_write "$MTE/vms/$vm/enable" 1)" ok "$vm can be turned on"
done
hold_is hidden run "run 3000"
refused "on"
hold_end hidden
wait_until 60 test -z "$(by_module)"
is "$(by_module)" "" "their folders go with them"

# --- under load ---

anew "nothing is left"
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

dmesg_mark
# Loading comes before the load on the CPUs, or the rounds would take very long.
bad_load=0 bad_unload=0 bad_names=0 bad_state=0
for ((round = 1; round <= ROUNDS; round++)); do
	nice -n -20 rmmod kvm_mte || { bad_unload=$((bad_unload + 1)); break; }
	nice -n -20 insmod "$T/kvm_mte.ko" "hook=$HOOK" || { bad_load=$((bad_load + 1)); break; }
	[[ $(by_module | grep -Fx "$STEADY") == "$STEADY" ]] || bad_names=$((bad_names + 1))
	# Something is pending for a moment in every fifth round.
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
like "$(cat /tmp/hammer)" '^ok - VMs made and run' "and there were some"
diag "$(grep -c '^ok - ' /tmp/hammer) hammers of 20 VMs"
is "$(guest_run g 'echo alive')" alive "the guest is alive"
hold_tell vm stop
like "$HOLD_SAID" '^stop [1-9][0-9]+$' "so is the one that makes hypercalls"
hold_is vm gcr "gcr 1" "it has no MTE"

# --- and the knob still works ---

vm_set g enable 1
qemu_monitor g system_reset
guest_wait_boot g || bail "the guest does not boot after a reset"
is "$(vm_get g state)" on "after all that the guest can have MTE"
is "$(guest_run g "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" 1 "and sees it"
qemu_stop g
hold_end vm
is "$(rmmod_says)" ok "it unloads"
not_loaded "at the end"

done_testing
