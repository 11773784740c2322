# shellcheck shell=bash
# shellcheck disable=SC2016,SC2119,SC2120 # words for other shells; an argument that may be left out
# SPDX-License-Identifier: GPL-2.0-only
# Two hosts on the build machine, for cases of "kvm-mte migrate", "save" and "restore": a directory each, with a kernel's side
# that is tests/tagdev.c. virsh and ssh are small programs. A case says what virsh does, in $W/acts/COMMAND.

W=$RUN_DIR/two-hosts.$(basename "$0" .sh)
mkdir -p "$W/bin"
make -s -C "$TOP/tools" OUT="$W" SANITIZE=1 || bail "the tool does not build"
gcc -D_GNU_SOURCE -Wall -Wextra -Werror -shared -fPIC -o "$W/tagdev.so" "$TESTS/tagdev.c" -ldl || bail "tagdev.c does not build"
cd "$W" || exit
# A VM's process is no job of the shell, so that its end is not reported.
trap 'kill $(jobs -p) $SRC $DST 2>/dev/null' EXIT

# --- two hosts: directories ---

# What a program needs to be on a host: $W/on HOST COMMAND... AS: a program that runs it.
cat >on <<EOL
#!/bin/bash
export TAGDEV=$W/\$1/tagdev TAGDEV_VMS=$W/\$1/sys/kernel/kvm_mte/vms TAGDEV_LOG=$W/\$1/var/log/dmesg
export LD_PRELOAD=$W/tagdev.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1 PATH=$W/bin:\$PATH
exec \${AS:-} $W/kvm-mte --root=$W/\$1 "\${@:2}"
EOL
# ssh [-p PORT] HOST COMMAND: "kvm-mte" is the one of the other host. With a file "cut" the connection is lost when the file
# has a line.
cat >bin/ssh <<EOL
#!/bin/bash
echo "ssh \$*" >>$W/asked
unset LD_PRELOAD
kvm-mte() { $W/on b "\$@"; }
[[ ! -e $W/no-route ]] || { echo "ssh: no route to host"; exit 255; }
[[ ! -e $W/deaf ]] || exec sleep 1000
if [[ -e $W/cut ]]; then
	exec 5<&0
	cat <&5 >$W/pipe &
	eval "\${@: -1}" <$W/pipe &
	read -r <$W/cut
	kill -PIPE %1
	wait %2
	echo "ssh: connection lost" >&2
	exit 255
fi
eval "\${@: -1}"
EOL
# virsh: what it does is in a file for each command.
cat >bin/virsh <<EOL
#!/bin/bash
echo "virsh \$*" >>$W/asked
unset LD_PRELOAD
[[ \$1 != --connect ]] || shift 2
. $W/acts/\$1
EOL
chmod +x on bin/*
PATH=$W/bin:$PATH
mte() { ./on a "$@"; }

# vm HOST PID NAME [STATE] - a VM of that host, PID-9.
vm() {
	local d=$W/$1/sys/kernel/kvm_mte/vms/$2-9 f
	mkdir -p "$d.new/stats" "$W/$1/proc/$2"
	for f in "pid $2" "enable 0" "state ${4:-on}" "origin none" "vcpus 1" "hold 0" "stats/pages_tagged 0"; do
		echo "${f#* }" >"$d.new/${f% *}"
	done
	printf 'qemu\0-name\0%s\0' "$3" >"$W/$1/proc/$2/cmdline"
	mv "$d.new" "$d"
}

SRC='' DST=''
# begin [NAME] - a VM runs on host a, none on b; libvirt migrates it as usual.
begin() {
	[[ -z $SRC ]] || kill "$SRC" "$DST" 2>/dev/null
	rm -rf a b acts asked cut pipe no-route deaf resumed migrating aborted
	mkdir -p {a,b}/{tagdev,dev,proc,var/log,sys/kernel/kvm_mte/vms} acts
	echo 1 | tee {a,b}/sys/kernel/kvm_mte/version >/dev/null
	echo "0x40000000 0x1000000" | tee {a,b}/tagdev/slots >/dev/null
	grep ^page tags >a/tagdev/tags
	# It can be read when the VM has ended.
	mkfifo a/dev/kvm_mte
	exec 8<>a/dev/kvm_mte
	: >b/dev/kvm_mte
	sleep 1000 &
	SRC=$!
	disown
	sleep 1000 &
	DST=$!
	disown
	vm a $SRC "${1:-web}"
	echo 'echo running' >acts/domstate
	echo suspended >acts/suspend
	echo ': >$W/resumed' >acts/resume
	echo ': >$W/aborted' >acts/domjobabort
	echo 'echo "Job type:         None"' >acts/domjobinfo
	printf '%s\n' arrive held leave >acts/migrate
	: >asked
}
export W
# awaits COMMAND... - waits until it succeeds; ends the shell if that is in vain.
awaits() {
	local i
	for ((i = 0; i < 1200; i++)); do
		! "$@" || return 0
		sleep 0.05
	done
	echo "in vain: $*" >&2
	exit 1
}
is_gone() { [[ ! -e /proc/$1/exe ]]; }
# What libvirt does at a migration: the VM appears at the destination; it is held; the one here ends.
arrive() { vm b "$(<"$W/dst")" "${NAME:-web}" "${STATE:-on}"; }
held() { awaits grep -qsx 1 "$W/b/sys/kernel/kvm_mte/vms/$(<"$W/dst")-9/hold"; }
leave() {
	kill "$(<"$W/src")"
	awaits is_gone "$(<"$W/src")"
	echo >"$W/a/dev/kvm_mte"
}
suspended() { echo 'echo paused' >"$W/acts/domstate"; }
depart_vm() { rm -r "${W:?}/b/sys/kernel/kvm_mte/vms/$(<"$W/dst")-9"; }
soon_out() { awaits grep -qF -- "$1" "$W/out"; }
depart() { rm -r "${W:?}/b/sys/kernel/kvm_mte/vms/$(<"$W/dst")-9"; kill "$(<"$W/dst")"; }
# The migration is under way, until it is aborted.
lasts() {
	: >"$W/migrating"
	awaits test -e "$W/aborted"
	depart
	echo "virsh: aborted"
	exit 1
}
export -f vm awaits is_gone arrive held leave suspended depart depart_vm soon_out lasts

# run ARGUMENT... - runs kvm-mte on host a; STATUS, OUT: what it prints. One that never ends is killed.
run() {
	echo "$SRC" >src
	echo "$DST" >dst
	timeout --foreground -s KILL 120 ./on a "$@" >out 2>&1
	STATUS=$?
}
# start ARGUMENT... - the same in the background; finish - waits for its end.
start() {
	echo "$SRC" >src
	echo "$DST" >dst
	: >out
	${SETSID:-} ./on a "$@" >out 2>&1 &
	JOB=$!
}
finish() {
	local i
	for ((i = 0; i < 1200; i++)); do
		! is_gone "$JOB" || break
		sleep 0.1
	done
	kill -KILL "$JOB" 2>/dev/null
	wait "$JOB"
	STATUS=$?
}
# ends STATUS NAME LINE... - the exit status, and all that was printed, in any order (two hosts speak at once). In a LINE, HERE
# and THERE stand for the VMs. The lines that both hosts wait, and that save has noticed the other's end, may be missing, because
# save and load are ended as soon as one of them fails. MAYBE: a pattern for another line.
ends() {
	local lines
	lines=$(printf '%s\n' "${@:3}" | sed "s/THERE/$DST-9 (${NAME:-web})/; s/HERE/$SRC-9 (web)/; s/DST/$DST-9/" | sort)
	is "$STATUS: $(grep -v -e ': waiting until the VM ends$' -e ': waiting for the VM$' -e 'cannot write: Broken pipe$' ${MAYBE:+-e "$MAYBE"} out | sort)" "$1: $lines" "$2"
	clean "$2"
}
# clean NAME - no program is left, or stays for long.
left() { pgrep -f "^$W/kvm-mte|^/proc/self/exe --root $W/|$W/bin/"; }
clean() {
	local i
	for ((i = 0; i < 100; i++)); do
		left >/dev/null || break
		sleep 0.1
	done
	is "$(left)" "" "$1: no program is left"
}
hold_there() { cat "b/sys/kernel/kvm_mte/vms/$DST-9/hold" 2>&1; }
lives() { kill -0 "$SRC" 2>/dev/null && echo lives; }
# goes_on NAME - the guest is where it was, and was not let run at the other host.
goes_on() { is "$(lives):$(cat resumed 2>/dev/null)" "lives:" "$1: the guest goes on here"; }

"$TESTS/tagstream.py" make --range 0x40000000:0x1000000 --pages 300 >right
"$TESTS/tagstream.py" dump <right >tags
WAITS="kvm-mte: HERE: waiting until the VM ends"
READY="kvm-mte: host: web: waiting for the VM"
HELD="kvm-mte: host: THERE: held until its tags are in"
IN="kvm-mte: host: THERE: released, 300 pages with tags"
NOT="kvm-mte: web: not migrated:"
NO_STREAM="kvm-mte: host: web: the stream has ended before it began; no VM was held"
SSH="ssh -o ConnectTimeout=30 -o ServerAliveInterval=15"
URI=qemu+ssh://host/system
same_tags() { is "$(cmp b/tagdev/written <(grep ^page tags) 2>&1)" "" "$1: all tags are there"; }

# usage ERROR ARGUMENT... - wrong usage: nobody is asked for anything.
usage() { begin; run "${@:2}"; is "$STATUS: $(cat out):$(cat asked)" "2: kvm-mte: $1
Try \"kvm-mte --help\".:" "usage: $1"; }
