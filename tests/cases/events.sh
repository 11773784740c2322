#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a change by an administrator that leaves no line in the log and no trace event, or one with a wrong user, process or
# program; a line for a change that has failed or changes nothing; a VM that is held for its tags without a line; a program's name
# that begins a line of the log; a VM whose refusals leave no line in the log because another VM has had too many; "kvm-mte events"
# that misses what happens, shows it twice, or names a wrong VM; "kvm-mte drain" that ends while rmmod would be refused; a
# trace event whose words perf does not know.
# hooks: once
# kernels: 5.10 7.2
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

TRACING=/sys/kernel/tracing
EVIL=$'a, by uid\nb'
cp /bin/bash /tmp/plain
cp /bin/bash "/tmp/$EVIL"
mte() { "$T/kvm-mte" "$@"; }
# writes PROGRAM FILE TEXT - a program of that name writes to the file. BY: its process.
writes() {
	# shellcheck disable=SC2016 # for that program
	BY=$("/tmp/$1" -c 'echo $$; printf "%s" "$2" 2>/dev/null >"$1"' _ "$2" "$3" 2>/dev/null)
}
# logs LINE NAME PROGRAM FILE TEXT - the write leaves this line, followed by who has made it. Without LINE it leaves none.
logs() {
	dmesg_mark
	writes "${@:3}"
	is "$(said)" "${1:+$1, by uid 0, process $BY (${3/$'\n'/\\n})}" "log: $2"
}
load_module || bail "the module does not load"
# A name of an enum in a format means nothing to perf and trace-cmd.
is "$(grep -hoE '\{ [A-Z]\w+, "[^}]*' "$TRACING"/events/kvm_mte/*/format)" "" "the formats of the trace events have numbers for enums"
is "$(grep -hoE '\{ [0-9]+, "turning-off" \}' "$TRACING"/events/kvm_mte/kvm_mte_state/format | sort -u)" '{ 3, "turning-off" }' "and the right ones"
"$T/kvm-mte" events --json >/tmp/events 2>/tmp/events.err &
EVENTS=$!
# listens - it has its socket: protocol 15 (NETLINK_KOBJECT_UEVENT), its process id as the port; and the log.
listens() {
	awk -v pid="$EVENTS" '$2 == 15 && $3 == pid { found = 1 } END { exit !found }' /proc/net/netlink &&
		[[ -n $(find "/proc/$EVENTS/fd" -lname /dev/kmsg) ]]
}
wait_until 60 listens || bail "nobody listens"
printed() { grep -qE "$1" /tmp/events; }
# once REGEX NAME - it prints such a line, and only one.
once() {
	wait_until 60 printed "$1"
	is "$(grep -cE "$1" /tmp/events)" 1 "events: $2"
}
# set_event VM MESSAGE NAME - it prints that the last writer has done this.
set_event() {
	once "\"event\": \"set\", \"vm\": $1, .*\"message\": \"$2, by uid 0, process $BY .*\"by_uid\": 0, \"by_pid\": $BY, \"by_name\": \"" "$3"
}

# --- policy ---

logs "policy/default: off" "policy/default" plain "$MTE/policy/default" off
set_event null "policy/default: off" "policy/default"
logs "" "the word that is there already" plain "$MTE/policy/default" off
dmesg_mark
writes plain "$MTE/policy/default" never
is "$(said)" "policy: not one of request, on, off" "log: a word that is refused"
logs "policy/migration: refuse" "policy/migration" plain "$MTE/policy/migration" refuse
logs "" "the word that is there already" plain "$MTE/policy/migration" refuse
logs "policy/migration: warn" "policy/migration, back" plain "$MTE/policy/migration" warn
mkdir -p /sys/fs/cgroup/a
logs "policy/on_cgroups: /a" "a cgroup" plain "$MTE/policy/on_cgroups" /a
logs "policy/on_cgroups: -/a" "a cgroup is taken off" plain "$MTE/policy/on_cgroups" -/a
rmdir /sys/fs/cgroup/a
sleep 1000 &
logs "policy/on_pids: $!" "a process" plain "$MTE/policy/on_pids" "$!"
kill "$!"
dmesg_mark
writes plain "$MTE/policy/off_pids" 0
is "$(said)" "policy/off_pids: $BY, by uid 0, process $BY (plain)" "log: a process that puts itself on a list"
dmesg_mark
writes plain "$MTE/policy/off_pids" 4194303
is "$(said)" "policy/off_pids: no process 4194303" "log: a process that is not there"

# --- a VM ---

echo 1 >"$TRACING/events/kvm_mte/kvm_mte_set/enable"
# traced NAME PATTERN - the last trace event is this.
traced() { is "$(sed -n 's/.*kvm_mte_set: //p' "$TRACING/trace" | tail -n 1)" "$2" "trace: $1"; }
hold_start vm hold --enable=none
DIR=$(vm_dir "${HOLD_PID[vm]}") VM=$(basename "$(vm_dir "${HOLD_PID[vm]}")")
once "\"event\": \"added\", \"vm\": \"$VM\", .*\"pid\": ${HOLD_PID[vm]}, \"state\": \"off\"" "a VM is created"
is "$("$CLIENT" ask | grep -c 'enable EINVAL')" 3 "policy off: VMMs that ask are refused"
wait_until 60 printed '"event": "refused"'
like "$(grep -m1 '"event": "refused"' /tmp/events)" '"message": "its VMM asked for MTE: refused by policy off"' "events: a refusal"
logs "$VM: on" "enable" plain "$DIR/enable" 1
traced "enable" "vm=$VM on origin=admin uid=0 pid=$BY comm=plain"
set_event "\"$VM\"" on "enable"
once "\"event\": \"changed\", \"vm\": \"$VM\", .*\"state\": \"on\"" "its state"
logs "" "enable again" plain "$DIR/enable" 1
logs "$VM: off" "a program's name cannot begin a line of the log" "$EVIL" "$DIR/enable" 0
set_event "\"$VM\"" off "a program's name is shown whole"
logs "$VM: hold: 1" "hold" plain "$DIR/hold" 1
logs "" "hold again" plain "$DIR/hold" 1
logs "$VM: hold: 0" "release" plain "$DIR/hold" 0
logs "" "release again" plain "$DIR/hold" 0
logs "$VM: migration: refuse" "a VM's migration" plain "$DIR/migration" refuse
logs "" "a VM's migration again" plain "$DIR/migration" refuse
logs "$VM: migration: warn" "a VM's migration, back" plain "$DIR/migration" warn
writes plain "$DIR/enable" 1
hold_tell vm run
logs "$VM: turning-off" "enable of a VM that has run" plain "$DIR/enable" 0
traced "a VM that has run" "vm=$VM off origin=admin uid=0 pid=$BY comm=plain"
hold_start other hold --enable=none
OTHER=$(vm_dir "${HOLD_PID[other]}")
dmesg_mark
for ((i = 0; i < 500; i++)); do printf x >"$DIR/enable"; done 2>/dev/null
printf x 2>/dev/null >"$OTHER/enable"
SAID=$(said)
is "$(grep -c "^$(basename "$OTHER"): enable: not a boolean$" <<<"$SAID")" 1 "log: another VM's refusal, after 500 of a VM"
LINES_SAID=$(grep -c "^$VM: enable: not a boolean$" <<<"$SAID")
if ((LINES_SAID > 0 && LINES_SAID < 500)); then
	ok "log: some of the 500 have a line, and not all"
else
	not_ok "log: some of the 500 have a line, and not all" "$LINES_SAID lines"
fi

# --- a VM that is held for its tags ---

echo 1 >"$OTHER/enable"
OTHER=$(basename "$OTHER")
dmesg_mark
mte tags save "$OTHER" >/tmp/tags
is "$?" 0 "its tags are saved"
is "$(said)" "" "log: tags save leaves no line"
# by_tool LINE NAME STREAM [OPTION...] - tags are loaded, and this is logged.
by_tool() {
	dmesg_mark
	mte tags load "${@:4}" "$OTHER" <"$3" >/dev/null 2>&1
	is "$(said | sed -E 's/, by uid 0, process [0-9]+ \(kvm-mte\)$/, by kvm-mte/')" "${1:+$OTHER: $1, by kvm-mte}" "log: $2"
}
head -c "$(($(stat -c %s /tmp/tags) - 1))" /tmp/tags >/tmp/cut
by_tool "hold: 1" "a load that fails, and leaves the VM held" /tmp/cut --incoming
is "$(cat "$MTE/vms/$OTHER/hold")" 1 "it is held"
by_tool "" "another one, when it is held already" /tmp/cut --incoming
by_tool "hold: 0" "a load that releases the VM" /tmp/tags
is "$(cat "$MTE/vms/$OTHER/hold")" 0 "it is released"
hold_end other

# --- a VM whose VMM or a policy turns it on ---

echo request >"$MTE/policy/default"
hold_start own hold --enable=cap
traced "a VMM that asks itself" "vm=$(basename "$(vm_dir "${HOLD_PID[own]}")") on origin=vmm uid=0 pid=${HOLD_PID[own]} comm=client"
echo on >"$MTE/policy/default"
hold_start born hold --enable=none
traced "policy" "vm=$(basename "$(vm_dir "${HOLD_PID[born]}")") on origin=policy uid=0 pid=${HOLD_PID[born]} comm=client"
BORN=$(basename "$(vm_dir "${HOLD_PID[born]}")")
dmesg_mark
client_points dirtylog --policy=on
like "$(said)" 'untracked migration' "log: a migration without its tags"
succeeds "events: a migration without its tags" wait_until 60 printed '"event": "untracked-migration"'

# --- drain ---

dmesg_mark
OUT=$(mte drain)
is "$?: $(head -n 1 <<<"$OUT"), $(tail -n 1 <<<"$OUT")" "6: policy: on -> off, 3 VMs need the module" "drain"
like "$OUT" "^$VM: turning-off, process ${HOLD_PID[vm]}: reboot its guest, migrate it or end it$" "drain: a VM and why"
like "$OUT" "^$BORN: on, process ${HOLD_PID[born]}: migrate it or end it$" "drain: a VM that policy has turned on"
is "$(cat "$MTE/policy/default")" off "drain: the policy is off"
is "$(rmmod_says)" EAGAIN "drain: rmmod is refused meanwhile"
mte drain --wait=0.5 >/tmp/out 2>&1
is "$?: $(tail -n 1 /tmp/out)" "6: 3 VMs need the module" "drain --wait: the time is over"
# No line of the command before may count.
rm /tmp/out
"$T/kvm-mte" drain --wait >/tmp/out 2>/tmp/err &
DRAIN=$!
waits() { grep -qs "^$VM: turning-off" /tmp/out; }
wait_until 60 waits
kill -INT "$DRAIN"
wait "$DRAIN"
is "$?: $(cat /tmp/err)" '6: kvm-mte: interrupted: the policy stays off; "kvm-mte policy" sets another one' "drain --wait: interrupted"
rm /tmp/out
"$T/kvm-mte" drain --wait >/tmp/out 2>&1 &
DRAIN=$!
succeeds "drain --wait: it waits" wait_until 60 waits
hold_end born
hold_end own
hold_is vm init init
hold_end vm
once "\"event\": \"removed\", \"vm\": \"$VM\"" "a VM is destroyed"
wait "$DRAIN"
is "$?: $(tail -n 1 /tmp/out)" '0: no VM needs the module: "rmmod kvm_mte" unloads it' "drain --wait: all have ended"
is "$(rmmod_says)" ok "drain: rmmod unloads the module"
once '"event": "message", .*"message": "unloaded: 0 calls missed"' "the module is unloaded"
load_module || bail "the module does not load again"
once '"event": "message", .*"message": "loaded: backend ' "and loaded again"
kill -INT "$EVENTS"
wait "$EVENTS"
is "$?: $(cat /tmp/events.err)" "0: " "events: ends well on SIGINT"
# Only now all has been printed.
is "$(grep -c '"event": "message".*untracked migration' /tmp/events)" 0 "events: a migration without its tags is not shown as a message too"
unload_module || not_ok "the module unloads"
done_testing
