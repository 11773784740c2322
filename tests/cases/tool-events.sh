#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: "kvm-mte events" misreading the kernel's log: a change taken for a refusal, a process's name taken for another process,
# bytes that reach the terminal; "kvm-mte drain" that leaves a list on, calls the module free while a VM needs it, or forgets how
# the policy was; "list --watch --json" with an object over several lines.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

W=$RUN_DIR/tool-events
DIR=sys/kernel/kvm_mte
. "$TESTS/bed/made-up-host.sh"

# vm PID STATE ORIGIN HOLD
vm() {
	local f
	for f in "pid:$1" "state:$2" "origin:$3" "hold:$4" vcpus:1 stats/pages_tagged:0; do file "$DIR/vms/$1-9/${f%%:*}" "${f#*:}\n"; done
	mkdir -p "$HOST/proc/$1"
	printf '%s\0' qemu -name "web$1" >"$HOST/proc/$1/cmdline"
}
file $DIR/version "1\n"
mkdir -p "$HOST/$DIR/vms" "$HOST/dev"

# --- events: the kernel's log is a pipe, so each line is written when the last one is printed ---

mkfifo "$HOST/dev/kmsg"
exec {log}<>"$HOST/dev/kmsg"
vm 77 on policy 0
# shown OPTION... - what is printed of the lines on stdin, without the time.
shown() {
	local line nr=0
	: >"$W/out"
	mte events "$@" >"$W/out" 2>"$W/err" &
	while IFS= read -r line; do
		printf '%s\n' "$line" >&"$log"
		nr=$((nr + 1))
		for ((i = 0; i < 600; i++)); do
			(($(wc -l <"$W/out") < nr)) || break
			sleep 0.1
		done
	done
	wait "$!"
	sed -E 's/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z //; s/"time": "[^"]*"/"time": 0/' "$W/out"
}
LINES='5,1,1,-;kvm_mte: 77-9: not turned on: a vCPU is 32-bit, and MTE is for 64-bit guests only
5,1,1,-;kvm_mte: 77-9: turning-on, by uid 0, process 4711 (kvm-mte)
5,1,1,-;kvm_mte: 77-9: turning-off, by uid 0, process 4711 (a\x0ab\x5c, by uid 9)
5,1,1,-;kvm_mte: policy/on_cgroups: /a, by uid 0, process 1 (init, by uid 1, process 2 (sh)
6,1,1,-;kvm_mte: loaded: backend inject, 7 hooks by ftrace, policy request
5,1,1,-;kvm_mte: 1-2: memory slot 3 refused: \x1b[2J
5,1,1,-;kvm_mte: 77-9: its VMM asked for MTE: refused by policy off'
is "$(shown --count=7 <<<"$LINES")" 'refused 77-9 (web77): not turned on: a vCPU is 32-bit, and MTE is for 64-bit guests only
set 77-9 (web77): turning-on, by uid 0, process 4711 (kvm-mte)
set 77-9 (web77): turning-off, by uid 0, process 4711 (a\nb\\, by uid 9)
set: policy/on_cgroups: /a, by uid 0, process 1 (init, by uid 1, process 2 (sh)
message: loaded: backend inject, 7 hooks by ftrace, policy request
refused 1-2: memory slot 3 refused: \x1b[2J
refused 77-9 (web77): its VMM asked for MTE: refused by policy off' "events"
is "$(shown --json --count=7 <<<"$LINES" | jq -c '[.event, .vm, .name, .pid, .by_uid, .by_pid, .by_name]')" \
	'["refused","77-9","web77",77,null,null,null]
["set","77-9","web77",77,0,4711,"kvm-mte"]
["set","77-9","web77",77,0,4711,"a\nb\\, by uid 9"]
["set",null,null,null,1,2,"sh"]
["message",null,null,null,null,null,null]
["refused","1-2",null,1,null,null,null]
["refused","77-9","web77",77,null,null,null]' "events --json: an object a line"
is "$(head -n 1 "$W/out" | jq -c '[.state, .untracked_migrations, .message, (.time | test("^[0-9-]{10}T[0-9:]{8}Z$"))]')" \
	'[null,null,"not turned on: a vCPU is 32-bit, and MTE is for 64-bit guests only",true]' "events --json: the other members"
# Lines that are not the module's, or that only look like it. The last line ends the wait.
is "$(printf '%s\n' '5,1,1,-;kvm_mtex: 77-9: a' '5,1,1,-;x kvm_mte: b' 'no log line' '' '5,1,1,-;kvm_mte: 77-: c, by uid x, process 1 (y)' |
	{ mte events --count=1 & while IFS= read -r line; do printf '%s\n' "$line" >&"$log"; sleep 0.2; done; wait "$!"; } | cut -d' ' -f2-)" \
	'message: 77-: c, by uid x, process 1 (y)' "events: other lines"
exec {log}>&-
rm "$HOST/dev/kmsg"
file dev/kmsg ""
for arg in --count=0 --count=x --nosuch; do
	mte events "$arg" >/dev/null 2>&1
	is "$?" 2 "events $arg"
done
is "$(mte events x 2>&1 | head -n 1)" "kvm-mte: events takes no argument: x" "events with an argument"

# --- list --watch --json ---

is "$(mte list --watch=0.1 --count=2 --json | jq -c '.vms | map(.vm)' | paste -sd ' ')" '["77-9"] ["77-9"]' "list --watch --json"
is "$(mte list --watch=0.1 --count=2 --json | wc -l)" 2 "list --watch --json: an object a line"

# --- drain ---

# policy DEFAULT ON-CGROUPS REQUEST-CGROUPS ON-PIDS REQUEST-PIDS
policy() {
	file $DIR/policy/default "$1\n"
	file $DIR/policy/on_cgroups "$2"
	file $DIR/policy/request_cgroups "$3"
	file $DIR/policy/on_pids "$4"
	file $DIR/policy/request_pids "$5"
	file $DIR/policy/off_pids ""
	file $DIR/policy/off_cgroups ""
}
# drains STATUS OUTPUT NAME OPTION...
drains() {
	local out status=0
	out=$(mte drain "${@:4}" 2>&1) || status=$?
	is "$status: $out" "$1: $2" "drain: $3"
}
# ended - the VM leaves the host.
ended() { rm -rf "${HOST:?}/$DIR/vms/$1-9"; }
FREE='no VM needs the module: "rmmod kvm_mte" unloads it'
ended 77
policy request "/a\n/b\n" "/c\n" "5\n" "6\n"
drains 0 "policy: request -> off
cgroup /a: on -> off
cgroup /b: on -> off
cgroup /c: request -> off
process 5: on -> off
process 6: request -> off
$FREE" "the policy"
# Files take what was written last, without cutting off the rest: the module would move each.
is "$(cut -c1-3 "$HOST/$DIR/policy/default"):$(cat "$HOST/$DIR/policy/off_cgroups"):$(cat "$HOST/$DIR/policy/off_pids")" "off:/c:6" "drain: has written the lists"
policy off "" "" "" ""
drains 0 "policy: off already
$FREE" "again"
vm 1 off none 0
vm 2 on policy 0
vm 3 on admin 0
vm 4 turning-on admin 0
vm 5 turning-off admin 0
vm 6 off none 1
vm 7 on vmm 1
drains 6 'policy: off already
2-9 (web2): on, process 2: migrate it or end it
3-9 (web3): on, process 3: "kvm-mte disable 3-9" and reboot its guest, migrate it or end it
4-9 (web4): turning-on, process 4: "kvm-mte disable 4-9", migrate it or end it
5-9 (web5): turning-off, process 5: reboot its guest, migrate it or end it
6-9 (web6): off, held, process 6: "kvm-mte release 6-9"
7-9 (web7): on, held, process 7: load its tags or "kvm-mte release 7-9"; then migrate it or end it
6 VMs need the module' "VMs that need the module"
for p in 3 4 5 6 7; do ended $p; done
drains 6 'policy: off already
2-9 (web2): on, process 2: migrate it or end it
1 VM needs the module' "--wait, for a time" --wait=0.3
"$TOOL" --root="$HOST" drain --wait >"$W/out" 2>"$W/err" &
soon "$W/out" "2-9 (web2): on"
kill -INT "$!"
wait "$!"
is "$?: $(tail -n 1 "$W/out"), $(cat "$W/err")" '6: 1 VM needs the module, kvm-mte: interrupted: the policy stays off; "kvm-mte policy" sets another one' "drain --wait: interrupted"
mte drain --wait >"$W/out" 2>&1 &
soon "$W/out" "2-9 (web2): on"
file $DIR/vms/2-9/state "turning-off\n"
soon "$W/out" "2-9 (web2): turning-off"
ended 2
wait "$!"
is "$?: $(cat "$W/out")" "0: policy: off already
2-9 (web2): on, process 2: migrate it or end it
2-9 (web2): turning-off, process 2: reboot its guest, migrate it or end it
$FREE" "drain --wait: until none needs it"
file sys/module/kvm_mte/refcnt "1\n"
drains 6 'policy: off already
no VM needs the module, but a program uses it: it has /dev/kvm_mte open, or writes to a file of the module' "a program uses it"
for arg in --wait=0 --wait=x --nosuch; do
	mte drain "$arg" >/dev/null 2>&1
	is "$?" 2 "drain $arg"
done
is "$(mte drain x 2>&1 | head -n 1)" "kvm-mte: drain takes no argument: x" "drain with an argument"
rm "$HOST/$DIR/policy/default"
is "$(mte drain 2>&1)$?" "kvm-mte: $HOST/$DIR/policy/default: No such file or directory1" "drain: a policy that cannot be read"

rm -rf "$W"
done_testing
