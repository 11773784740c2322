#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the knob ("enable") failing for a real guest under a QEMU that knows nothing of MTE: turned before the first run,
# while the guest runs, undone, on and off again; a policy that does not reach a new VM; changes without a uevent or
# tracepoint, or with a wrong one.
# timeout: 1200
# quick: kprobe
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

STATES=$TRACING/instances/states

# is_mte NAME CPUS POINT - so many CPUs of the guest have MTE.
is_mte() { is "$(guest_run "$1" "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" "$2" "$3"; }

# works NAME POINT - tags and checks work in the guest.
works() { is "$(guest_run "$1" '/mte-selftests check_tags_inclusion check_prctl' | tail -n 1)" "mte-selftests: 9 passed, 0 failed, 0 skipped" "$2"; }

is_state() {
	is "$(vm_get "$1" state), $(vm_get "$1" enable), $(vm_get "$1" origin)" "$2" "$3: state, enable, origin"
}

# reset NAME - resets the guest through QEMU's monitor, as an admin does.
reset() {
	qemu_monitor "$1" system_reset
	guest_wait_boot "$1" || bail "the guest does not boot after a reset"
}

cat >/tmp/listener <<'EOL'
#!/bin/bash
[[ $SUBSYSTEM == kvm_mte ]] && echo "$ACTION $DEVPATH PID=$PID FD=$FD STATE=$STATE" >>/tmp/uevents
[[ $DEVPATH == /module/kvm_mte && $ACTION == remove ]] && echo end >>/tmp/uevents
exit 0
EOL
chmod +x /tmp/listener
: >/tmp/uevents
busybox uevent /tmp/listener &
LISTENER=$!
# listens - the listener has its socket: protocol 15 (NETLINK_KOBJECT_UEVENT), its process id as the port.
listens() { awk -v pid="$LISTENER" '$2 == 15 && $3 == pid { found = 1 } END { exit !found }' /proc/net/netlink; }
wait_until 60 listens || bail "nobody listens for uevents"

load_module || bail "the module does not load"
mkdir "$STATES"
echo 1 >"$STATES/events/kvm_mte/kvm_mte_state/enable"
echo 16384 >"$TRACING/buffer_size_kb"
echo 1 >"$TRACING/events/kvm_mte/kvm_mte_clear_tags/enable"

# --- before the first run ---

succeeds "QEMU starts, and waits" qemu_start g -S -smp 2
VM=$(basename "$(vm_dir "$(qemu_pid g)")")
like "$VM" "^$(qemu_pid g)-[0-9]+\$" "its VM's directory is named after its process"
is "$(ls -d "/sys/kernel/debug/kvm/$VM" 2>&1)" "/sys/kernel/debug/kvm/$VM" "KVM's own directory has the same name"
is "$(vm_get g pid), $(vm_get g vcpus)" "$(qemu_pid g), 2" "pid, vcpus"
is_state g "off, 0, none" "a new VM"
vm_set g enable 1
is_state g "on, 1, admin" "1 before the first run"
qemu_monitor g cont
guest_wait_boot g || bail "no guest"
is_mte g 2 "the guest has MTE on both CPUs"
works g "and it works"
echo 0 >"$TRACING/events/kvm_mte/kvm_mte_clear_tags/enable"
is "$(sed -nE "s/.* kvm_mte_clear_tags: vm=$VM ipa=0x[0-9a-f]+ size=0x[0-9a-f]+ pages=([0-9]+)\$/\1/p" "$TRACING/trace" |
	awk '{ n += $1 } END { print n }')" "$(vm_get g stats/pages_tagged)" \
	"kvm_mte_clear_tags reports every page that stats/pages_tagged counts"

# --- off again, while it runs ---

vm_set g enable 0
is_state g "turning-off, 0, admin" "0 while the guest runs"
is_mte g 2 "the guest still has MTE"
works g "and it works"
reset g
is_state g "off, 0, admin" "after the reset"
is_mte g 0 "the guest has no MTE"

# --- on, undone ---

vm_set g enable 1
is_state g "turning-on, 1, admin" "1 while the guest runs"
is_mte g 0 "the guest has none yet"
vm_set g enable 0
is_state g "off, 0, admin" "undone"
# The quick tier tests this with the client (case undo).
if full; then
	reset g
	is_state g "off, 0, admin" "undone, after the reset"
	is_mte g 0 "the guest has no MTE"
fi

# --- on, and the guest reboots by itself ---

vm_set g enable on
is_state g "turning-on, 1, admin" "on while the guest runs"
is "$(guest_run g 'echo alive')" alive "the guest goes on"
guest_run g 'reboot -f' 5 >/dev/null 2>&1
guest_wait_boot g || bail "the guest does not boot again"
is_state g "on, 1, admin" "after the guest's own reboot"
is_mte g 2 "the guest has MTE on both CPUs"
works g "and it works"

# --- off, undone ---

vm_set g enable 0
is_state g "turning-off, 0, admin" "0 while the guest runs"
vm_set g enable 1
is_state g "on, 1, admin" "undone"
if full; then
	reset g
	is_state g "on, 1, admin" "undone, after the reset"
	is_mte g 2 "the guest has MTE on both CPUs"
fi

# --- what listeners were told ---

qemu_stop g
is "$(ls "$MTE/vms")" "" "the directory goes with the VM"
is "$(sed -nE "s/.* kvm_mte_state: vm=$VM //p" "$STATES/trace")" "off -> on
on -> turning-off
turning-off -> off
off -> turning-on
turning-on -> off
off -> turning-on
turning-on -> on
on -> turning-off
turning-off -> on
on -> off" "tracepoint kvm_mte_state: every change"
E=/kernel/kvm_mte/vms/$VM WHO="PID=${VM%-*} FD=${VM#*-}"
WANT="add $E $WHO STATE=off
$(printf "change $E $WHO STATE=%s\n" on turning-off off turning-on off turning-on on turning-off on)
remove $E $WHO STATE=off"

# --- policy ---

for word in on request off; do
	echo "$word" >"$MTE/policy/default"
	qemu_start "$word" -S
done
is_state on "on, 1, policy" "a new VM with policy on"
is_state request "off, 0, none" "with policy request"
is_state off "off, 0, none" "with policy off"
qemu_stop request
vm_set off enable 1
is_state off "on, 1, admin" "with policy off, turned on by an admin"
qemu_stop off
if full; then
	qemu_monitor on cont
	guest_wait_boot on || bail "no guest"
	is_mte on 1 "policy on: the guest has MTE"
	works on "and it works"
fi
is_state on "on, 1, policy" "nothing has changed while it runs"
qemu_stop on

# Policy never breaks a VM.
echo on >"$MTE/policy/default"
dmesg_mark
client_points aarch32 --enable=none --expect=off
like "$(said)" 'policy asked for MTE, but a vCPU is 32-bit' "policy on and a 32-bit vCPU: the log has the reason"
dmesg_mark
client_points slots --enable=none --expect=off
like "$(said)" 'policy asked for MTE, but memory slot 1 cannot hold tags' "policy on and memory of a file: the log has the reason"

unload_module || not_ok "the module unloads"
wait_until 60 grep -q '^end$' /tmp/uevents
is "$(grep " $E " /tmp/uevents)" "$WANT" "uevents of the guest's VM: every change, with PID, FD and STATE"
is "$(grep -c "^add " /tmp/uevents)" "$(grep -c "^remove " /tmp/uevents)" "as many remove as add"

done_testing
