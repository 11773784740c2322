#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte tags losing or moving a tag, asking the kernel for what its interface does not allow, or releasing a VM
# although something went wrong, or another VM has the same name; a wait that never ends; an error without its reason; hold that
# releases, or release that holds. The kernel's side is tests/tagdev.c here.
# where: here
# hooks: none
# shellcheck disable=SC2016 # words for eval
. "$TESTS/bed/here.sh"

W=$RUN_DIR/tool-tags
HOST=$W/host
VMS=$HOST/sys/kernel/kvm_mte/vms
VM=
export TAGDEV=$W/dev TAGDEV_VMS=$VMS TAGDEV_LOG=$HOST/var/log/dmesg
mkdir -p "$W" "$TAGDEV" "$VMS" "$HOST"/{dev,proc,var/log}
make -s -C "$TOP/tools" OUT="$W" SANITIZE=1 || bail "the tool does not build"
gcc -D_GNU_SOURCE -Wall -Wextra -Werror -shared -fPIC -o "$W/tagdev.so" "$TESTS/tagdev.c" -ldl || bail "tagdev.c does not build"
cd "$W" || exit

# The library comes before that of the sanitizers.
mte() { ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1 LD_PRELOAD=$W/tagdev.so "$W/kvm-mte" --root="$HOST" "$@"; }
# The same for the background: $! is the program itself.
MTE=(env ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1 "LD_PRELOAD=$W/tagdev.so" "$W/kvm-mte" "--root=$HOST")
stream() { "$TESTS/tagstream.py" "$@"; }

# vm PID NAME [VCPUS [STATE]] - a VM of that host, PID-9.
vm() {
	local d=$VMS/$1-9 f
	mkdir -p "$d.new/stats" "$HOST/proc/$1"
	for f in "pid $1" "enable 0" "state ${4:-on}" "origin none" "vcpus ${3:-1}" "hold 0" "stats/pages_tagged 0"; do
		echo "${f#* }" >"$d.new/${f% *}"
	done
	printf 'qemu\0-name\0%s\0' "$2" >"$HOST/proc/$1/cmdline"
	mv "$d.new" "$d"
}

# says STATUS OUTPUT NAME COMMAND... - both streams and the exit status. HERE in OUTPUT stands for the VM.
says() {
	local out status=0
	out=$("${@:4}" 2>&1) || status=$?
	is "$status: $out" "$1: ${2//HERE/$VM (web)}" "$3"
}
usage() { says 2 "kvm-mte: $1
Try \"kvm-mte --help\"." "usage: $1" mte "${@:2}"; }
held() { cat "$VMS/$VM/hold"; }
slots() { printf '%s\n' "$@" >"$TAGDEV/slots"; }
# called - the kernel's calls since the last time.
called() { cat "$TAGDEV/calls"; rm -f "$TAGDEV/calls" "$TAGDEV/written"; }
# finished - waits for $JOB, a load or save in the background; sets STATUS to its exit status.
finished() {
	local i
	for ((i = 0; i < 600; i++)); do
		[[ -e /proc/$JOB/fd/0 || -e /proc/$JOB/exe ]] || break
		sleep 0.1
	done
	kill "$JOB" 2>/dev/null
	wait "$JOB"
	STATUS=$?
}

# --- without a module, with an old one ---

says 4 'kvm-mte: the module kvm_mte is not loaded; "kvm-mte status" tells whether it can be loaded here' "save without the module" \
	bash -c 'rmdir "$1"; "$2" --root="$3" tags save web | cat; exit "${PIPESTATUS[0]}"' _ "$VMS" "$W/kvm-mte" "$HOST"
mkdir -p "$VMS"
echo 1 >"$HOST/sys/kernel/kvm_mte/version"
sleep 1000 &
P=$!
trap 'kill $(jobs -p) 2>/dev/null' EXIT
VM=$P-9
vm $P web
stream make --range 0x40000000:0x4000000 --range 0x8000000:0x31000 --pages 9000 >wide
says 1 "kvm-mte: this module's version cannot carry tags" "an old module: save" eval 'mte tags save web | cat; (exit "${PIPESTATUS[0]}")'
says 1 "kvm-mte: this module's version cannot carry tags" "an old module: load" eval 'mte tags load web <wide'
says 1 "kvm-mte: this module's version cannot carry tags" "an old module: load --incoming" eval 'mte tags load --incoming web <wide'
mkdir "$HOST/dev/kvm_mte"
says 1 "kvm-mte: /dev/kvm_mte: Is a directory" "not a device" eval 'mte tags load web <wide'
rmdir "$HOST/dev/kvm_mte"
: >"$HOST/dev/kvm_mte"

# --- save, and load into memory with other slots ---

stream dump <wide >wide.dump
grep ^page wide.dump >"$TAGDEV/tags"
slots "0x8000000 0x31000" "0x42000000 0x2000000" "0x40000000 0x1231000" "0x41231000 0xdcf000"
succeeds "save" eval 'mte tags save web >saved'
is "$(stream dump <saved | cmp - wide.dump 2>&1)" "" "all tags are in the stream, none is elsewhere"
is "$(mte tags check <saved | tail -n 2)" "tags:     9000 pages of 4096 bytes
stream:   $(stat -c %s saved) bytes, 4 chunks" "it can be checked"
like "$(called)" "^open $VM 1\$" "the VM was opened for saving"
is "$(held)" 0 "save leaves the hold as it is"
says 1 "kvm-mte: HERE: it is not held and stopped, or another program has its tags" "load into a VM that is not held" eval 'mte tags load web <saved'
says 0 "HERE: held" "hold" mte hold web
is "$(held)" 1 "it is held"
rm -f "$TAGDEV"/{calls,written}
slots "0x42340000 0x1cc0000" "0x40000000 0x2340000" "0x8000000 0x30000" "0x8030000 0x1000"
says 0 "HERE: released, 9000 pages with tags" "load, by the VM's directory" eval 'mte tags load "$VM" <saved'
is "$(cmp "$TAGDEV/written" "$TAGDEV/tags" 2>&1)" "" "all tags were written, each where it belongs"
like "$(called | tail -n 1)" '^release$' "the release comes last"
is "$(held)" 0 "it is released"
mte hold web >hold.out
is "$(dd if=saved bs=999 status=none | mte tags load web):$(cmp "$TAGDEV/written" "$TAGDEV/tags" 2>&1)" \
	"$VM (web): released, 9000 pages with tags:" "load, from a slow pipe"
called >/dev/null
: >"$TAGDEV/tags"
slots "0x40000000 0x1000000000" "0x1040000000 0x1000000000"
is "$(mte tags save $P | mte tags check | tail -n 1)" "stream:   100 bytes, 1 chunk" "save of 128 GiB without tags, by the VM's process"
is "$(while read -r call _ size; do [[ $call != read ]] || echo $((size)); done <"$TAGDEV/calls" | sort -n | tail -n 1)" $((256 << 20)) "the largest call is about 256 MiB"
called >/dev/null
stream make --range 0x40000000:0x60001000 --pages 5000 >right
stream dump <right | grep ^page >"$TAGDEV/tags"
slots "0x40000000 0x1000" "0x40001000 0x60000000"
mte tags save web >saved
slots "0x40000000 0x1003000" "0x41003000 0x5effe000"
mte hold web >hold.out
says 0 "HERE: released, 5000 pages with tags" "large slots that begin anywhere: save and load" eval 'mte tags load web <saved'
is "$(cmp "$TAGDEV/written" "$TAGDEV/tags" 2>&1)" "" "with all tags"
called >/dev/null
stream make --range 0x40000000:0x2000000 --pages 0x2000 >right
stream dump <right >right.dump
grep ^page right.dump >"$TAGDEV/tags"
slots "0x40000000 0xff1000" "0x40ff1000 0x100f000"
is "$(mte tags save web 2>&1 | stream dump 2>&1 | cmp - right.dump 2>&1)" "" "a chunk that is full where a slot ends: it ends before"
called >/dev/null
: >"$TAGDEV/tags"

# --- progress ---

stream make --range 0x40000000:0x40000000 --pages 1 >one
slots "0x40000000 0x40000000"
mte hold web >hold.out
says 0 "kvm-mte: 0%, 0 pages with tags
kvm-mte: 25%, 0 pages with tags
kvm-mte: 50%, 1 pages with tags
kvm-mte: 75%, 1 pages with tags
kvm-mte: 100%, 1 pages with tags
HERE: released, 1 page with tags" "load --progress" eval 'mte tags load --progress web <one'
mte tags save --progress web 2>err >saved
is "$(<err)" "$(for p in 0 25 50 75 100; do echo "kvm-mte: $p%, 0 pages with tags"; done)" "save --progress"
# tty COMMAND... - runs it on a terminal of its own.
tty() {
	python3 - "$@" <<-'EOL'
	import os, pty, sys
	status = pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 1024), lambda fd: b'')
	sys.exit(os.waitstatus_to_exitcode(status))
	EOL
}
export -f mte
export W HOST
says 0 $'\rkvm-mte: 0%, 0 pages with tags\rkvm-mte: 100%, 0 pages with tags\r' "--progress on a terminal: a line that changes" \
	tty bash -c 'mte tags save --progress web >saved'
called >/dev/null

# --- usage ---

usage "tags: save, load or check?" tags
usage "tags: not one of save, load, check: x" tags x
usage "tags save: which VM?" tags save
usage "tags load: which VM?" tags load
usage "tags: one VM only: y" tags save x y
usage "tags check takes no VM: x" tags check x
usage "tags load: no such option: --at-end" tags load --at-end x
usage "tags save: no such option: --incoming" tags save --incoming x
usage "tags check: no such option: --progress" tags check --progress
usage "hold: which VM?" hold
usage "release: no such option: --all" release --all
says 2 $'kvm-mte: tags save: stdout is a terminal\r
Try "kvm-mte --help".\r' "save to a terminal" tty bash -c 'mte tags save web'
says 2 $'kvm-mte: tags load: stdin is a terminal\r
Try "kvm-mte --help".\r' "load from a terminal" tty bash -c 'mte tags load web'
says 2 $'kvm-mte: tags check: stdin is a terminal\r
Try "kvm-mte --help".\r' "check of a terminal" tty bash -c 'mte tags check'
says 1 'kvm-mte: x: no such VM; "kvm-mte list" shows them' "save of no VM" eval 'mte tags save x >saved'
is "$(ls "$TAGDEV/calls" 2>&1)" "ls: cannot access '$TAGDEV/calls': No such file or directory" "the kernel was not asked for any of these"

# --- hold and release ---

says 0 "HERE: held" "hold by process" mte hold $P
says 0 "HERE: held" "hold again" mte hold web
says 1 "kvm-mte: x: no such VM; \"kvm-mte list\" shows them
HERE: released" "release of several: the others are done" mte release x web
is "$(held)" 0 "it is released"
mv "$VMS/$VM/hold" "$VMS/hold"
says 1 "kvm-mte: HERE: this module's version cannot hold VMs" "hold with an old module" mte hold web
mv "$VMS/hold" "$VMS/$VM/hold"

# --- errors of save ---

# refused NR ERRNO REASON COMMAND... - the first ioctl NR fails.
refused() {
	local out
	echo "$1 $2 1" >"$TAGDEV/fail"
	out=$("${@:4}" 2>&1)
	is "$?: $out" "1: kvm-mte: $VM (web): $3
kvm-mte: the kernel says: kvm_mte: $VM: words about $2" "ioctl $1 fails with $2"
	rm "$TAGDEV/fail"
}
save() { mte tags save "$@" web >saved; }
cut_short() { is "$(mte tags check <saved 2>&1)" "kvm-mte: the stream ends early" "$1: what was saved is no whole stream"; }
refused 0 1 "only root may read or write tags" save
refused 0 2 "the VM is gone" save
refused 0 16 "it is not stopped, or another program has its tags" save
refused 0 16 "another program has its tags" save --at-end
refused 0 19 "the VM is gone" save
refused 0 22 "the VM has no MTE" save
refused 0 12 "the kernel has not enough memory" save
refused 1 11 "the VM has not ended" save
refused 1 116 "its memory slots have changed meanwhile" save
refused 2 5 "the kernel has freed the VM's memory, or cannot read it from swap" save
cut_short EIO
refused 2 14 "a part of its memory is not mapped, or cannot hold tags" save
refused 2 16 "its memory is served by a userfaultfd; try again when it is all there" save
refused 2 22 "the VM has no MTE any more" save
refused 2 71 "Protocol error" save
cut_short EPROTO
echo "2 4 1" >"$TAGDEV/fail"
succeeds "EINTR: save tries again" save
echo "2 0 2" >"$TAGDEV/fail"
says 1 "kvm-mte: HERE: the kernel has not read what it was asked for" "a read that reads nothing" save
rm "$TAGDEV/fail"
slots
says 1 "kvm-mte: HERE: it has no memory" "save of a VM without memory" save
slots "0x40000000 0x20000" "0x40010000 0x20000"
says 1 "kvm-mte: HERE: its memory slots are not valid" "save of slots that overlap" save
slots "0x40000000 0x40000000"
printf 'page 0x%x %0256d\n' $((0x40001000)) 1 $((0x40000000)) 1 >"$TAGDEV/tags"
says 1 "kvm-mte: HERE: chunk 0: its pages are not in order" "save: the kernel's pages are checked" save
: >"$TAGDEV/tags"
says 1 "kvm-mte: HERE: cannot write: No space left on device" "save to a full disk" eval 'mte tags save web >/dev/full'
says 1 "kvm-mte: HERE: cannot write: Broken pipe" "save to a program that has ended" eval '{ sleep 1; mte tags save web; echo $? >status; } | :; (exit "$(cat status)")'

# --- save --at-end ---

called >/dev/null
rm "$HOST/dev/kvm_mte" && mkfifo "$HOST/dev/kvm_mte"
exec 8<>"$HOST/dev/kvm_mte"
"${MTE[@]}" tags save --at-end web >saved 2>err &
JOB=$!
soon err "kvm-mte: $VM (web): waiting until the VM ends"
slots "0x40000000 0x40000000"
is "$(stat -c %s saved):$(called)" "0:open $VM 2" "save --at-end: nothing is read or written while the VM is there"
echo >&8
finished
is "$STATUS:$(mte tags check <saved | tail -n 1)" "0:stream:   100 bytes, 1 chunk" "save --at-end: saves when it has ended"
says 1 "kvm-mte: HERE: waiting until the VM ends
kvm-mte: HERE: cannot write: Broken pipe" "save --at-end: ends if nobody reads" eval '{ mte tags save --at-end web; echo $? >status; } | :; (exit "$(cat status)")'
exec 8>&-
rm "$HOST/dev/kvm_mte" && : >"$HOST/dev/kvm_mte"
called >/dev/null

# --- errors of load: the VM stays held ---

STAYS="
kvm-mte: HERE: the VM stays held; \"kvm-mte release $VM\" lets it run without its tags"
# not_loaded REASON NAME [STREAM] - load fails, and neither releases the VM nor says so.
not_loaded() {
	mte hold web >hold.out
	says 1 "kvm-mte: HERE: $1$STAYS" "load: $2" eval "mte tags load web <${3:-right}"
	is "$(held)" 1 "and the VM is held"
}
stream make --range 0x40000000:0x1000000 --pages 300 --chunk 100 >right
slots "0x40000000 0x1000000"
for size in 0 10 30 100 20000; do
	head -c $size right >short
	not_loaded "the stream ends early" "a stream of $size bytes" short
done
for fault in magic:"this is no stream of tags" outside:"chunk 0: a page is outside of it" last-missing:"the stream does not cover all memory" \
	other-sum:"the stream's end does not belong to the rest" trailing:"there is more after the stream's end"; do
	stream make --range 0x40000000:0x1000000 --pages 300 --chunk 100 --fault "${fault%%:*}" >wrong
	not_loaded "${fault#*:}" "${fault%%:*}" wrong
done
{ head -c 20000 right; printf x; tail -c +20002 right; } >wrong
not_loaded "chunk 1 is damaged" "a chunk that is damaged" wrong
not_loaded "cannot read the stream: Is a directory" "a directory" /tmp
other="the stream is of a VM with other memory"
slots "0x40000000 0x2000000"
not_loaded "$other: 16777216 bytes in 1 range, here 33554432 in 1; the first difference is at 0x41000000" "more memory"
slots "0x40000000 0x800000"
not_loaded "$other: 16777216 bytes in 1 range, here 8388608 in 1; the first difference is at 0x40800000" "less memory"
slots "0x40000000 0x800000" "0x50000000 0x800000"
not_loaded "$other: 16777216 bytes in 1 range, here 16777216 in 2; the first difference is at 0x40800000" "other places"
slots
not_loaded "$other: 16777216 bytes in 1 range, here 0 in 0; the first difference is at 0x40000000" "no memory"
slots "0x40000000 0x1000000"
for fault in "3 116:its memory slots have changed meanwhile" "3 5:the kernel has freed the VM's memory, or cannot read it from swap" \
	"3 16:its memory is served by a userfaultfd; try again when it is all there" "4 19:the VM is gone"; do
	echo "${fault%%:*} 1" >"$TAGDEV/fail"
	not_loaded "${fault#*:}
kvm-mte: the kernel says: kvm_mte: $VM: words about $(cut -d' ' -f2 <<<"${fault%%:*}")" "ioctl ${fault%%:*}"
done
echo "3 4 1" >"$TAGDEV/fail"
says 0 "HERE: released, 300 pages with tags" "EINTR: load tries again" eval 'mte tags load web <right'
rm "$TAGDEV/fail"
mte hold web >hold.out
mkfifo pipe
# A process with the same name may come until the last moment.
sleep 1000 &
Q=$!
rm -f "$TAGDEV/calls"
"${MTE[@]}" tags load web <pipe 2>err &
JOB=$!
exec 9>pipe
head -c 20000 right >&9
soon "$TAGDEV/calls" write
vm $Q web
tail -c +20001 right >&9
exec 9>&-
finished
is "$STATUS:$(<err)" "1:kvm-mte: web: several VMs, name one of these: $(printf '%s\n' "$Q-9" "$VM" | sort -V | xargs)
kvm-mte: $VM (web): it is not the only VM that the command line names${STAYS//HERE/$VM (web)}" "load: another VM has the name meanwhile"
is "$(held):$(grep -c release "$TAGDEV/calls")" 1:0 "and the VM is not released"
echo 0 >"$VMS/$Q-9/vcpus"
says 1 "kvm-mte: web: several VMs, name one of these: $(printf '%s\n' "$Q-9" "$VM" | sort -V | xargs)" "load: two VMs have the name" eval 'mte tags load web <right'
rm -r "${VMS:?}/$Q-9" "$TAGDEV/calls"
"${MTE[@]}" tags load web <pipe 2>err >out &
JOB=$!
exec 9>pipe
head -c 20000 right >&9
soon "$TAGDEV/calls" write
vm $Q web 0
tail -c +20001 right >&9
exec 9>&-
finished
is "$STATUS:$(cat err out)" "0:$VM (web): released, 300 pages with tags" "load: another VM has the name, but no vCPU"
mkdir -p "$HOST/run/libvirt/qemu"
echo "$Q" >"$HOST/run/libvirt/qemu/web.pid"
rm -r "${VMS:?}/$Q-9"
not_loaded "it is not libvirt's domain of this name, whose process is $Q" "libvirt's domain is another process"
echo "$P" >"$HOST/run/libvirt/qemu/web.pid"
says 0 "HERE: released, 300 pages with tags" "load: libvirt's domain" eval 'mte tags load web <right'
rm -r "$HOST/run"
kill $Q
mte hold web >hold.out
sleep 1000 &
Q=$!
vm $Q short-lived
"${MTE[@]}" tags load short-lived <pipe 2>err &
JOB=$!
exec 9>pipe
kill $Q
finished
is "$STATUS:$(<err)" "1:kvm-mte: $Q-9 (short-lived): the VM's process has ended" "load: the process ends while the stream is waited for"
says 1 "kvm-mte: $Q-9 (short-lived): the VM's process has ended" "load: the process has ended before" eval 'mte tags load short-lived <right'
exec 9>&-
rm -r "${VMS:?}/$Q-9"

# --- load --incoming ---

# incoming NAME STREAM - starts it in the background.
incoming() {
	rm -f "$TAGDEV"/{calls,written} err out
	"${MTE[@]}" tags load --incoming "$1" <"$2" 2>err >out &
	JOB=$!
}
stream dump <right | grep ^page >right.pages
sleep 1000 &
D=$!
incoming dest pipe
exec 9>pipe
sleep 1
vm $D dest 0
sleep 1
is "$(cat err out "$TAGDEV/calls" 2>/dev/null)" "kvm-mte: dest: waiting for the VM" "incoming: a VM without vCPUs is not taken yet"
slots
echo 2 >"$VMS/$D-9/vcpus"
soon err "kvm-mte: $D-9 (dest): held until its tags are in"
is "$(cat "$VMS/$D-9/hold"):$(<"$TAGDEV/calls")" "1:open $D-9 4" "incoming: held before the stream has come"
cat right >&9
soon "$TAGDEV/calls" ranges
slots "0x40000000 0x800000"
sleep 1
slots "0x40000000 0x800000" "0x40800000 0x800000"
exec 9>&-
finished
is "$STATUS:$(<out)" "0:$D-9 (dest): released, 300 pages with tags" "incoming: its memory comes later than its vCPUs"
is "$(cat "$VMS/$D-9/hold"):$(cmp "$TAGDEV/written" right.pages 2>&1)" "0:" "incoming: it has the tags and is released"

# Nobody will send a stream: no VM may be held, also later.
slots "0x40000000 0x1000000"
rm -r "${VMS:?}/$D-9"
says 1 "kvm-mte: dest: the stream has ended before it began; no VM was held" "incoming: the other end has gone" eval ': | mte tags load --incoming dest'
says 1 "kvm-mte: dest: the stream has ended before it began; no VM was held" "incoming: the other end has gone, a socket" \
	python3 -c 'import socket, subprocess, sys
a, b = socket.socketpair()
a.shutdown(socket.SHUT_WR)
sys.exit(subprocess.run(sys.argv[1:], stdin=b).returncode)' "${MTE[@]}" tags load --incoming dest
head -c 100 right >begun
"${MTE[@]}" tags load --incoming dest < <(cat begun) 2> >(read -r; exec sleep 1) &
JOB=$!
finished
# SIGPIPE ends it, when it says why.
is "$STATUS" 141 "incoming: the stream has begun, and then the connection was lost: it ends"
(cat right; : >sent) | "${MTE[@]}" tags load --incoming dest >out 2>err &
soon err "kvm-mte: dest: waiting for the VM"
vm $D dest
wait $!
is "$?:$(<out)" "0:$D-9 (dest): released, 300 pages with tags" "incoming: a program that has written the stream and ended is no reason to end"

# A VMM looks what KVM can do, with a VM that has a vCPU.
slots "0x40000000 0x1000000"
rm -r "${VMS:?}/$D-9"
mkdir "$VMS/$D-5"
rmdir "$VMS/$D-5"
vm $D dest
mv "$VMS/$D-9" "$VMS/$D-5"
incoming dest pipe
exec 9>pipe
soon err "kvm-mte: $D-5 (dest): held until its tags are in"
rm -r "${VMS:?}/$D-5"
vm $D dest 1 off
soon err "kvm-mte: $D-9 (dest): has no MTE yet; waiting until it is on"
echo on >"$VMS/$D-9/state"
soon err "kvm-mte: $D-9 (dest): held until its tags are in"
cat right >&9
exec 9>&-
finished
is "$STATUS:$(<out)" "0:$D-9 (dest): released, 300 pages with tags" "incoming: the next VM is taken if the first one goes; it may get MTE later"

NAME="$D-9 (dest)"
STAYS="kvm-mte: $NAME: the VM stays held; \"kvm-mte release $D-9\" lets it run without its tags"
incoming dest wrong
finished
is "$STATUS:$(<err)" "1:kvm-mte: $NAME: held until its tags are in
kvm-mte: $NAME: chunk 1 is damaged
$STAYS" "incoming: a stream that is damaged"
incoming dest /dev/null
finished
is "$STATUS:$(<err)" "1:kvm-mte: $NAME: held until its tags are in
kvm-mte: $NAME: the stream ends early
$STAYS" "incoming: no stream"
slots "0x40000000 0x2000000"
incoming dest right
finished
is "$STATUS:$(<err)" "1:kvm-mte: $NAME: held until its tags are in
kvm-mte: $NAME: $other: 16777216 bytes in 1 range, here 33554432 in 1; the first difference is at 0x41000000
$STAYS" "incoming: the memory stays wrong"
is "$(cat "$VMS/$D-9/hold")" 1 "and the VM is held"
echo 0 >"$VMS/$D-9/hold"
slots "0x40000000 0x1000000"
echo "0 16 1" >"$TAGDEV/fail"
incoming dest right
finished
is "$STATUS:$(<out)" "0:$NAME: released, 300 pages with tags" "incoming: a VM that is busy for a moment is tried again"
echo "0 16 0" >"$TAGDEV/fail"
incoming dest right
finished
is "$STATUS:$(<err)" "1:kvm-mte: $NAME: it has run already, or another program has its tags
kvm-mte: the kernel says: kvm_mte: $D-9: words about 16" "incoming: it has run"
rm "$TAGDEV/fail"
vm 99999 dest
incoming dest right
finished
is "$STATUS:$(<err)" "1:kvm-mte: dest: several VMs, name one of these: $D-9 99999-9" "incoming: two of a name"
rm -r "${VMS:?}/99999-9"
incoming dest pipe
exec 9>pipe
soon err "held until"
kill $D
wait $D 2>/dev/null
finished
is "$STATUS:$(<err)" "1:kvm-mte: $NAME: held until its tags are in
kvm-mte: $NAME: the VM's process has ended
$STAYS" "incoming: the process ends"
sleep 1000 &
D=$!
vm $D other
incoming other pipe
soon err "held until"
rm -r "${VMS:?}/$D-9"
kill $D
finished
is "$STATUS:$(<err)" "1:kvm-mte: $D-9 (other): held until its tags are in
kvm-mte: $D-9 (other): the VM's process has ended" "incoming: the VM goes, and then its process"
exec 9>&-
# Each VM that is listed needs an open file.
for ((i = 0; i < 40; i++)); do
	vm $((500000 + i)) many
done
is "$(ulimit -S -n 24; mte list | grep -c many)" 40 "list: more VMs than the soft limit of open files"
is "$(ulimit -n 24; mte list 2>&1 >/dev/null; echo $?)" "kvm-mte: /sys/kernel/kvm_mte/vms: Too many open files
1" "list: more VMs than the hard limit of open files"
done_testing
