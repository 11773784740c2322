#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: an unload that succeeds while a VM relies on the module, or is refused when none does; VMs that exist before the
# module is loaded and are not found, are found twice, or get another name; a search for them that any user can make so long that
# the host's CPUs stall.
# quick: kprobe
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

refused() {
	is "$(rmmod_says)" EAGAIN "$1: rmmod is refused"
	is "$(module_loaded && echo loaded)" loaded "$1: it is still loaded"
}

# reloads WHEN - unloads the module and loads it again.
reloads() {
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
reloads "off again"
hold_is vm run "run 2000"
hold_is vm "enable 1" "enable 0"
is "$(cat "$DIR/state")" turning-on "the VM is turning on"
refused "turning on"
hold_is vm "enable 0" "enable 0"
reloads "undone"
hold_is vm "enable 1" "enable 0"
hold_is vm init init
is "$(cat "$DIR/state")" on "the VM is on after a reboot"
hold_is vm run "run 2000"
hold_is vm "enable 0" "enable 0"
is "$(cat "$DIR/state")" turning-off "the VM is turning off"
refused "turning off"
hold_is vm init init
is "$(cat "$DIR/state")" off "the VM is off after a reboot"
reloads "off after a reboot"
hold_is vm gcr "gcr 1" "the guest goes on without MTE"
hold_is vm "enable 1" "enable 0"
hold_is vm init init
hold_is vm idreg "idreg 3" "after the module is loaded again the VM can have MTE"
refused "on, after all that"
kill -KILL "${HOLD_PID[vm]}"
wait "${HOLD_PID[vm]}" 2>/dev/null
wait_until 60 test ! -d "$DIR"
reloads "its VMM was killed"

# --- VMs that exist before the module is loaded ---

is "$(rmmod_says)" ok "it unloads"
hold_start hidden share
read -r _ SHARED CLOSED SENT <<<"$HOLD_SAID"
load_module || bail "it does not load again"
is "$(by_module)" "$(printf '%s\n' "$SHARED" "$CLOSED" | sort)" \
	"found once: a VM whose descriptor several processes have, a VM of which only the vCPU's descriptor is open"
hold_is hidden run "run 2000"
hold_is hidden receive receive "a VM whose descriptor was in a socket gets a vCPU"
is "$(by_module)" "$(by_kvm)" "it has its directory then"
is "$(cat "$MTE/vms/$SENT/vcpus" 2>&1)" 1 "with its vCPU"
for vm in "$SHARED" "$CLOSED" "$SENT"; do
	is "$(try_write "$MTE/vms/$vm/enable" 1)" ok "$vm can be turned on"
done
hold_is hidden run "run 3000"
refused "on"
hold_end hidden
no_vm() { [[ -z $(by_module) ]]; }
wait_until 60 no_vm
is "$(by_module)" "" "their directories go with the VMs"

# --- a user who makes the search for VMs long ---

# If the search looks at the table once for each process, or at all VMs for each descriptor, the host's kernel complains of a lockup.
is "$(rmmod_says)" ok "it unloads"
hold_start crowd crowd
read -r _ _ VMS <<<"$HOLD_SAID"
load_module || bail "it does not load"
is "$(by_module | wc -l)" "$VMS" "the VMs of a table with very many descriptors, which very many processes have, are found"
is "$(by_module)" "$(by_kvm)" "by KVM's names"
hold_end crowd

# --- a change that is taken back during a KVM_RUN that does not end ---

hypercalls() { cat /sys/kernel/debug/kvm/*-*/hvc_exit_stat; }
runs() { (($(hypercalls) > 1000)); }
gone() { [[ ! -d /sys/module/kvm_mte ]]; }
hold_start long hold
hold_is long gcr "gcr 1" "a VM without MTE has run"
hold_is long "enable 1" "enable 0" "it is turning on"
hold_is long spin spin "a KVM_RUN begins"
succeeds "and goes on" wait_until 60 runs
hold_is long "enable 0" "enable 0" "the change is taken back"
rmmod kvm_mte &
succeeds "it unloads, and does not wait for that KVM_RUN" wait_until 60 gone
hold_tell long stop
hold_end long
wait "$!"
not_loaded "at the end"

done_testing
