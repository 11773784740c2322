#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte save or restore that leaves a file with tags of another state, lets a guest run without its tags, or leaves it
# stopped after a failure; kvm-mte that misunderstands QEMU's monitor, or ends QEMU although the tags have not left. virsh, ssh
# and the monitor are small programs here, the kernel's side is tests/tagdev.c.
# where: here
# hooks: none
# shellcheck disable=SC2016,SC2119 # words for other shells; begin's argument may be left out
. "$TESTS/bed/here.sh"
. "$TESTS/bed/two-hosts.sh"

# --- usage ---

usage "save: which VM?" save
usage "save: which file?" save web
usage "save: one VM only: x" save web file x
usage "save: no such option: --paused" save --paused web file
usage "restore: which file?" restore
usage "restore: one file only: x" restore file x
usage "restore: which VM?" restore --qmp=x

# qmp [COMMAND=REPLY...] - QEMU's monitor of the VM here, at "sock".
qmp() {
	[[ -z ${QMP:-} ]] || kill "$QMP"
	rm -f sock sock.new
	echo "$SRC" >a/tagdev/peer
	"$TESTS/fake-qmp.py" sock asked "$SRC" ended=a/dev/kvm_mte "$@" 2>qmp.err &
	QMP=$!
	awaits test -e sock
}
# bind FILE - FILE.tags has the tags, and says that they belong to FILE.
bind() {
	python3 - "$1" "$W/right" <<'X'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
end = b"KVMMTEOF" + struct.pack("<QI", len(data), zlib.crc32(data))
with open(sys.argv[1] + ".tags", "wb") as f:
    f.write(open(sys.argv[2], "rb").read() + end + struct.pack("<I", zlib.crc32(end)))
X
}
# tags_of FILE - is FILE.tags what bind makes?
tags_of() { (cp "$1" bound; bind bound; cmp "$1.tags" bound.tags) 2>&1; }
# asked NAME LINE... - what the monitor, virsh and ssh were asked.
asked() { is "$(grep -v -e ^qmp_capabilities asked | uniq)" "$(printf '%s\n' "${@:2}")" "$1: what is asked"; }
LOAD="$SSH host kvm-mte 'tags' 'load' '--incoming' '--' 'web'"
RETURN_PATH="migrate-set-capabilities [{'capability': 'return-path', 'state': True}, {'capability': 'pause-before-switchover', 'state': False}]"
MIGRATE=(migrate --qmp=sock web tcp:host:4444)
ENDS_EARLY="kvm-mte: host: THERE: the stream ends early"
STAYS='kvm-mte: host: THERE: the VM stays held; "kvm-mte release DST" lets it run without its tags'
ACTIVE='{"status": "active"}' DONE='{"status": "completed", "ram": {"total": 1}}'

# --- migrate, with QEMU's monitor ---

begin
vm b "$DST" web
qmp "query-migrate={}|$ACTIVE|$DONE"
run "${MIGRATE[@]}"
ends 0 "migrate" "$HELD" "$IN" "web: migrated to host with its tags"
asked "migrate" "$LOAD" "$RETURN_PATH" "migrate tcp:host:4444" query-migrate quit
same_tags "migrate"
is "$(hold_there)" 0 "migrate: the guest runs"

begin
vm b "$DST" web
qmp 'query-migrate={"status": "failed", "error-desc": "the other \"end\" is gone"}'
run "${MIGRATE[@]}"
ends 1 "QEMU fails" "$HELD" 'kvm-mte: QEMU: migrate: failed: the other "end" is gone' "$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It goes on here"
asked "QEMU fails" "$LOAD" "$RETURN_PATH" "migrate tcp:host:4444" query-migrate query-status
goes_on "QEMU fails"
begin
vm b "$DST" web
qmp "migrate-set-capabilities=error:no such capability" "query-migrate=$DONE"
run "${MIGRATE[@]}"
ends 1 "no return path" "$HELD" 'kvm-mte: QEMU: migrate-set-capabilities: no such capability' "$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It goes on here"
asked "no return path" "$LOAD" "$RETURN_PATH"
goes_on "no return path"
begin
vm b "$DST" web
qmp 'migrate=error:Live migration disabled'
run "${MIGRATE[@]}"
ends 1 "QEMU refuses" "$HELD" 'kvm-mte: QEMU: migrate: Live migration disabled' "$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It goes on here"
goes_on "QEMU refuses"
begin
vm b "$DST" web
qmp "query-migrate=$ACTIVE"
start "${MIGRATE[@]}"
soon asked query-migrate
kill -INT "$JOB"
finish
ends 1 "SIGINT" "$HELD" 'kvm-mte: QEMU: migrate: cancelled' "$ENDS_EARLY" "$STAYS" "$NOT interrupted. It goes on here"
asked "SIGINT" "$LOAD" "$RETURN_PATH" "migrate tcp:host:4444" query-migrate migrate_cancel query-migrate query-status
goes_on "SIGINT"
begin
vm b "$DST" web
mkfifo cut pipe
qmp "query-migrate=$ACTIVE"
start "${MIGRATE[@]}"
soon asked query-migrate
echo >"$W/cut"
finish
ends 1 "the connection is cut" "$HELD" 'kvm-mte: QEMU: migrate: cancelled' "$ENDS_EARLY" "$STAYS" "kvm-mte: host: ssh: connection lost" \
	"kvm-mte: web: its tags cannot follow: the migration is stopped" "$NOT QEMU has failed. It goes on here"
goes_on "the connection is cut"
begin
vm b "$DST" web
mkfifo cut pipe
qmp "query-migrate=run:echo >cut; until grep -q follow out; do sleep 0.1; done; echo '$DONE'"
run "${MIGRATE[@]}"
ends 1 "the connection is cut too late" "$HELD" "$ENDS_EARLY" "$STAYS" "kvm-mte: host: ssh: connection lost" \
	"kvm-mte: web: its tags cannot follow: the migration is stopped" \
	'kvm-mte: web: its tags are still here, because QEMU has not ended: end the one at host, and let this one go on with "cont"'
is "$(grep -c quit asked):$(lives)" "0:lives" "the connection is cut too late: QEMU is not ended here"
begin
vm b "$DST" web
qmp "query-migrate=run:rm -r b/sys/kernel/kvm_mte/vms/*; until grep -q another out; do sleep 0.1; done; echo '$DONE'"
run "${MIGRATE[@]}"
MAYBE="the stream has ended before it began" ends 1 "the VM there ends too late" "$HELD" \
	"kvm-mte: host: THERE: it has ended before the stream came; waiting for another VM" \
	'kvm-mte: web: its tags are still here, because QEMU has not ended: end the one at host, and let this one go on with "cont"'
is "$(grep -c quit asked):$(lives)" "0:lives" "the VM there ends too late: QEMU is not ended here"
begin
vm b "$DST" web
qmp query-migrate=die
run "${MIGRATE[@]}"
ends 1 "QEMU dies" "$HELD" "$IN" "kvm-mte: QEMU's monitor has closed the connection: query-migrate" \
	"kvm-mte: web: QEMU has failed, but it has ended here" "kvm-mte: web: its tags are in at host; look there whether it runs"

# The monitor of another VM.
begin
vm b "$DST" web
qmp "query-migrate=$DONE"
rm a/tagdev/peer
run "${MIGRATE[@]}"
FOREIGN="kvm-mte: sock: it is not the monitor of this VM: process $QMP listens there, the VM's is $SRC"
ends 1 "migrate: another VM's monitor" "$HELD" "$FOREIGN" "$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It goes on here"
bind right
for command in save restore; do
	run "$command" --qmp=sock web right
	is "$STATUS: $(grep -v goes out)" "1: $FOREIGN" "$command: another VM's monitor"
done
is "$(cat asked)" "$LOAD" "another VM's monitor is asked nothing"
begin
vm b "$DST" web
rm -f sock
run "${MIGRATE[@]}"
ends 1 "no monitor" "$HELD" "kvm-mte: sock: No such file or directory" "$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It goes on here"
# A terminal, timeout and systemd send a signal to all processes.
for signal in HUP TERM INT; do
	begin
	vm b "$DST" web
	qmp "query-migrate=$ACTIVE"
	SETSID=setsid start "${MIGRATE[@]}"
	soon asked query-migrate
	kill -$signal -- "-$JOB"
	finish
	ends 1 "SIG$signal for all" "$HELD" 'kvm-mte: QEMU: migrate: cancelled' "$ENDS_EARLY" "$STAYS" "$NOT interrupted. It goes on here"
	is "$(grep -c migrate_cancel asked)" 1 "SIG$signal for all: the migration is cancelled"
	goes_on "SIG$signal for all"
done
begin
vm b "$DST" web
qmp "query-migrate=$ACTIVE"
start "${MIGRATE[@]}"
soon asked query-migrate
pkill -KILL -P "$JOB" -f "^$W/kvm-mte"
finish
ends 1 "the process that talks to QEMU is killed" "$HELD" 'kvm-mte: QEMU: migrate: cancelled' "$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It goes on here"
is "$(grep -c migrate_cancel asked)" 1 "the process that talks to QEMU is killed: the migration is cancelled"
# A monitor that is gone says nothing of the guest.
begin
vm b "$DST" web
qmp "query-migrate=none|$ACTIVE"
run "${MIGRATE[@]}"
ends 1 "the monitor's connection is cut" "$HELD" "kvm-mte: QEMU's monitor has closed the connection: query-migrate" 'kvm-mte: QEMU: migrate: cancelled' \
	"$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It goes on here"
is "$(grep -c migrate_cancel asked)" 1 "the monitor's connection is cut: the migration is cancelled"
goes_on "the monitor's connection is cut"
begin
vm b "$DST" web
qmp migrate=none 'query-migrate={}'
run "${MIGRATE[@]}"
ends 1 "the monitor's connection is cut before it begins" "$HELD" "kvm-mte: QEMU's monitor has closed the connection: migrate" \
	'kvm-mte: QEMU: migrate: not begun' "$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It goes on here"
goes_on "the monitor's connection is cut before it begins"
begin
vm b "$DST" web
qmp 'query-migrate={"status": "failed"}' 'query-status={"status": "postmigrate"}'
run "${MIGRATE[@]}"
ends 1 "QEMU fails, and the guest is stopped" "$HELD" "kvm-mte: QEMU: migrate: failed" "kvm-mte: QEMU: the guest does not run: postmigrate" \
	"$ENDS_EARLY" "$STAYS" "$NOT QEMU has failed. It does not run, but is here"
begin
vm b "$DST" web
qmp "query-migrate=$ACTIVE|{\"status\": \"pre-switchover\"}"
run "${MIGRATE[@]}"
ends 1 "QEMU waits before it stops the guest" "$HELD" "kvm-mte: QEMU: migrate: pre-switchover: tags cannot travel so" 'kvm-mte: QEMU: migrate: cancelled' "$ENDS_EARLY" "$STAYS" \
	"$NOT QEMU has failed. It goes on here"
# Any user of a VMM chooses its guest's name.
for letter in x $'\001'; do
	LONG=$(printf "$letter%.0s" {1..1003})
	begin "$LONG"
	vm b "$DST" "$LONG"
	qmp "query-migrate=$DONE"
	run migrate --qmp=sock "$SRC" tcp:host:4444
	is "$STATUS:$(hold_there)" 0:0 "a name of 1003 bytes: $(printf %q "$letter")"
done
begin "x$(printf 'ä%.0s' {1..200})"
is "$(mte list --json | python3 -c 'import json, sys; name = json.load(sys.stdin)[0]["name"]; print(len(name), len(name.encode()), name[-1])')" "128 255 ä" \
	"a name of 401 bytes is cut off between two characters"
UNKNOWN="kvm-mte: web: QEMU has failed, and it is not known where the guest is. Its tags are sent when QEMU ends here. If the guest is here, interrupt twice"
begin
vm b "$DST" web
qmp "query-migrate=none|$DONE"
start "${MIGRATE[@]}"
soon out "$UNKNOWN"
is "$(grep -c quit asked)" 0 "the monitor is lost, and the migration is complete: QEMU is not ended"
leave
finish
ends 1 "the monitor is lost, and the migration is complete" "$HELD" "kvm-mte: QEMU's monitor has closed the connection: query-migrate" "$UNKNOWN" \
	"$IN" "kvm-mte: web: its tags are in at host; look there whether it runs"
begin
vm b "$DST" web
qmp "query-migrate=run:kill -9 \$PPID"
start "${MIGRATE[@]}"
soon out "$UNKNOWN"
kill -INT "$JOB"
soon out "interrupt again"
kill -INT "$JOB"
finish
is "$STATUS:$(tail -n 1 out)" "1:kvm-mte: web: its tags are still here, because QEMU has not ended: end the one at host, and let this one go on with \"cont\"" \
	"the monitor is lost: a second SIGINT ends it"
clean "the monitor is lost"
for word in die late; do
	begin
	vm b "$DST" web
	qmp "query-migrate=$DONE" quit=$word
	run "${MIGRATE[@]}"
	MAYBE="waiting until QEMU has ended" ends 0 "the answer to quit is lost: $word" "$HELD" "$IN" "kvm-mte: QEMU's monitor has closed the connection: quit" \
		"web: migrated to host with its tags"
	same_tags "the answer to quit is lost: $word"
done
# no_json LINE - a line that is not JSON, or not an object.
no_json() {
	begin
	qmp "greeting=$1"
	run restore --qmp=sock web right
	is "$STATUS: $(cat out)" "1: kvm-mte: this is no monitor of QEMU in control mode, or it is pretty-printing" "not JSON: $1"
}
bind right
for line in '' '{' 'QEMU 7.2.0 monitor - type "help"' '[]' '{"a" 1}' '{"a": 1,}' '{"a": [1, ]}' '{"a": tru}' '{"a": "\x"}' \
	'{"a": "b' '{"a": 1} x' '{a: 1}' '{"a": -}' "{\"a\": $(printf '%080d' 0 | tr 0 '[')"; do
	no_json "$line"
done
begin
qmp 'greeting={"a": {"QMP": 1}, "b": "QMP", "": [true, false, null, -1.5e+3, "\"\\\u00e4", {}, []], "QMP": 0}'
run restore --qmp=sock web right
is "$STATUS: $(cat out)" "1: kvm-mte: web: QEMU does not wait for a guest, it is running; start it with \"-incoming defer\"" "a greeting with all that JSON has"

begin
printf 'qemu\0' >"a/proc/$SRC/cmdline"
run migrate --qmp=sock "$SRC" tcp:host:4444
ends 1 "a guest without a name" "kvm-mte: $SRC-9: the guest has no name; --name=VM names it at the destination"
begin
vm a "$DST" other
qmp "query-migrate=$DONE"
run migrate --qmp=sock --name=other web unix:/there
NAME=other ends 0 "to the same host" "kvm-mte: destination: THERE: held until its tags are in" \
	"kvm-mte: destination: THERE: released, 300 pages with tags" "web: migrated to destination with its tags"
is "$(grep -c ^ssh asked):$(cat "a/sys/kernel/kvm_mte/vms/$DST-9/hold")" "0:0" "to the same host: without ssh"

# --- save, with libvirt ---

RUNNING='{"running": true, "status": "running"}' PAUSED='{"status": "paused"}'

# old - a file of an earlier save is there.
old() {
	echo old >f
	echo old >f.tags
	rm -rf f.tags.new
	printf '%s\n' 'echo new >f' leave >acts/save
}
# unsaved NAME - nothing has changed, and no other file is there.
unsaved() { is "$(cat f f.tags):$(ls f.tags.new 2>&1):$(lives)" "old
old:ls: cannot access 'f.tags.new': No such file or directory:lives" "$1: nothing has changed"; }
begin
old
run save web f -- --bypass-cache
ends 0 "save" "web: saved with its tags: f, f.tags"
asked "save" "virsh domjobinfo --domain web" "virsh domstate --domain web" "virsh suspend --domain web" "virsh domstate --domain web" "virsh save --domain web --file f --running --bypass-cache"
is "$(cat f):$(stat -c %a f.tags):$(tags_of f):$(ls f.tags.new 2>&1)" "new:600::ls: cannot access 'f.tags.new': No such file or directory" "save: the files"
begin
old
echo 'echo paused' >acts/domstate
run save web f
asked "save of a guest that is paused" "virsh domjobinfo --domain web" "virsh domstate --domain web" "virsh save --domain web --file f"
begin
old
echo 'echo "error: no space" >&2; exit 1' >acts/save
run save web f
ends 1 "virsh save fails" "error: no space" "kvm-mte: web: not saved. It goes on here"
is "$(ls resumed):$(cat "a/sys/kernel/kvm_mte/vms/$SRC-9/hold")" resumed:0 "virsh save fails: the guest is resumed, and not held"
unsaved "virsh save fails"
begin
old
echo paused >state
echo 'echo paused' >acts/domstate
echo 'exit 1' >acts/save
run save web f
is "$STATUS:$(ls resumed 2>&1)" "1:ls: cannot access 'resumed': No such file or directory" "virsh save fails: a guest that was paused stays paused"
# Its tags may never have come.
begin
old
echo 1 >"a/sys/kernel/kvm_mte/vms/$SRC-9/hold"
qmp "query-status=$RUNNING"
for how in "save web f" "save --qmp=sock web f" "migrate web $URI" "${MIGRATE[*]}"; do
	# shellcheck disable=SC2086 # several words
	run $how
	ends 1 "${how%% web*} of a VM that is held" "kvm-mte: HERE: held: load its tags, or release it first"
done
is "$(cat asked "a/sys/kernel/kvm_mte/vms/$SRC-9/hold")" 1 "a VM that is held: nothing is done, and it stays held"
unsaved "a VM that is held"
begin
old
echo 'ln -s f $W/f.tags.new; suspended' >acts/suspend
run save web f
ends 1 "a link in the place of the tags" "kvm-mte: f.tags.new: File exists" "kvm-mte: web: not saved. It goes on here"
is "$(ls resumed; cat f; grep -c 'virsh save' asked)" "resumed
old
0" "a link in the place of the tags: nothing is written to its file, the guest is not saved, and resumed"
for part in f.tags.new f.new; do
	begin
	old
	rm -f f.tags.new f.new
	echo precious >$part
	qmp "query-status=$RUNNING" migrate=FILE+state "query-migrate=$DONE"
	run save --qmp=sock web f
	ends 1 "$part of a save that has failed" "kvm-mte: $part: it is left from a save that has failed: move it away, or remove it"
	is "$(cat $part asked f)" "precious
old" "$part of a save that has failed: it stays, and nothing is done"
	rm $part
done
begin
old
echo 'cat "$W/a/sys/kernel/kvm_mte/vms/$(<"$W/src")-9/hold" >$W/at-save; echo new >f; leave' >acts/save
run save web f
is "$STATUS:$(cat at-save)" 0:1 "the guest is held until its state is saved"
# What a parent may leave behind.
begin
old
AS="env --ignore-signal=CHLD --block-signal=TERM" run save web f
ends 0 "SIGCHLD is ignored" "web: saved with its tags: f, f.tags"
begin
old
echo 'echo "Job type:         Unbounded"' >acts/domjobinfo
run save web f
ends 1 "libvirt has a job with the domain" "kvm-mte: web: libvirt does something with it already (virsh domjobinfo)"
is "$(grep -c -e domjobabort -e suspend asked)" 0 "libvirt has a job with the domain: it goes on"
unsaved "libvirt has a job with the domain"
# Another program may save the VM, or an admin may let it run.
begin
old
printf '%s\n' 'case "$*" in *" g "*) exit 1;; esac' ': >$W/migrating' 'awaits test -e $W/go' 'cat "$W/a/sys/kernel/kvm_mte/vms/$(<"$W/src")-9/hold" >$W/at-save' \
	'echo new >f' leave >acts/save
rm -f go
start save web f
awaits test -e migrating
TWO="1: kvm-mte: $SRC-9 (web): another kvm-mte migrates, saves or restores it"
is "$(./on a save web g >two.out 2>&1; echo "$?: $(<two.out)")" "$TWO" "two saves at once: the second does nothing"
is "$(./on a migrate web "$URI" >two.out 2>&1; echo "$?: $(<two.out)")" "$TWO" "a migration during a save: nothing is done"
: >go
finish
ends 0 "two saves at once: the first" "web: saved with its tags: f, f.tags"
is "$(cat at-save; ls resumed g g.tags g.tags.new 2>/dev/null)" 1 "two saves at once: the guest is held until its state is saved, and not resumed"
begin
old
echo "echo 'echo 0 >$W/a/sys/kernel/kvm_mte/vms/$SRC-9/hold; echo paused' >$W/acts/domstate" >acts/suspend
run save web f
ends 1 "released since its tags were saved" "kvm-mte: web: somebody has released it since its tags were saved" "kvm-mte: web: not saved. It goes on here"
is "$(grep -c 'virsh save' asked)" 0 "released since its tags were saved: the guest is not saved"
unsaved "released since its tags were saved"
begin
old
echo : >acts/suspend
run save web f
ends 1 "resumed since its tags were saved" "kvm-mte: web: somebody has resumed it since its tags were saved" "kvm-mte: web: not saved. It goes on here"
is "$(grep -c 'virsh save' asked)" 0 "resumed since its tags were saved: the guest is not saved"
unsaved "resumed since its tags were saved"
begin
old
echo refuse >"a/sys/kernel/kvm_mte/vms/$SRC-9/migration"
: >asked
run save web f
ends 1 "migration is refused" "kvm-mte: $SRC-9 (web): not saved: its file migration has \"refuse\", so QEMU would abort: write \"warn\" to it first"
is "$(cat asked f)" old "migration is refused: nothing is done"
begin
old
run save "$SRC" f
ends 1 "not a name" "kvm-mte: HERE: no domain of libvirt has this name: $SRC"
is "$(cat asked f)" old "not a name: nothing is done"
begin
old
echo 'exit 1' >acts/suspend
echo 'echo "error: domain is already running" >&2; exit 1' >acts/resume
run save web f
ends 1 "virsh suspend fails" "kvm-mte: web: not saved. It goes on here"
# virsh has done its part, and so have the tags: the signal counts all the same.
begin
old
echo 'trap "" INT; kill -TERM $PPID; suspended' >acts/suspend
run save web f
ends 1 "SIGTERM before the tags are saved" "kvm-mte: web: not saved. It goes on here"
is "$(ls resumed; grep -c 'virsh save' asked)" "resumed
0" "SIGTERM before the tags are saved: the guest is not saved, and resumed"
unsaved "SIGTERM before the tags are saved"
# virsh translates its words.
begin
old
echo 'if [[ ${LC_ALL:-} == C ]]; then echo running; else echo läuft; fi' >acts/domstate
LC_ALL=C.UTF-8 run save web f
ends 0 "another locale" "web: saved with its tags: f, f.tags"
asked "another locale" "virsh domjobinfo --domain web" "virsh domstate --domain web" "virsh suspend --domain web" "virsh domstate --domain web" "virsh save --domain web --file f --running"
begin
old
echo "0 16 1" >a/tagdev/fail
run save web f
is "$STATUS:$(ls resumed; grep -c 'virsh save' asked):$(tail -n 1 out)" "1:resumed
0:kvm-mte: web: not saved. It goes on here" "the tags cannot be read: the guest is not saved, and resumed"
unsaved "the tags cannot be read"
begin
old
printf '%s\n' ': >$W/migrating' 'awaits test -e $W/aborted' 'exit 1' >acts/save
SETSID=setsid start save web f
awaits test -e migrating
kill -HUP -- "-$JOB"
finish
ends 1 "the terminal is closed" "kvm-mte: web: not saved. It goes on here"
is "$(ls resumed aborted)" "aborted
resumed" "the terminal is closed: the guest is resumed"
unsaved "the terminal is closed"
begin
old
printf '%s\n' ': >$W/migrating' 'awaits test -e $W/aborted' 'exit 1' >acts/save
start save web f
awaits test -e migrating
kill -TERM "$JOB"
finish
ends 1 "SIGTERM" "kvm-mte: web: not saved. It goes on here"
is "$(ls resumed)" resumed "SIGTERM: the guest is resumed"
unsaved "SIGTERM"
begin
old
printf '%s\n' 'echo "exit 1" >$W/acts/domstate' 'exit 1' >acts/save
run save web f
ends 1 "libvirt is gone" "kvm-mte: web: it is not known whether it is saved. Its tags are in f.tags.new; if it is here, it is paused and held"
is "$(cmp f.tags.new right):$(cat "a/sys/kernel/kvm_mte/vms/$SRC-9/hold"):$(ls resumed 2>/dev/null)" ":1:" "libvirt is gone: the tags are there, and the guest is held"
begin
old
echo 'echo "echo \$\$ >\$W/hang; exec sleep 1000" >$W/acts/domstate; exit 1' >acts/save
rm -f hang
start save web f
awaits test -s hang
kill -INT "$JOB"
finish
ends 1 "libvirt hangs, SIGINT" "kvm-mte: web: it is not known whether it is saved. Its tags are in f.tags.new; if it is here, it is paused and held"
is "$(is_gone "$(<hang)" && echo gone):$(cat "a/sys/kernel/kvm_mte/vms/$SRC-9/hold")" gone:1 "libvirt hangs, SIGINT: virsh is ended, the guest is held"
begin
old
echo 'exit 1' | tee acts/save >acts/domjobinfo
run save web f
ends 1 "domjobinfo fails" "kvm-mte: web: it is not known whether it is saved. Its tags are in f.tags.new; if it is here, it is paused and held"
is "$(grep -c domjobinfo asked)" 6 "domjobinfo fails: it is asked once before, and five times"
begin
old
printf '%s\n' ': >$W/migrating' 'kill -9 $$' >acts/save
echo 'if [[ -e $W/migrating && ! -e $W/aborted ]]; then echo "Job type:         Unbounded"; else echo "Job type: None"; fi' >acts/domjobinfo
run save web f
ends 1 "virsh save is killed, and libvirt goes on" "kvm-mte: web: not saved. It goes on here"
is "$(ls aborted)" aborted "virsh save is killed, and libvirt goes on: it is told to stop"
unsaved "virsh save is killed, and libvirt goes on"
begin
old
printf '%s\n' leave 'rm -r "$W/a/sys/kernel/kvm_mte/vms/$(<"$W/src")-9"' 'exit 1' >acts/save
run save web f
ends 1 "virsh fails when the guest has ended" "kvm-mte: web: it has ended; its tags are in f.tags.new"
is "$(cmp f.tags.new right)" "" "virsh fails when the guest has ended: its tags are there"

# --- restore, with libvirt ---

# saved [NAME] - there is a file, and no VM.
saved() {
	begin "${1:-web}"
	rm -r "${W:?}/a/sys/kernel/kvm_mte/vms/$SRC-9"
	echo state >f
	bind f
	rm -rf f.tags.new
	printf '%s\n' 'cat <<"X"' "<domain type='kvm'>" '  <name>web</name>' '  <metadata><name>other</name>' X >acts/save-image-dumpxml
	echo 'vm a "$(<"$W/dst")" "${NAME:-web}"' >acts/restore
}
restored_tags() { is "$(cmp a/tagdev/written <(grep ^page tags) 2>&1):$(cat "a/sys/kernel/kvm_mte/vms/$DST-9/hold")" ":0" "$1: all tags are there, and it is not held"; }
saved
run restore f -- --bypass-cache
ends 0 "restore" "kvm-mte: THERE: held until its tags are in" "kvm-mte: THERE: released, 300 pages with tags" "web: restored with its tags"
asked "restore" "virsh save-image-dumpxml --file f" "virsh restore --file f --paused --bypass-cache" "virsh resume --domain web"
restored_tags "restore"
saved
run restore --paused f
is "$STATUS:$(ls resumed 2>&1)" "0:ls: cannot access 'resumed': No such file or directory" "restore --paused: the guest is not resumed"
saved 'x'
sed -i 's/>web</>a\&amp;\&lt;b\&gt;\&quot;\&apos;</' acts/save-image-dumpxml
printf '%s\n' "NAME='a&<b>\"'\\'; vm a \"\$(<\"\$W/dst\")\" \"\$NAME\"" >acts/restore
run restore f
is "$STATUS:$(tail -n 1 out)" "0:a&<b>\"': restored with its tags" "a name that is quoted in XML"
for name in 'a&#10;b' '' 'a&amp'; do
	saved
	sed -i "s/>web</>${name//&/\\&}</" acts/save-image-dumpxml
	run restore f
	ends 1 "no name: '$name'" "kvm-mte: f: the domain's name is not in what \"virsh save-image-dumpxml\" prints"
	is "$(grep -c 'virsh restore' asked)" 0 "no name: '$name': nothing is restored"
done
# refuses NAME LINE... - nothing is restored.
refuses() {
	run restore f
	ends 1 "$@"
	is "$(grep -c 'virsh restore' asked)" 0 "$1: nothing is restored"
}
saved
sed -i 's/>web</>7</' acts/save-image-dumpxml
refuses "a name that is a number" "kvm-mte: 7: a domain whose name is a number or a UUID may be taken for another one: rename it"
saved
rm f.tags
refuses "no tags" "kvm-mte: f.tags: No such file or directory"
saved
head -c 20000 right >f.tags
refuses "tags that are cut" "kvm-mte: the stream ends early"
saved
: >f.tags.new
refuses "a save has failed" "kvm-mte: f.tags.new: it is left from a save that has failed. If f is of that save, restore it by hand with these tags; otherwise remove these tags"
rm f.tags.new
saved
cp right f.tags
refuses "tags that were saved by hand" "kvm-mte: f.tags: it does not say to which file it belongs"
saved
./on a tags check <f.tags >checked 2>&1
is "$?:$(cmp checked <(./on a tags check <right))" "0:" "tags check: what binds them to the file is no part of the stream"
# other NAME CONTENT - the same tags, and another file.
other() {
	local sum
	saved
	sum() { python3 -c 'import sys, zlib; print("%08x" % zlib.crc32(open("f", "rb").read()))'; }
	sum=$(sum)
	printf %b "$2" >f
	refuses "$1" "kvm-mte: f.tags: it does not belong to f: 6 bytes with checksum $sum, here $(stat -c %s f) with $(sum)"
}
other "the file of another save" 'stat1\n'
other "a file that was cut" state
other "a file that has grown" 'state\n\n'
saved
printf x | dd of=f.tags bs=1 seek=$(($(stat -c %s f.tags) - 10)) conv=notrunc status=none
refuses "what binds them is damaged" "kvm-mte: there is more after the stream's end"
saved
echo 'exit 1' >acts/save-image-dumpxml
refuses "no image"
saved
echo 'echo "error: no" >&2; exit 1' >acts/restore
run restore f
ends 1 "virsh restore fails" "error: no"
saved
echo 'vm a "$(<"$W/dst")" web; echo "error: domain is already active" >&2; exit 1' >acts/restore
run restore f
ends 1 "virsh restore fails, and another one runs" "error: domain is already active"
is "$(cat "a/sys/kernel/kvm_mte/vms/$DST-9/hold")" 0 "virsh restore fails, and another one runs: it is not held"
saved
echo 'vm a "$(<"$W/dst")" web; suspended; exit 1' >acts/restore
run restore f
ends 1 "virsh restore fails, and the domain is there" "kvm-mte: THERE: not restored: it is there without its tags, and held: end it"
is "$(cat "a/sys/kernel/kvm_mte/vms/$DST-9/hold"):$(ls resumed 2>/dev/null)" 1: "virsh restore fails, and the domain is there: it is held"
saved
vm a "$DST" web
suspended
echo 'echo "error: domain is already active"; exit 1' >acts/restore
run restore f
ends 1 "virsh restore fails, and the domain was there" "error: domain is already active"
is "$(cat "a/sys/kernel/kvm_mte/vms/$DST-9/hold")" 0 "virsh restore fails, and the domain was there: it is not held"
saved
echo "0x40000000 0x2000000" >a/tagdev/slots
run restore f
is "$STATUS:$(tail -n 1 out):$(ls resumed 2>&1):$(cat "a/sys/kernel/kvm_mte/vms/$DST-9/hold")" \
	"1:kvm-mte: web: not restored, so it does not run:ls: cannot access 'resumed': No such file or directory:1" "other memory: held, and not resumed"
saved
echo "0 12 1" >a/tagdev/fail
run restore f
is "$STATUS:$(tail -n 1 out):$(ls resumed 2>&1):$(cat "a/sys/kernel/kvm_mte/vms/$DST-9/hold")" \
	"1:kvm-mte: web: not restored, so it does not run:ls: cannot access 'resumed': No such file or directory:1" "no memory: held, and not resumed"
saved
echo 'vm a "$(<"$W/dst")" web; suspended; : >$W/restoring; exec sleep 1000' >acts/restore
start restore f
awaits test -e restoring
TWO="1: kvm-mte: web: another kvm-mte migrates, saves or restores it"
is "$(./on a save web g >two.out 2>&1; echo "$?: $(<two.out)")" "$TWO" "a save during a restore: nothing is done"
is "$(./on a restore f >two.out 2>&1; echo "$?: $(<two.out)")" "$TWO" "two restores at once: the second does nothing"
kill -INT "$JOB"
finish
ends 1 "restore is interrupted, and the domain is there" "kvm-mte: THERE: not restored: it is there without its tags, and held: end it"
rm restoring
saved
echo ': >$W/restoring; exec sleep 1000' >acts/restore
start restore f
awaits test -e restoring
kill -INT "$JOB"
finish
ends 1 "restore is interrupted" "kvm-mte: web: interrupted: if the domain is there, it is paused, and has no tags: end it"
rm restoring
saved
: >acts/restore
run restore f
ends 1 "virsh has restored, and there is no VM" 'kvm-mte: web: no such VM; "kvm-mte list" shows them' "kvm-mte: web: not restored, so it does not run"
saved
echo 'exit 1' >acts/resume
run restore f
ends 1 "resume fails" "kvm-mte: THERE: held until its tags are in" "kvm-mte: THERE: released, 300 pages with tags" "kvm-mte: web: its tags are in, but it is paused"

# --- save and restore, with QEMU's monitor ---

begin
old
rm f
qmp "query-status=$RUNNING" migrate=FILE+state "query-migrate=$ACTIVE|$DONE"
run save --qmp=sock web f
ends 0 "QEMU: save" "web: saved with its tags: f, f.tags"
asked "QEMU: save" query-status stop query-status "${RETURN_PATH/True/False}" "getfd kvm-mte" "migrate fd:kvm-mte" query-migrate query-status quit
is "$(cat f):$(stat -c %a f f.tags | uniq):$(tags_of f)" "state:600:" "QEMU: save: the files"
begin
old
rm f
qmp "query-status=$RUNNING" migrate=FILE+state "query-migrate=$ACTIVE|run:echo 0 >$W/a/sys/kernel/kvm_mte/vms/$SRC-9/hold; echo '$ACTIVE'|$DONE"
run save --qmp=sock web f
ends 1 "QEMU: somebody releases it while it is saved" "kvm-mte: web: somebody has released it since its tags were saved" "kvm-mte: web: not saved. It goes on here"
is "$(grep -cx quit asked):$(ls f f.new f.tags.new 2>/dev/null):$(cat f.tags)" "0::old" "QEMU: somebody releases it while it is saved: it is not ended, and no file is left"
begin
qmp "query-status=$RUNNING" migrate=FILE+state 'query-migrate={"status": "failed"}'
run save --qmp=sock web f
ends 1 "QEMU: save fails" "kvm-mte: QEMU: migrate: failed" "kvm-mte: web: not saved. It goes on here"
is "$(tail -n 1 asked):$(ls f f.new f.tags.new 2>/dev/null):$(cat f.tags)" "cont::old" "QEMU: save fails: the guest goes on, and no file is left"
begin
old
qmp "query-status=$RUNNING" migrate=FILE+state 'query-migrate={"status": "failed"}'
run save --qmp=sock web f
unsaved "QEMU: save fails, and there is an earlier one"
begin
old
qmp "query-status=$RUNNING" migrate=FILE+state query-migrate=die
run save --qmp=sock web f
is "$STATUS:$(tail -n 1 out):$(cat f f.new f.tags)" "1:kvm-mte: web: it has ended; its tags are in f.tags.new:old
stateold" "QEMU: it dies: what it has written stays"
rm f.new
# cancelled NAME LINE... - QEMU does not go on with the save.
cancelled() {
	finish
	ends 1 "QEMU: save: $1" 'kvm-mte: QEMU: migrate: cancelled' "${@:2}" "kvm-mte: web: not saved. It goes on here"
	is "$(grep -o -e migrate_cancel -e ^cont asked | uniq | xargs)" "migrate_cancel cont" "QEMU: save: $1: it is cancelled before the guest goes on"
	unsaved "QEMU: save: $1"
}
for signal in TERM HUP; do
	begin
	old
	qmp "query-status=$RUNNING" migrate=FILE+state "query-migrate=$ACTIVE"
	SETSID=setsid start save --qmp=sock web f
	soon asked query-migrate
	kill -$signal -- "-$JOB"
	cancelled "SIG$signal for all"
done
begin
old
qmp "query-status=$RUNNING" migrate=FILE+state "query-migrate=$ACTIVE"
start save --qmp=sock web f
soon asked query-migrate
pkill -KILL -P "$JOB" -f "^$W/kvm-mte"
cancelled "the process that talks to QEMU is killed" "kvm-mte: QEMU: the guest does not run: paused"
begin
old
qmp "query-status=$PAUSED" migrate=error:no
run save --qmp=sock web f
is "$STATUS:$(grep -c -e ^cont -e ^stop asked)" "1:0" "QEMU: save fails: a guest that was paused stays paused"

# When QEMU was told to end, the files may be all that is left of the guest.
for word in die late; do
	begin
	old
	qmp "query-status=$RUNNING" migrate=FILE+state "query-migrate=$DONE" quit=$word
	run save --qmp=sock web f
	MAYBE="waiting until QEMU has ended" ends 0 "QEMU: the answer to quit is lost: $word" "kvm-mte: QEMU's monitor has closed the connection: quit" "web: saved with its tags: f, f.tags"
	is "$(cat f):$(tags_of f)" "state:" "QEMU: the answer to quit is lost: $word: the files"
done
begin
old
qmp "query-status=$RUNNING" migrate=FILE+state "query-migrate=$DONE" quit=none
start save --qmp=sock web f
soon out "kvm-mte: web: waiting until QEMU has ended"
kill -INT "$JOB"
finish
ends 1 "QEMU: it does not end" "kvm-mte: web: waiting until QEMU has ended" "kvm-mte: QEMU's monitor has closed the connection: quit" \
	"kvm-mte: web: saved in f, f.tags, but QEMU has not ended: end it, and do not let it go on"
is "$(cat f):$(tags_of f):$(tail -n 1 asked)" "state::quit" "QEMU: it does not end: the files, and the guest stays stopped"

INCOMING='{"running": false, "status": "inmigrate"}'
begin
echo state >f
printf state >f
bind f
qmp "query-status=$INCOMING" migrate-incoming=FILE+state "query-migrate=$ACTIVE|$DONE"
run restore --qmp=sock web f
ends 0 "QEMU: restore" "kvm-mte: HERE: held until its tags are in" "kvm-mte: HERE: released, 300 pages with tags" "web: restored with its tags"
asked "QEMU: restore" query-status "getfd kvm-mte" "migrate-incoming fd:kvm-mte" query-migrate cont
is "$(cmp a/tagdev/written <(grep ^page tags)):$(cat "a/sys/kernel/kvm_mte/vms/$SRC-9/hold")" ":0" "QEMU: restore: all tags are there"
begin
qmp "query-status=$INCOMING" "migrate-incoming=run:cat a/sys/kernel/kvm_mte/vms/*/hold >at-incoming; echo {}" "query-migrate=$DONE"
run restore --qmp=sock web f
is "$STATUS:$(cat at-incoming)" 0:1 "QEMU: restore: the guest is held before QEMU reads it"
begin
qmp "query-status=$RUNNING"
run restore --qmp=sock web f
ends 1 "QEMU: restore into a guest that runs" "kvm-mte: web: QEMU does not wait for a guest, it is running; start it with \"-incoming defer\""
is "$(cat "a/sys/kernel/kvm_mte/vms/$SRC-9/hold")" 0 "QEMU: restore into a guest that runs: it is not held"
begin
qmp "query-status=$INCOMING" migrate-incoming=error:no
run restore --qmp=sock web f
ends 1 "QEMU: restore fails" "kvm-mte: QEMU: migrate-incoming: no" "kvm-mte: web: not restored, so it does not run"
done_testing
