#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte migrate that begins a migration whose tags cannot follow, goes on after a failure, lets a guest run without
# its tags, gives them to a process that only has the guest's name, ends the source too early, leaves a program behind, or does
# not say what is left. virsh and ssh are small programs here, the kernel's side is tests/tagdev.c.
# where: here
# hooks: none
# shellcheck disable=SC2016,SC2119 # words for other shells; begin's argument may be left out
. "$TESTS/bed/here.sh"
. "$TESTS/bed/two-hosts.sh"

# --- usage ---

usage "migrate: which domain?" migrate
usage "migrate: where to?" migrate web
usage "migrate: one domain and one URI only: x" migrate web "$URI" x
usage "migrate: which VM?" migrate --qmp=x
usage "migrate: one VM and one URI only: --" migrate --qmp=x web tcp:host:1 -- --live
for uri in "exec:cat >f" fd:3 file:f x; do
	usage "migrate: the destination cannot answer over this URI: $uri" migrate --qmp=x web "$uri"
done
usage "migrate: tags cannot travel with post-copy: --postcopy" migrate web "$URI" -- --postcopy
usage "migrate: tags cannot travel with post-copy: --postcopy-after-precopy" migrate web "$URI" -- --p2p --postcopy-after-precopy
usage "migrate: there are no tags to migrate: --offline" migrate web "$URI" -- --offline
usage "migrate: --name is for --qmp; virsh has --dname" migrate --name=x web "$URI"
usage "migrate: the URI's host cannot be used: qemu+ssh://-oProxyCommand=x/system" migrate web qemu+ssh://-oProxyCommand=x/system
usage "migrate: the URI's host cannot be used: qemu+ssh://host:2x/system" migrate web qemu+ssh://host:2x/system
usage "migrate: not a host: -x" migrate --host=-x web "$URI"

# --- migrate, with libvirt ---

begin
run migrate web "$URI"
ends 0 "migrate" "$HELD" "$IN" "web: migrated to host with its tags"
same_tags "migrate"
is "$(head -n 2 out | sort)" "$(printf '%s\n' "$WAITS" "$READY" | sed "s/HERE/$SRC-9 (web)/" | sort)" "migrate: both hosts wait before it begins"
is "$(hold_there):$(ls resumed)" "0:resumed" "migrate: the guest runs"
is "$(cat asked)" "virsh domjobinfo --domain web
virsh domstate --domain web
$SSH host kvm-mte 'tags' 'load' '--incoming' '--' 'web'
virsh migrate --live --suspend --domain web --desturi $URI
virsh --connect $URI resume --domain web" "migrate: what virsh and ssh are asked"

# asks URI SSH-WORDS NAME [OPTION...] - what ssh is asked for this URI.
asks() {
	begin
	run migrate "${@:4}" web "$1"
	((STATUS == 0)) || diag "$(cat out)"
	is "$STATUS:$(grep ^ssh asked | sed "s/ kvm-mte .*//"):$(tail -n 1 out)" "0:$2:web: migrated to ${2##* } with its tags" "$3"
}
asks qemu+ssh://root@host:2222/system "$SSH -p 2222 root@host" "user and port of the URI"
asks "qemu+ssh://[2001:db8::1]/system" "$SSH 2001:db8::1" "an IPv6 address"
asks qemu+tls://host:16514/system "$SSH host" "the port of libvirt's own transport is not that of ssh"
asks "qemu+ssh://host?keyfile=x" "$SSH host" "a URI without a path"
asks qemu+ssh://host/system "ssh -4 -l root host" "--rsh, split into words" --rsh "ssh -4 -l root"
asks "qemu+unix:///system?socket=x" "$SSH other" "--host" --host=other
asks "qemu+unix:///system?socket=x" "ssh localhost" "--rsh and no host" -e ssh

begin "it's \$(touch $W/pwned)"
printf '%s\n' 'NAME="it'"'"'s \$(touch $W/pwned)" arrive' held leave >acts/migrate
run migrate "it's \$(touch $W/pwned)" "$URI"
is "$STATUS:$(tail -n 1 out):$(ls pwned 2>&1)" "0:it's \$(touch $W/pwned): migrated to host with its tags:ls: cannot access 'pwned': No such file or directory" \
	"a name that a shell would run"

begin
echo 'NAME=db arrive; held; leave' >acts/migrate
run migrate web "$URI" -- --dname db --live --persistent --bandwidth 5
NAME=db ends 0 "--dname, options of virsh" "$HELD" "$IN" "web: migrated to host with its tags"
is "$(grep '^virsh [m-]' asked)" "virsh migrate --live --suspend --domain web --desturi $URI --dname db --persistent --bandwidth 5
virsh --connect $URI resume --domain db" "--dname, options of virsh: what virsh is asked"
begin
run migrate web "$URI" -- --suspend --dname=web
is "$STATUS:$(grep -c suspend asked):$(ls resumed 2>&1)" "0:1:ls: cannot access 'resumed': No such file or directory" "--suspend: the guest stays paused"
begin
echo 'echo paused' >acts/domstate
run migrate web "$URI"
is "$STATUS:$(ls resumed 2>&1)" "0:ls: cannot access 'resumed': No such file or directory" "a guest that was paused stays paused"

# The guest must not be resumed before it is held, and not before it has ended here.
begin
printf '%s\n' 'STATE=off arrive' leave >acts/migrate
start migrate web "$URI"
soon out "kvm-mte: web: waiting until it is held at host"
is "$(ls resumed 2>&1)" "ls: cannot access 'resumed': No such file or directory" "the VM has no MTE: the guest is not resumed"
soon out "(web): has no MTE yet; waiting until it is on"
echo on >"b/sys/kernel/kvm_mte/vms/$DST-9/state"
finish
is "$STATUS:$(hold_there):$(ls resumed)" "0:0:resumed" "it gets MTE: all goes on"

# At the time of "virsh resume" all tags are in.
begin
echo 'cat $W/b/sys/kernel/kvm_mte/vms/*-9/hold >$W/at-resume; cat $W/b/tagdev/written >>$W/at-resume; : >$W/resumed' >acts/resume
run migrate web "$URI"
is "$STATUS:$(cmp at-resume <(echo 0; grep ^page tags) 2>&1)" "0:" "the guest is resumed after its tags are in"

# QEMU creates a VM only to look what KVM can do: the guest is in the next one.
begin
printf '%s\n' arrive held depart_vm 'soon_out "waiting for another VM"' arrive held leave >acts/migrate
run migrate web "$URI"
ends 0 "a VM that is gone at once" "$HELD" "kvm-mte: host: THERE: it has ended before the stream came; waiting for another VM" \
	"$HELD" "$IN" "web: migrated to host with its tags"
begin
printf '%s\n' arrive held depart_vm 'soon_out "waiting for another VM"' leave >acts/migrate
start migrate web "$URI"
soon out "kvm-mte: web: waiting until it is held at host"
is "$(ls resumed 2>&1)" "ls: cannot access 'resumed': No such file or directory" "only a VM that is gone was held: the guest is not resumed"
vm b "$DST" web
finish
is "$STATUS:$(hold_there):$(ls resumed)" "0:0:resumed" "only a VM that is gone was held: the next one gets the tags"

# --- migrate: what fails before anything is migrated ---

# asked_nothing NAME - virsh was not asked to migrate.
asked_nothing() {
	is "$(grep -c '^virsh migrate' asked)" 0 "$1: no migration was begun"
	goes_on "$1"
}
begin
rm -r a/sys
run migrate web "$URI"
ends 4 "no module here" 'kvm-mte: the module kvm_mte is not loaded; "kvm-mte status" tells whether it can be loaded here'
asked_nothing "no module here"
begin
run migrate nosuch "$URI"
ends 1 "no such domain" 'kvm-mte: nosuch: no such VM; "kvm-mte list" shows them'
begin
run migrate "$SRC" "$URI"
ends 1 "not a name" "kvm-mte: HERE: no domain of libvirt has this name: $SRC"
asked_nothing "not a name"
for name in 7 7-9 c7a5fdbd-edaf-9455-926a-d65c16db1809 c7a5fdbdedaf9455926ad65c16db1809; do
	UNCLEAR="kvm-mte: $name: a domain whose name is a number or a UUID may be taken for another one: rename it"
	begin "$name"
	run migrate "$name" "$URI"
	is "$STATUS: $(cat out asked)" "1: $UNCLEAR" "a name that is none: $name"
	run save "$name" f
	is "$STATUS: $(cat out asked)" "1: $UNCLEAR" "a name that is none: save $name"
	begin
	run migrate web "$URI" -- --dname="$name"
	is "$STATUS: $(cat out asked)" "1: $UNCLEAR" "a name that is none: --dname=$name"
done
for name in c7a5fdbd-edaf-9455-926a-d65c16db180 web7 7web deadbeef; do
	begin "$name"
	echo "NAME=$name arrive; held; leave" >acts/migrate
	run migrate "$name" "$URI"
	is "$STATUS: $(tail -n 1 out)" "0: $name: migrated to host with its tags" "a name: $name"
done
begin
echo 'echo "error: no connection" >&2; exit 1' >acts/domstate
run migrate web "$URI"
ends 1 "no libvirt" "error: no connection"
asked_nothing "no libvirt"
begin
rm -r "${W:?}/a/sys/kernel/kvm_mte/vms/$SRC-9"
vm a "$SRC" web off
run migrate web "$URI"
ends 1 "no MTE" "kvm-mte: HERE: the VM has no MTE" "$NO_STREAM" "$NOT its tags cannot follow. It goes on here"
asked_nothing "no MTE"
begin
vm b "$DST" web
run migrate web "$URI"
ends 1 "a VM of this name is there" "$HELD" "kvm-mte: host: THERE: the stream ends early" 'kvm-mte: host: THERE: the VM stays held; "kvm-mte release DST" lets it run without its tags' \
	"$NOT a VM of this name was there already. It goes on here"
asked_nothing "a VM of this name is there"
begin
rm -r b/sys
run migrate web "$URI"
ends 1 "no module there" 'kvm-mte: host: the module kvm_mte is not loaded; "kvm-mte status" tells whether it can be loaded here' \
	"$NOT its tags cannot follow. It goes on here"
asked_nothing "no module there"
begin
: >no-route
run migrate web "$URI"
ends 1 "no connection" "kvm-mte: host: ssh: no route to host" "$NOT its tags cannot follow. It goes on here"
asked_nothing "no connection"
begin
: >deaf
start migrate web "$URI"
soon out ": waiting until the VM ends"
kill -TERM "$JOB"
for ((i = 0; i < 100; i++)); do
	kill -INT "$JOB" 2>/dev/null || break
	sleep 0.1
done
finish
ends 1 "interrupted before" "$NOT interrupted. It goes on here"
asked_nothing "interrupted before"

# --- migrate: what fails on the way ---

begin
echo 'echo "error: unsafe migration" >&2; exit 1' >acts/migrate
run migrate web "$URI"
ends 1 "virsh fails" "error: unsafe migration" "$NO_STREAM" "$NOT virsh has failed. It goes on here"
goes_on "virsh fails"
begin
echo 'kill -9 $$' >acts/migrate
run migrate web "$URI"
ends 1 "virsh is killed" "$NO_STREAM" "$NOT virsh has failed. It goes on here"
goes_on "virsh is killed"
begin
printf '%s\n' 'STATE=off arrive' 'soon_out "has no MTE yet"' depart 'awaits test -e $W/aborted' 'exit 1' >acts/migrate
run migrate web "$URI"
ends 1 "the VM there ends, and never had MTE" "kvm-mte: host: THERE: has no MTE yet; waiting until it is on" "kvm-mte: host: web: the VM's process has ended" \
	"kvm-mte: web: its tags cannot follow: the migration is stopped" "$NOT virsh has failed. It goes on here"
goes_on "the VM there ends, and never had MTE"
# Every user who may open /dev/kvm can start a process with this name.
begin
printf '%s\n' 'sleep 1000 & echo $! >$W/decoy; disown' 'vm b "$(<$W/decoy)" web' 'awaits grep -qsx 1 "$W/b/sys/kernel/kvm_mte/vms/$(<$W/decoy)-9/hold"' arrive \
	'awaits test -e $W/aborted' depart 'exit 1' >acts/migrate
run migrate web "$URI"
DECOY="$(<decoy)-9 (web)"
MAYBE="several VMs" ends 1 "another process there has the name" "kvm-mte: host: $DECOY: held until its tags are in" \
	"kvm-mte: host: $DECOY: it is not the only VM that the command line names" \
	"kvm-mte: host: $DECOY: the VM stays held; \"kvm-mte release $(<decoy)-9\" lets it run without its tags" \
	"kvm-mte: web: its tags cannot follow: the migration is stopped" "$NOT virsh has failed. It goes on here"
goes_on "another process there has the name"
kill "$(<decoy)"
# Both are seen at once: a domain is not told to stop what virsh no longer does.
begin
printf '%s\n' 'kill -STOP $PPID' '(awaits grep -q "^State:.*Z" /proc/$$/status; kill -INT $PPID; kill -CONT $PPID) &' 'exit 1' >acts/migrate
run migrate web "$URI"
ends 1 "virsh ends when a signal comes" "$NO_STREAM" "$NOT interrupted. It goes on here"
is "$(grep -c domjobabort asked)" 0 "virsh ends when a signal comes: nothing is aborted"
goes_on "virsh ends when a signal comes"
# virsh is gone, but libvirt goes on.
begin
printf '%s\n' arrive held ': >$W/migrating' 'kill -9 $$' >acts/migrate
echo 'if [[ -e $W/aborted ]]; then depart; fi; if [[ -e $W/migrating && ! -e $W/aborted ]]; then echo "Job type:         Unbounded"; else echo "Job type: None"; fi' >acts/domjobinfo
run migrate web "$URI"
MAYBE="process has ended$\|stream ends early$" ends 1 "virsh is killed, and libvirt goes on" "$HELD" "$NOT virsh has failed. It goes on here"
is "$(grep -c domjobabort asked)" 1 "virsh is killed, and libvirt goes on: it is told to stop"
goes_on "virsh is killed, and libvirt goes on"
UNKNOWN="and it is not known where the guest is. Its tags are sent when QEMU ends here. If the guest is here, interrupt twice"
# not_known NAME - the tags are kept until it has ended here.
not_known() {
	soon out "kvm-mte: web: virsh has failed, $UNKNOWN"
	leave
	finish
	ends 1 "$1" "$HELD" "$IN" "kvm-mte: web: virsh has failed, $UNKNOWN" "kvm-mte: web: its tags are in at host; look there whether it runs" "${@:2}"
	same_tags "$1"
}
begin
printf '%s\n' arrive held 'echo "echo error: no connection >&2; exit 1" >$W/acts/domstate' 'exit 1' >acts/migrate
start migrate web "$URI"
not_known "libvirt is gone" "error: no connection"
begin
printf '%s\n' arrive held 'echo "echo paused" >$W/acts/domstate' 'exit 1' >acts/migrate
start migrate web "$URI"
not_known "virsh fails, and the guest is paused here"
for signal in INT TERM HUP; do
	begin
	printf '%s\n' arrive held lasts >acts/migrate
	start migrate web "$URI"
	soon out "held until"
	soon asked migrate
	awaits test -e migrating
	kill -"$signal" "$JOB"
	finish
	# libvirt ends the VM there, and the stream ends: load sees one of them first.
	MAYBE="process has ended$\|stream ends early$" ends 1 "SIG$signal" "$HELD" "virsh: aborted" "$NOT interrupted. It goes on here"
	goes_on "SIG$signal"
done
# A terminal, timeout and systemd send a signal to all processes.
for signal in HUP TERM; do
	begin
	printf '%s\n' arrive held lasts >acts/migrate
	SETSID=setsid start migrate web "$URI"
	awaits test -e migrating
	kill -$signal -- "-$JOB"
	finish
	MAYBE="process has ended$\|stream ends early$" ends 1 "SIG$signal for all" "$HELD" "virsh: aborted" "$NOT interrupted. It goes on here"
	goes_on "SIG$signal for all"
done
begin
printf '%s\n' arrive held lasts >acts/migrate
mkfifo cut pipe
start migrate web "$URI"
awaits test -e migrating
echo >"$W/cut"
finish
ends 1 "the connection is cut on the way" "$HELD" "kvm-mte: host: THERE: the stream ends early" \
	'kvm-mte: host: THERE: the VM stays held; "kvm-mte release DST" lets it run without its tags' "kvm-mte: host: ssh: connection lost" \
	"kvm-mte: web: its tags cannot follow: the migration is stopped" "virsh: aborted" "$NOT virsh has failed. It goes on here"
goes_on "the connection is cut on the way"

# --- migrate: what fails when the guest has left ---

LOST="kvm-mte: web: its tags are not all at host. Where it is held, \"kvm-mte release web\" and \"virsh resume\" and a reset of the guest let it start again"
STAYS='kvm-mte: host: THERE: the VM stays held; "kvm-mte release DST" lets it run without its tags'
begin
echo "0x40000000 0x2000000" >b/tagdev/slots
run migrate web "$URI"
OTHER="the stream is of a VM with other memory: 16777216 bytes in 1 range, here 33554432 in 1; the first difference is at 0x41000000"
ends 1 "other memory" "$HELD" "kvm-mte: host: THERE: $OTHER" "$STAYS" "$LOST"
is "$(hold_there)" 1 "other memory: the guest is held"
begin
mkfifo cut pipe
printf '%s\n' arrive held 'echo >"$W/cut"' 'until grep -q "cannot follow" "$W/out"; do sleep 0.05; done' leave >acts/migrate
run migrate web "$URI"
is "$STATUS:$(grep -F "web: its tags are not all" out):$(hold_there):$(ls resumed 2>&1)" "1:$LOST:1:ls: cannot access 'resumed': No such file or directory" \
	"the connection is cut, and virsh goes on: the guest is held"
begin
echo 'echo "error: no connection" >&2; exit 1' >acts/resume
run migrate web "$URI"
ends 1 "resume fails" "$HELD" "$IN" "error: no connection" \
	"kvm-mte: web: its tags are in, but it is paused at host; \"virsh resume web\" there lets it run"
same_tags "resume fails"
begin
printf '%s\n' arrive held leave 'exit 1' >acts/migrate
run migrate web "$URI"
ends 1 "virsh fails when the guest has left" "$HELD" "$IN" "kvm-mte: web: virsh has failed, but it has ended here" \
	"kvm-mte: web: its tags are in at host; look there whether it runs"
is "$(ls resumed 2>&1)" "ls: cannot access 'resumed': No such file or directory" "virsh fails when the guest has left: it is not resumed"
begin
echo 'leave; exit 1' >acts/migrate
run migrate web "$URI"
is "$STATUS:$(grep -c "virsh has failed, but it has ended here" out)" "1:1" "the guest dies here, and there is none there"
clean "the guest dies here, and there is none there"
begin
printf '%s\n' 'STATE=off arrive' leave >acts/migrate
start migrate web "$URI"
soon out "waiting until it is held"
kill -INT "$JOB"
soon out "kvm-mte: web: it has left this host, and its tags are on their way; interrupt again to give them up"
is "$(kill -0 "$JOB" && echo waits)" waits "SIGINT when the guest has left: goes on"
kill -INT "$JOB"
finish
is "$STATUS:$(tail -n 1 out)" "1:$LOST" "a second SIGINT ends it"
clean "a second SIGINT ends it"
begin
printf '%s\n' arrive held 'kill "$(<"$W/src")"' 'awaits is_gone "$(<"$W/src")"' >acts/migrate
SETSID=setsid start migrate web "$URI"
soon out "held until"
awaits is_gone "$SRC"
awaits eval '! pgrep -P "$JOB" -x virsh >/dev/null'
kill -TERM -- "-$JOB"
soon out "interrupt again to give them up"
echo >a/dev/kvm_mte
finish
ends 0 "SIGTERM for all when the guest has left" "$HELD" "$IN" "web: migrated to host with its tags" \
	"kvm-mte: web: it has left this host, and its tags are on their way; interrupt again to give them up"
same_tags "SIGTERM for all when the guest has left"
# What closes a terminal sends SIGHUP, or SIGTERM and SIGHUP. It is stopped, so it sees both at once.
begin
printf '%s\n' arrive held 'kill "$(<"$W/src")"' 'awaits is_gone "$(<"$W/src")"' >acts/migrate
start migrate web "$URI"
soon out "held until"
awaits is_gone "$SRC"
awaits eval '! pgrep -P "$JOB" -x virsh >/dev/null'
kill -STOP "$JOB"
kill -HUP "$JOB"
kill -TERM "$JOB"
kill -CONT "$JOB"
soon out "interrupt again to give them up"
echo >a/dev/kvm_mte
finish
ends 0 "two signals of one event" "$HELD" "$IN" "web: migrated to host with its tags" \
	"kvm-mte: web: it has left this host, and its tags are on their way; interrupt again to give them up"
same_tags "two signals of one event"
begin
printf '%s\n' arrive held 'kill "$(<"$W/src")"' 'awaits is_gone "$(<"$W/src")"' >acts/migrate
SETSID="nohup" start migrate web "$URI"
soon out "held until"
awaits is_gone "$SRC"
awaits eval '! pgrep -P "$JOB" -x virsh >/dev/null'
kill -HUP "$JOB"
echo >a/dev/kvm_mte
finish
ends 0 "nohup" "$HELD" "$IN" "web: migrated to host with its tags"
# libvirt writes the process of its domain before the VM is there. Others may have the name.
begin
sleep 1000 &
STRANGER=$!
echo "$STRANGER" >stranger
mkdir -p b/run/libvirt/qemu
echo "$DST" >b/run/libvirt/qemu/web.pid
printf '%s\n' 'vm b "$(<$W/stranger)" web' arrive held leave >acts/migrate
run migrate web "$URI"
ends 0 "a stranger has the name of libvirt's domain" "$HELD" "$IN" "web: migrated to host with its tags"
same_tags "a stranger has the name of libvirt's domain"
begin
mkdir -p b/run/libvirt/qemu
echo "$DST" >b/run/libvirt/qemu/web.pid
printf '%s\n' arrive held 'vm b "$(<$W/stranger)" web' leave >acts/migrate
run migrate web "$URI"
ends 0 "a stranger takes the name of libvirt's domain" "$HELD" "$IN" "web: migrated to host with its tags"
same_tags "a stranger takes the name of libvirt's domain"
kill "$STRANGER"
# libvirt aborts a job if that is asked for, whoever began it.
begin
echo 'echo "Job type:         Unbounded"' >acts/domjobinfo
run migrate web "$URI"
ends 1 "libvirt has a job with the domain" "kvm-mte: web: libvirt does something with it already (virsh domjobinfo)"
is "$(grep -c -e domjobabort -e migrate asked)" 0 "libvirt has a job with the domain: it goes on"
goes_on "libvirt has a job with the domain"
# Each event lets it look at the number of signals again: here that a child has ended.
begin
printf '%s\n' 'STATE=off arrive' leave >acts/migrate
start migrate web "$URI"
soon out "waiting until it is held"
kill -INT "$JOB"
soon out "interrupt again to give them up"
kill -CHLD "$JOB"
echo on >"b/sys/kernel/kvm_mte/vms/$DST-9/state"
finish
is "$STATUS:$(tail -n 1 out):$(hold_there):$(ls resumed)" "0:web: migrated to host with its tags:0:resumed" "one SIGINT gives up nothing"
same_tags "one SIGINT gives up nothing"
done_testing
