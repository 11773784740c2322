#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a command of kvm-mte that does not do what its man page says on a host with a running guest, as root or as nobody;
# wrong exit statuses; a guest's name that reaches the terminal unescaped, or makes invalid JSON; a VM mistaken for another.
# hooks: once
# timeout: 900
# shellcheck disable=SC2016 # much is for other shells
# alone: yes
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

mte() { "$T/kvm-mte" "$@"; }
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$T/kvm-mte" "$@"; }

# says STATUS OUTPUT NAME COMMAND... - checks both output streams and the exit status.
says() {
	local out status=0
	out=$("${@:4}" 2>&1) || status=$?
	is "$status: $out" "$1: $2" "$3"
}

# told KEY - prints the value of this line of status.
told() { sed -n "s/^$1: *//p" <<<"$OUT"; }

# row VM - its row of the list, with single blanks.
row() { mte list | tr -s ' ' | sed -n "s/^$1 //p"; }

NOT_LOADED='kvm-mte: the module kvm_mte is not loaded; "kvm-mte status" tells whether it can be loaded here'
ROOT_ONLY='only root may change it'

# --- without the module ---

OUT=$(mte status 2>&1)
is "$?" 4 "status without the module: its exit status"
is "$(told module)" "not loaded; not installed for this kernel, $(uname -r)" "it is not installed"
is "$(told CPU), $(told KVM)" "MTE, VHE mode" "what the host has"
is "$(told reason)" "nothing found that prevents MTE; install the module" "nothing is wrong with the host"
says 4 "$NOT_LOADED" "list without the module" mte list
says 4 "$NOT_LOADED" "enable without the module" mte enable 1
says 4 "$NOT_LOADED" "policy without the module" mte policy
says 125 "kvm-mte: the module kvm_mte is not loaded" "run without the module" mte run -- true

MODULES=/lib/modules/$(uname -r)
mkdir -p "$MODULES/updates/dkms"
cp "$T/kvm_mte.ko" "$MODULES/updates/dkms/"
depmod
OUT=$(mte status)
is "$(told module)" "not loaded; installed, $MODULES/updates/dkms/kvm_mte.ko" "installed, not loaded"
is "$(told reason)" "nothing found that prevents MTE; load the module: modprobe kvm_mte" "what to do then"
sysctl -qw kernel.dmesg_restrict=1
OUT=$(nobody status)
is "$(told KVM)" "mode unknown (the kernel log cannot be read; root can), unknown whether it has guest MTE itself (/dev/kvm: Permission denied); run this as root" \
	"KVM is unknown to a user who may not read the log or open /dev/kvm"
mkdir -p /boot
echo 'CONFIG_KASAN_HW_TAGS=y' >"/boot/config-$(uname -r)"
KASAN="the kernel uses MTE itself: CONFIG_KASAN_HW_TAGS (/boot/config-$(uname -r))"
OUT=$(mte status)
is "$?: $(told reason)" "3: guests cannot have MTE: KVM has no guest MTE itself, and $KASAN" "KASAN_HW_TAGS is the reason"
UNASKED="4: unknown whether guests can have MTE: $KASAN, so KVM must have guest MTE itself, and cannot be asked (/dev/kvm:"
OUT=$(nobody status)
is "$?: $(told reason)" "$UNASKED Permission denied); run this as root" "KASAN_HW_TAGS, for a user who may not ask KVM"
mv /dev/kvm /dev/kvm.away
OUT=$(mte status)
is "$?: $(told reason)" "$UNASKED No such file or directory); run this on the host, outside of containers" "KASAN_HW_TAGS, without /dev/kvm"
rm "/boot/config-$(uname -r)"
OUT=$(mte check)
is "$?: $(sed -n '/^unknown  \/dev\/kvm/ {N; s/\n */ /p}' <<<"$OUT")" \
	"4: unknown  /dev/kvm: it cannot be reached (No such file or directory), but the kernel has KVM -> run this on the host, outside of containers" \
	"check, without /dev/kvm"
mv /dev/kvm.away /dev/kvm

# --- check, without the module ---

# verdict REQUIREMENT - the line of check that it has.
verdict() { sed -nE "s|^([a-z]+) +$1: |\1: |p" <<<"$OUT"; }
OUT=$(mte check)
is "$?" 4 "check without the module: its exit status"
is "$(verdict CPU)" "ok: processes can use MTE, so all CPUs have it (ID_AA64PFR1_EL1.MTE is 3)" "check: the CPU"
is "$(verdict 'KVM mode'), $(verdict "KVM's guest MTE")" "ok: VHE, ok: KVM has none: backend inject" "check: KVM"
is "$(verdict 'module for this kernel')" "ok: $MODULES/updates/dkms/kvm_mte.ko" "check: modinfo reads the module"
is "$(verdict ftrace | sed 's/;.*//')" "unknown: it is on" "check: ftrace, while the kernel's configuration is not there"
like "$(verdict VMM)" "^ok: /usr/bin/qemu-system-aarch64, QEMU emulator version [0-9.]+ \(Debian .*\): (cannot ask|asks) for MTE" "check: the VMM and its version"
OUT=$(nobody check)
is "$?" 5 "check, as nobody: its exit status"
is "$(verdict 'KVM mode')" "unknown: only the kernel log has it, which this user cannot read" "check, as nobody: the mode"
is "$(tail -n 1 <<<"$OUT")" "result:  not root: not all could be seen: run this as root" "check, as nobody: the result"
hold_start before hold --enable=none
B=$(basename "/proc/${HOLD_PID[before]}/fd/$(find "/proc/${HOLD_PID[before]}/fd" -lname anon_inode:kvm-vm -printf '%f\n' | head -n 1)")
OUT=$(mte check "${HOLD_PID[before]}-$B")
is "$?,$(verdict memory)" "4,ok: nothing large is mapped that cannot hold tags" "check of a VM, without the module"
says 5 "unknown  VM: the processes of other users cannot be looked at" "check of a VM, as nobody" sh -c 'setpriv --reuid 65534 --regid 65534 --clear-groups "$T/kvm-mte" check 1-1 >/tmp/out; s=$?; grep "  VM: " /tmp/out; exit $s'
hold_end before

# --- with it, no VM ---

modprobe kvm_mte "hook=$HOOK" || bail "the module does not load"
OUT=$(mte status)
is "$?" 0 "status: its exit status"
is "$OUT" "module:   loaded, version $(cat "$MTE/version"); installed, version $(cat "$MTE/version")
backend:  inject
policy:   request
VMs:      0
repairs:  thp_split active, block_collapse active, hugetlb_reuse active, hugetlb_partial not-needed, remap_race active, swapoff_unreadable active, copy_tags_hang not-needed, device_slots not-needed, hugetlb_slots not-needed" "status"
says 0 "$OUT" "status, as nobody" nobody status
is "$(mte status --json | tr -d '\n' | sed -E 's/ +/ /g')" "{\"loaded\": true, \"installed\": {\"version\": \"$(cat "$MTE/version")\", \"srcversion\": \"$(cat /sys/module/kvm_mte/srcversion)\"}, \"version\": \"$(cat "$MTE/version")\", \"srcversion\": \"$(cat /sys/module/kvm_mte/srcversion)\", \"reload_due\": false, \"backend\": \"inject\", \"policy\": \"request\", \"migration\": \"warn\", \"lists\": {\"on\": {\"processes\": 0, \"cgroups\": 0}, \"request\": {\"processes\": 0, \"cgroups\": 0}, \"off\": {\"processes\": 0, \"cgroups\": 0}}, \"vms\": {\"on\": 0, \"turning-on\": 0, \"turning-off\": 0, \"off\": 0}, \"untracked\": 0, \"repairs\": {\"thp_split\": \"active\", \"block_collapse\": \"active\", \"hugetlb_reuse\": \"active\", \"hugetlb_partial\": \"not-needed\", \"remap_race\": \"active\", \"swapoff_unreadable\": \"active\", \"copy_tags_hang\": \"not-needed\", \"device_slots\": \"not-needed\", \"hugetlb_slots\": \"not-needed\"}}" "status --json"
says 0 "VM                 PID STATE       ORIGIN VCPUS  TAGGED  NAME" "list without VMs" mte list
says 0 "[]" "list --json without VMs" mte list --json

# --- policy ---

says 0 request "policy: shown" nobody policy
for word in on off request; do
	says 0 "" "policy $word" mte policy "$word"
	says 0 "$word" "policy $word: is set" mte policy
done
says 1 "kvm-mte: only root may change the policy" "policy, as nobody" nobody policy on
for word in ON 1 '' 'on off'; do
	says 2 "kvm-mte: policy: not one of request, on, off: $word
Try \"kvm-mte --help\"." "policy '$word'" mte policy "$word"
done
is "$(cat "$MTE/policy/default")" request "a refused word changes nothing"

says 0 warn "policy --migration: shown" nobody policy --migration
says 0 "" "policy --migration refuse" mte policy --migration refuse
is "$(cat "$MTE/policy/migration")" refuse "policy --migration: is set"
says 1 "kvm-mte: only root may change the policy" "policy --migration, as nobody" nobody policy --migration warn
mte policy --migration warn

# --- run ---

for word in on off request; do
	is "$(mte run "--$word" -- sh -c 'echo $$; exec cat "/sys/kernel/kvm_mte/policy/${0}_pids"' "$word" | uniq -c | awk '{ print $1 }')" 2 \
		"run --$word: the command's process is on that list, and no other process is"
done
is "$(mte run sh -c 'echo $$; exec cat /sys/kernel/kvm_mte/policy/on_pids' | uniq -c | awk '{ print $1 }')" 2 "run: --on is the default"
is "$(cat "$MTE"/policy/*_pids)" "" "all lists are empty when they have ended"
says 7 "" "run: the command's exit status" mte run --off -- sh -c 'exit 7'
says 0 "--on -- x" "run: the command's own options" mte run --off echo --on -- x
says 127 "kvm-mte: nosuch: No such file or directory" "run: not found" mte run -- nosuch
says 126 "kvm-mte: /tmp: Permission denied" "run: cannot be run" mte run -- /tmp
says 125 "kvm-mte: run: which command?
Try \"kvm-mte --help\"." "run: no command" mte run --on
says 125 "kvm-mte: only root may give a process a policy" "run, as nobody" nobody run -- true
mte policy on
like "$(mte run --off -- "$CLIENT" ask)" '^main: dev 0 vm 0 born 0 enable EINVAL' "run --off: its VMs have no MTE whatever the policy is"
mte policy off
like "$(mte run -- "$CLIENT" ask)" '^main: dev 1 vm 1 born 1 enable 0' "run: its VMs have MTE whatever the policy is"
mte policy request

# --- policy by cgroup ---

mkdir -p /sys/fs/cgroup/a/b /sys/fs/cgroup/a/c
CHILD=(mte run --cgroup /a/b -- sh -c 'grep ^0: /proc/self/cgroup; exec "$CLIENT" ask')
for word in on off request; do
	says 0 "" "policy --cgroup /a $word" mte policy --cgroup /a "$word"
	says 0 "request
$(printf %-8s "$word") /a" "policy: the cgroup is shown" nobody policy
done
says 0 "request" "policy --cgroup /a: shown" nobody policy --cgroup /a
says 0 "" "policy --cgroup=/a on" mte policy --cgroup=/a on
says 0 "on (of /a)" "policy --cgroup: a cgroup below" mte policy --cgroup /a/b
like "$("${CHILD[@]}")" '^0::/a/b
main: dev 1 vm 1 born 1 enable 0' "run --cgroup: in that cgroup, with its policy"
like "$(mte run --off --cgroup /a/b -- "$CLIENT" ask)" '^main: dev 0 vm 0 born 0 enable EINVAL' "run --off --cgroup: its own policy comes first"
says 1 "kvm-mte: /nosuch: no such cgroup" "policy --cgroup: no such cgroup" mte policy --cgroup /nosuch on
says 1 "kvm-mte: /a/cgroup.procs: not a cgroup, but a file of one" "policy --cgroup: a file" mte policy --cgroup /a/cgroup.procs on
says 2 "kvm-mte: not the path of a cgroup, as after \"0::\" in /proc/PID/cgroup: /a/..
Try \"kvm-mte --help\"." "policy --cgroup: not a path" mte policy --cgroup /a/.. on
says 125 "kvm-mte: not the path of a cgroup, as after \"0::\" in /proc/PID/cgroup: /../a
Try \"kvm-mte --help\"." "run --cgroup: not a path" mte run --cgroup /../a -- true
says 1 "kvm-mte: /a/b: on no list" "policy --cgroup none: it has none of its own" mte policy --cgroup /a/b none
says 1 "kvm-mte: only root may change the policy" "policy --cgroup, as nobody" nobody policy --cgroup /a off
says 1 "kvm-mte: only root may change the policy" "policy --cgroup none, as nobody" nobody policy --cgroup /a none
says 125 "kvm-mte: /nosuch: no such cgroup" "run --cgroup: no such cgroup" mte run --cgroup /nosuch -- true
says 125 "kvm-mte: /a: Permission denied" "run --cgroup, as nobody" nobody run --cgroup /a -- true
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
echo +memory >/sys/fs/cgroup/a/cgroup.subtree_control
says 125 "kvm-mte: /a: it has controllers for cgroups below it (cgroup.subtree_control), so it cannot have processes" "run --cgroup: a cgroup that cannot have processes" \
	mte run --cgroup /a -- true
echo -memory >/sys/fs/cgroup/a/cgroup.subtree_control
echo -memory >/sys/fs/cgroup/cgroup.subtree_control
mount --bind /tmp /sys/fs/cgroup
says 125 "kvm-mte: /a: this host does not use cgroup v2: cgroup2 is not mounted" "run --cgroup: no cgroup2" mte run --cgroup /a -- true
umount /sys/fs/cgroup
umount /sys/fs/cgroup
says 1 "kvm-mte: /a: this host does not use cgroup v2: cgroup2 is not mounted" "policy --cgroup: no cgroup2" mte policy --cgroup /a off
says 0 "" "policy --cgroup none" mte policy --cgroup /a none
says 0 request "policy: it is on no list" mte policy
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mte policy --cgroup /a/c off
rmdir /sys/fs/cgroup/a/c
says 0 request "policy: a removed cgroup is not shown" mte policy
rmdir /sys/fs/cgroup/a/b /sys/fs/cgroup/a

# --- VMs ---

qemu_start web -name guest=web1,debug-threads=on -S -smp 2 || bail "no guest"
VM=$(basename "$(vm_dir "$(qemu_pid web)")") PID=$(qemu_pid web)
is "$(row "$VM")" "$PID off none 2 0 web1" "list: a new VM"
is "$(nobody list)" "$(mte list)" "list, as nobody"
says 1 "kvm-mte: $VM (web1): $ROOT_ONLY" "enable, as nobody" nobody enable "$VM"
is "$(row "$VM")" "$PID off none 2 0 web1" "has changed nothing"
says 0 "$VM (web1): on" "enable by directory, before the first run" mte enable "$VM"
says 0 "$VM (web1): off" "disable by pid" mte disable "$PID"
says 0 "$VM (web1): on" "enable by name" mte enable web1
is "$(mte list --json)" "[
 {\"vm\": \"$VM\", \"name\": \"web1\", \"pid\": $PID, \"state\": \"on\", \"origin\": \"admin\", \"vcpus\": 2, \"pages_tagged\": 0, \"tags_restored\": 0, \"untracked_migrations\": 0, \"held\": false}
]" "list --json"
OUT=$(mte check)
is "$?,$(tail -n 1 <<<"$OUT")" "0,result:  ready: nothing was found that prevents MTE, and the module is loaded" "check with the module"
OUT=$(mte check web1)
is "$?,$(verdict state),$(verdict memory)" "0,ok: on, origin admin,ok: the module has accepted it" "check of a VM that is on"
qemu_monitor web cont
guest_wait_boot web || bail "no guest"
like "$(row "$VM")" "^$PID on admin 2 [0-9.]+[KM] web1\$" "list: memory with tags"
is "$(guest_run web "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" 2 "the guest has MTE"
says 0 "$VM (web1): turning-off: takes effect when the guest reboots" "disable while it runs" mte disable web1
qemu_monitor web system_reset
guest_wait_boot web || bail "no guest after the reset"
says 0 "$VM (web1): off" "disable after the reset" mte disable web1
says 0 "$VM (web1): turning-on: takes effect when the guest reboots" "enable while it runs" mte enable web1

for which in nosuch 99999999 "$VM.1" '' web; do
	says 1 "kvm-mte: $which: no such VM; \"kvm-mte list\" shows them" "enable '$which'" mte enable "$which"
done
says 1 "kvm-mte: nosuch: no such VM; \"kvm-mte list\" shows them
$VM (web1): turning-on: takes effect when the guest reboots" "enable of several: the others are done" mte enable nosuch web1
says 2 "kvm-mte: enable: which VM?
Try \"kvm-mte --help\"." "enable without a VM" mte enable

# --- names that are not nice, and the same name twice ---

EVIL=$'evil\e]0;title\a\e[2J\n"quote\\ \xff\xc3( \xe2\x80\xae $(touch /tmp/pwned)\x7f\xc2\x9b'
qemu_start evil -name "guest=$EVIL" -S || bail "no guest"
E=$(basename "$(vm_dir "$(qemu_pid evil)")")
SHOWN='evil\x1b]0;title\x07\x1b[2J\n"quote\\ \xff\xc3( \xe2\x80\xae $(touch /tmp/pwned)\x7f\xc2\x9b'
is "$(row "$E" | cut -d' ' -f6-)" "$SHOWN" "list: a hostile name"
is "$(mte list | LC_ALL=C tr -d ' -~\n')" "" "list: nothing but plain text"
is "$(mte list | wc -l)" 3 "list: a line each"
is "$(mte list --json | grep -o "\"name\": \"evil.*\", \"pid\"")" '"name": "evil\u001b]0;title\u0007\u001b[2J\u000a\"quote\\ \ufffd\ufffd( \u202e $(touch /tmp/pwned)\u007f\u009b", "pid"' "list --json: a hostile name" 
is "$(mte enable "$EVIL")" "$E ($SHOWN): on" "enable: a hostile name"
says 1 "kvm-mte: x\\x1b[2J: no such VM; \"kvm-mte list\" shows them" "enable: an error with a hostile name" mte enable $'x\e[2J'

qemu_start twin -name web1 -S || bail "no guest"
TWIN=$(basename "$(vm_dir "$(qemu_pid twin)")")
BOTH=$(printf '%s\n' "$VM" "$TWIN" | sort -V | tr '\n' ' ')
says 1 "kvm-mte: web1: several VMs, name one of these: ${BOTH% }" "enable: a name that two guests have" mte enable web1
is "$(cat "$MTE/vms/$TWIN/state")" off "has changed neither"
qemu_stop twin
qemu_stop evil

# --- what is refused ---

mkdir /tmp/ramfs && mount -t ramfs ramfs /tmp/ramfs
qemu_start file -name file -S -machine memory-backend=m \
	-object memory-backend-file,id=m,size=512M,share=on,mem-path=/tmp/ramfs/m || bail "no guest"
F=$(basename "$(vm_dir "$(qemu_pid file)")")
OUT=$(mte enable file 2>&1)
is "$?: $(head -n 1 <<<"$OUT")" "1: kvm-mte: $F (file): a vCPU is 32-bit or nested, or a memory slot cannot hold tags" "enable: memory that cannot hold tags"
like "$OUT" "^kvm-mte: the kernel says: kvm_mte: $F: .*memory slot [0-9]+" "enable: the kernel's own words"
OUT=$(mte check file)
is "$?" 3 "check of a VM whose memory is a file: its exit status"
like "$(verdict memory)" "^no: /tmp/ramfs/m \(512 MiB\) is a file, which cannot hold tags; the module said: not turned on: memory slot" "check of a VM whose memory is a file"
qemu_stop file

hold_start plain hold --enable=none
W=$(basename "$(vm_dir "${HOLD_PID[plain]}")")
is "$(row "$W" | cut -d' ' -f1,6-)" "${HOLD_PID[plain]} -" "list: a VMM that gives no name"
hold_end plain

# --- a watch ---

"$T/kvm-mte" list --watch=600 --count=2 >/tmp/watch &
WATCH=$!
wait_until 60 grep -q "^$VM " /tmp/watch
mte disable "$VM" >/dev/null
wait_until 60 test ! -e "/proc/$WATCH/exe" || kill "$WATCH"
wait "$WATCH"
is "$?: $(grep "^$VM " /tmp/watch | tr -s ' ' | cut -d' ' -f3 | tr '\n' ' ')" "0: turning-on off " "list --watch: shows a change when it happens, and ends after --count"
is "$(mte list --watch=0.1 --count=3 | grep -c '^VM ')" 3 "list --watch: prints --count tables"
rm /tmp/watch
"$T/kvm-mte" list --watch=600 >/tmp/watch &
WATCH=$!
wait_until 60 grep -qs "^$VM " /tmp/watch
kill -INT "$WATCH"
wait "$WATCH"
is "$?" 0 "list --watch: ends well on SIGINT"
for arg in --watch=0 --watch=x --watch=nan --count=0 --count=x --nosuch; do
	mte list "$arg" >/dev/null 2>&1
	is "$?" 2 "list $arg"
done
says 2 "kvm-mte: list takes no VM: web1
Try \"kvm-mte --help\"." "list with an argument" mte list web1
mte list >/dev/full 2>/tmp/err
is "$?: $(cat /tmp/err)" "1: kvm-mte: cannot write: No space left on device" "list into a full disk"

# --- status with all that ---

"$T/kvm-mte" run --off -- sleep 1000 &
SLEEP=$!
wait_until 60 grep -q . "$MTE/policy/off_pids"
OUT=$(mte status)
is "$(told VMs)" "1: 1 off" "status: VMs"
is "$(told policy)" "request; off for 1 process and children" "status: processes with a policy of their own"
mkdir /sys/fs/cgroup/a
mte policy --cgroup /a on
OUT=$(mte status)
is "$(told policy)" "request; on for 1 cgroup; off for 1 process and children" "status: and cgroups"
rmdir /sys/fs/cgroup/a
kill "$SLEEP"

# --- races: a VM that goes ---

for ((i = 0; i < 200; i++)); do mte list --json || echo "status $?"; done >/tmp/race 2>&1 &
RACE=$!
for ((i = 0; i < 20; i++)); do "$CLIENT" run --enable=none; done >/dev/null 2>&1
qemu_stop web
wait "$RACE"
is "$(grep -c '^\[' /tmp/race) lists, $(grep -cE '^status|^kvm-mte' /tmp/race) errors" "200 lists, 0 errors" "list while VMs come and go"

says 0 "kvm-mte $(cat "$MTE/version")" "--version" mte --version
mte --help >/tmp/out
is "$?: $(head -n 1 /tmp/out)" "0: usage: kvm-mte status [--json]" "--help"
says 2 "kvm-mte: no such command: x
Try \"kvm-mte --help\"." "no such command" mte x
mte >/dev/null 2>&1
is "$?" 2 "no command"
is "$(ls /tmp/pwned 2>&1)" "ls: cannot access '/tmp/pwned': No such file or directory" "no guest's name was run"

unload_module || not_ok "the module unloads"
done_testing
