#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte reading out of bounds when a VMM is hostile, misreading a guest's name, printing invalid JSON, or
# misunderstanding files of another host; a bad manual page; a completion that is wrong, or that runs a guest's name.
# where: here
# hooks: none
# shellcheck disable=SC2016 # many words must not be expanded
. "$TESTS/bed/here.sh"

W=$RUN_DIR/tool
HOST=$W/host
TOOL=$W/kvm-mte
mkdir -p "$W"
quiet "it builds with the sanitizers, without a warning" make -s -C "$TOP/tools" OUT="$W" SANITIZE=1
mte() { "$TOOL" --root="$HOST" "$@"; }
export ASAN_OPTIONS=detect_leaks=1

# file PATH TEXT - a file of the made-up host.
file() {
	mkdir -p "$HOST/$(dirname "$1")"
	printf '%b' "$2" >"$HOST/$1"
}

# vm PID STATE [PAGES] - a VM of that host. The command line of its VMM comes on stdin.
vm() {
	local d=sys/kernel/kvm_mte/vms/$1-9
	file "$d/pid" "$1\n"
	file "$d/enable" "0\n"
	file "$d/state" "$2\n"
	file "$d/origin" "none\n"
	file "$d/vcpus" "1\n"
	file "$d/stats/pages_tagged" "${3:-0}\n"
	file "proc/$1/cmdline" ""
	cat >"$HOST/proc/$1/cmdline"
}

no_vms() { rm -rf "$HOST"/sys/kernel/kvm_mte/vms/* "$HOST"/proc/[0-9]*; }

file sys/kernel/kvm_mte/version "1.2.3\n"

# --- names ---

# named NAME ARG... - a VMM with the command line ARG... gives its guest this NAME (in JSON).
named() {
	no_vms
	printf '%s\0' "${@:2}" | vm 1 off
	is "$(mte list --json | sed -n 's/.*"name": \(.*\), "pid".*/\1/p')" "$1" "name of: $(printf '%q ' "${@:2}")"
}

named '"web"' qemu-system-aarch64 -m 512 -name guest=web,debug-threads=on
named '"web"' /usr/bin/kvm -name web
named '"web"' qemu -name web,process=x
named '"web"' qemu --name process=x,guest=web
named '"a,b=c"' qemu -name guest=a,,b=c
named '"b"' qemu -name a -name b
named '"web"' qemu -append '-name x' -name web
named '","' qemu -name guest=,,
named null qemu -name
named null qemu -name ''
named null qemu -name guest=
named null qemu -name process=x
named null qemu -name,x y
named null qemu
named null ''
named '"x"' /opt/firecracker --id x --api-sock y
named '"x"' firecracker-v1.7 --id=x
named '"db"' cloud-hypervisor --api-socket /run/ch/db.sock --kernel k
named '"db"' cloud-hypervisor --api-socket=path=db.sock,x=y
named '"db.socket"' cloud-hypervisor --api-socket db.socket
named null cloud-hypervisor --api-socket /run/
named '".sock"' cloud-hypervisor --api-socket .sock
named '"x"' crosvm run --name x
named '"x"' lkvm run --name=x
named '"\"\\/\u000a\u001b\u007f\u009b\ufffd\ufffd\u00e4\u20ac\ud83d\ude00\ufffd\ufffd\ufffd"' \
	qemu -name $'"\\/\n\e\x7f\xc2\x9b\xff\xc3ä€😀\xed\xa0\x80'
named '"\ufffd\ufffd\ufffd\ufffd"' qemu -name $'\xc0\x80\xf4\x90' 2>/dev/null
no_vms
printf 'qemu\0-name\0guest=x' | vm 1 off
is "$(mte list --json | grep -c '"name": "x"')" 1 "a command line without a zero at its end"
printf '' | vm 1 off
is "$(mte list --json | grep -c '"name": null')" 1 "an empty one, as of a process that has ended"
{ printf 'qemu\0-name\0'; head -c 3000000 /dev/zero | tr '\0' x; } | vm 1 off
is "$(mte list | grep -o 'xx*$' | tr -d '\n' | wc -c)" 256 "a very long command line: the name is cut off"
head -c 300000 /dev/urandom >"$W/noise"
: >"$W/json"
for ((i = 0; i < 60; i++)); do
	{ printf 'qemu\0-name\0'; tail -c "+$((i * 997 + 1))" "$W/noise" | head -c 300; } >"$HOST/proc/1/cmdline"
	if ! mte list >"$W/list" || ! mte list --json >>"$W/json"; then break; fi
	if (($(wc -l <"$W/list") != 2)) || grep -q $'[\x01-\x09\x0b-\x1f\x7f]' "$W/list"; then break; fi
done
is "$i" 60 "random bytes for a name: the table is plain text"
is "$(jq -s length "$W/json")" 60 "random bytes for a name: JSON is valid"

# --- odd values, missing files ---

no_vms
printf 'qemu\0-name\0one\0' | vm 10 on 300000
printf 'qemu\0-name\0two\0' | vm 9 turning-on
printf 'qemu\0-name\0three\0' | vm 8 off
rm "$HOST/sys/kernel/kvm_mte/vms/8-9/state"
is "$(mte list | awk '{ print $1 ":" $6 ":" $7 }' | tail -n +2 | tr '\n' ' ')" "9-9:0:two 10-9:1.1G:one " "sorted; a VM that ends meanwhile is left out"
is "$(mte list --json | jq -c '[.[] | [.vm, .pid, .state, .pages_tagged]]')" '[["9-9",9,"turning-on",0],["10-9",10,"on",300000]]' "as JSON"
is "$(mte enable two)" "9-9 (two): turning-on: takes effect when the guest reboots" "enable"
is "$(cat "$HOST/sys/kernel/kvm_mte/vms/9-9/enable")" 1 "enable has written the file"
is "$(mte status)" "module:   loaded, version 1.2.3; not installed for this kernel
backend:  unknown
policy:   unknown
VMs:      2: 1 on, 1 turning-on
repairs:  thp_split unknown, block_collapse unknown, hugetlb_reuse unknown, hugetlb_partial unknown, remap_race unknown, swapoff_unreadable unknown, copy_tags_hang unknown, device_slots unknown, hugetlb_slots unknown" "status where files are missing"
file sys/kernel/kvm_mte/vms/10-9/stats/untracked_migrations "3\n"
like "$(mte status)" '^warning:  1 migrated or saved by a VMM that does not carry the tags; see the kernel log$' "status: a warning of lost tags"

# --- which build is loaded ---

# module_file KEY=VALUE... - the installed module, as modinfo sees it.
module_file() {
	file lib/modules/5.10.0-x/modules.dep "updates/dkms/kvm_mte.ko:\n"
	mkdir -p "$HOST/lib/modules/5.10.0-x/updates/dkms"
	: | gcc -x c -c -o "$W/empty.o" -
	printf '%s\0' "$@" >"$W/modinfo"
	objcopy --add-section .modinfo="$W/modinfo" "$W/empty.o" "$HOST/lib/modules/5.10.0-x/updates/dkms/kvm_mte.ko"
}
# builds INSTALLED RELOAD NAME - what status says of them, and whether a reload is due.
builds() {
	is "$(mte status | sed -n 's/^module: *loaded, version 1.2.3; //p; s/^reload: *\(due\): .*(\(.*\));.*/\1: \2/p' | paste -sd '|')" "$1" "status: $3"
	is "$(mte status --json | jq -c '.reload_due')" "$2" "status --json: $3"
}
file proc/sys/kernel/osrelease "5.10.0-x\n"
file sys/module/kvm_mte/srcversion "AAA\n"
builds "not installed for this kernel" false "the loaded build is not installed"
module_file version=1.2.3 srcversion=AAA
builds "installed, version 1.2.3" false "the loaded build is installed"
module_file version=1.2.3 srcversion=BBB
builds "installed, version 1.2.3|due: srcversion BBB, loaded AAA" true "another build of this version is installed"
module_file version=1.2.4
builds "installed, version 1.2.4|due: srcversion unknown, loaded AAA" true "another version is installed"
module_file version=1.2.3
builds "installed, version 1.2.3" null "a build without a checksum is installed"
is "$(mte status --json | jq -c '[.loaded, .installed, .version, .vms, .untracked]')" \
	'[true,{"version":"1.2.3","srcversion":null},"1.2.3",{"on":1,"turning-on":1,"turning-off":0,"off":0},1]' "status --json"
rm -rf "${HOST:?}"/*

# --- policy by cgroup ---

P=$HOST/sys/kernel/kvm_mte/policy
file sys/kernel/kvm_mte/version "1\n"
file sys/kernel/kvm_mte/policy/default "request\n"
is "$(mte policy --cgroup /a on 2>&1)$?" "kvm-mte: /a: the loaded module has no policy for cgroups1" "policy --cgroup: an earlier module"
is "$(mte policy):$(mte policy --cgroup /a)" "request:request (the default)" "policy, with an earlier module"
file sys/kernel/kvm_mte/policy/on_cgroups "/a\n/a/b/c\n/evil\033[2J\n"
file sys/kernel/kvm_mte/policy/off_cgroups "/a/b\n"
file sys/kernel/kvm_mte/policy/request_cgroups ""
is "$(mte policy)" "request
on       /a
on       /a/b/c
on       /evil\x1b[2J
off      /a/b" "policy: the default, and the cgroups on the lists"
# of PATH TEXT - what is shown of a cgroup.
of() { is "$(mte policy --cgroup "$1")" "$2" "policy --cgroup $1"; }
of /a on
of //a/ on
of /a/b off
of /a/b/c/ on
of /a/b/c/d "on (of /a/b/c)"
of /a/b/x "off (of /a/b)"
of /a/bc "on (of /a)"
of /ab "request (the default)"
of / "request (the default)"
of $'/evil\e[2J/x' 'on (of /evil\x1b[2J)'
file sys/kernel/kvm_mte/policy/off_cgroups "/\n"
of / off
of /x "off (of /)"
of /a/b "on (of /a)"
is "$(mte status | sed -n 's/^policy: *//p')" "request; on for 3 cgroups; off for 1 cgroup" "status: cgroups"
# Each of these files takes what is written, as if the module had done it.
for word in on request off; do
	: >"$P/${word}_cgroups"
	is "$(mte policy --cgroup=/x "$word" 2>&1)$?:$(cat "$P/${word}_cgroups")" "0:/x" "policy --cgroup=/x $word"
done
for f in on off request; do : >"$P/${f}_cgroups"; done
is "$(mte policy none --cgroup /x 2>&1)$?:$(cat "$P/on_cgroups")" "0:-/x" "policy --cgroup /x none"
for path in '' x -/x; do
	is "$(mte policy --cgroup "$path" on 2>&1)$?" "kvm-mte: not the path of a cgroup, as after \"0::\" in /proc/PID/cgroup: $path
Try \"kvm-mte --help\".2" "policy --cgroup '$path'"
done
is "$(mte policy --cgroup /x ON 2>&1 | head -n 1)" "kvm-mte: policy: not one of request, on, off, none: ON" "policy --cgroup: another word"
is "$(mte policy none 2>&1 | head -n 1)" "kvm-mte: policy: not one of request, on, off: none" "none is for cgroups"
is "$(mte policy --cgroup /x on off 2>&1 | head -n 1)" "kvm-mte: policy takes one word" "policy --cgroup: two words"
is "$(mte policy --cgroup 2>&1 | tail -n 1; echo "${PIPESTATUS[0]}")" "Try \"kvm-mte --help\".
2" "policy --cgroup without a path"

# policy --migration
is "$(mte policy --migration 2>&1)$?" "kvm-mte: the loaded module has no policy for migrations1" "policy --migration: an earlier module"
file sys/kernel/kvm_mte/policy/migration "warn\n"
is "$(mte policy --migration)" warn "policy --migration: shown"
for word in refuse warn; do
	: >"$P/migration"
	is "$(mte policy --migration "$word" 2>&1)$?:$(cat "$P/migration")" "0:$word" "policy --migration $word"
done
is "$(mte policy --migration on 2>&1 | head -n 1):$(cat "$P/migration")" "kvm-mte: policy --migration: not one of warn, refuse: on:warn" "policy --migration: another word"
is "$(mte policy --migration --cgroup /x 2>&1 | head -n 1)" "kvm-mte: policy: --migration is for all VMs, not for a cgroup's" "policy --migration --cgroup"
is "$(mte policy --migration warn refuse 2>&1 | head -n 1)" "kvm-mte: policy takes one word" "policy --migration: two words"

# run --cgroup, with directories in place of cgroups
is "$(mte run --cgroup /x true 2>&1)$?" "kvm-mte: /x: this host does not use cgroup v2: cgroup2 is not mounted125" "run --cgroup: no cgroup2"
for top in sys/fs/cgroup/unified sys/fs/cgroup; do
	file "$top/cgroup.controllers" ""
	file "$top/x/cgroup.procs" ""
	is "$(mte run --cgroup /x echo ran):$(cat "$HOST/$top/x/cgroup.procs")" "ran:0" "run --cgroup: in $top"
done
: >"$P/on_pids"
: >"$P/off_pids"
is "$(mte run --cgroup=/x --off echo ran):$(cat "$P/off_pids" "$P/on_pids")" "ran:0" "run --cgroup --off: also the policy"
: >"$P/on_pids"
is "$(mte run --cgroup=/x echo ran):$(cat "$P/on_pids")" "ran:" "run --cgroup: no policy but the cgroup's"
is "$(mte run --cgroup /y true 2>&1)$?" "kvm-mte: /y: no such cgroup125" "run --cgroup: no such cgroup"
is "$(mte run --cgroup y true 2>&1 | head -n 1)" "kvm-mte: not the path of a cgroup, as after \"0::\" in /proc/PID/cgroup: y" "run --cgroup: not a path"
rm -r "$HOST/sys/kernel"
is "$(mte run --cgroup /x true 2>&1)$?" "kvm-mte: the module kvm_mte is not loaded125" "run --cgroup: no module"
rm -rf "${HOST:?}"/*

# --- why guests cannot have MTE, from another host's files ---

# because REASON NAME
because() { is "$(mte status | sed -n 's/^reason: *//p')" "$1" "$2"; }
# asked [ANSWER] - what KVM answers when it is asked whether it has guest MTE; without ANSWER it cannot be asked.
asked() { rm -f "$TAGDEV/kvm"; [[ -z ${1:-} ]] || echo "$1" >"$TAGDEV/kvm"; }
gcc -D_GNU_SOURCE -Wall -Wextra -Werror -shared -fPIC -o "$W/tagdev.so" "$TESTS/tagdev.c" -ldl || bail "tagdev.c does not build"
export TAGDEV=$W/dev
mkdir "$TAGDEV"
mte() { ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1 LD_PRELOAD=$W/tagdev.so "$TOOL" --root="$HOST" "$@"; }

NOT='guests cannot have MTE: '
file proc/cpuinfo "processor\t: 0\nvendor_id\t: GenuineIntel\n"
because "${NOT}this is no arm64 machine" "no arm64"
file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
file proc/sys/kernel/osrelease "5.10.0-x\n"
because "${NOT}the CPU has no MTE, or its firmware leaves it off; or this kernel is built without CONFIG_ARM64_MTE (its configuration cannot be found)" "no mte in cpuinfo"
file lib/modules/5.10.0-x/config "# CONFIG_ARM64_MTE is not set\n"
because "${NOT}this kernel is built without CONFIG_ARM64_MTE (/lib/modules/5.10.0-x/config)" "without CONFIG_ARM64_MTE"
rm -r "${HOST:?}/lib"
printf 'CONFIG_ARM64_MTE_X=y\n' | gzip >"$HOST/proc/config.gz"
because "${NOT}this kernel is built without CONFIG_ARM64_MTE (/proc/config.gz)" "in /proc/config.gz"
printf 'junk' >"$HOST/proc/config.gz"
file proc/cmdline "quiet xarm64.nomte\n"
because "${NOT}the CPU has no MTE, or its firmware leaves it off; or this kernel is built without CONFIG_ARM64_MTE (its configuration cannot be found)" "a /proc/config.gz that is not compressed"
file boot/config-5.10.0-x "CONFIG_KVM=y\nCONFIG_ARM64_MTE=y\n"
because "${NOT}the CPU has no MTE, or its firmware leaves it off" "with CONFIG_ARM64_MTE; a word that only looks like arm64.nomte does not count"
file proc/cmdline "quiet arm64.nomte"
because "${NOT}arm64.nomte is on the kernel's command line" "arm64.nomte"
file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd mte\nCPU implementer\t: 0x41\n"
file proc/cmdline "kvm-arm.mode=none"
because "${NOT}no /dev/kvm: kvm-arm.mode=none is on the kernel's command line" "kvm-arm.mode=none"
file proc/cmdline ""
file boot/config-5.10.0-x "# CONFIG_KVM is not set\nCONFIG_ARM64_MTE=y\n"
because "${NOT}no /dev/kvm: this kernel is built without CONFIG_KVM (/boot/config-5.10.0-x)" "without CONFIG_KVM"
file boot/config-5.10.0-x "CONFIG_KVM=y\nCONFIG_ARM64_MTE=y\n"
file var/log/dmesg "[    0.1] kvm [1]: HYP mode not available\n"
because "${NOT}no /dev/kvm: the kernel was not started at EL2 (by its firmware, or it is a guest itself)" "no EL2"
file dev/kvm ""
file proc/cmdline "kvm-arm.mode=protected"
because "${NOT}KVM is in protected mode (kvm-arm.mode=protected is on the kernel's command line)" "protected KVM"
file proc/cmdline ""
file var/log/dmesg "<6>[    0.1] kvm [1]: Hyp mode initialized successfully\n"
NO_ANSWER='/dev/kvm: Inappropriate ioctl for device); run this on that host'
MAYBE="unknown whether guests can have MTE: KVM is not in VHE mode, so KVM must have guest MTE itself, and cannot be asked ($NO_ANSWER"
because "$MAYBE" "nVHE, and KVM cannot be asked"
like "$(mte status)" "^KVM:      nVHE mode, unknown whether it has guest MTE itself \\($NO_ANSWER\$" "nVHE, and KVM cannot be asked: so it says"
is "$(mte status >/dev/null; echo "$?")" 4 "nVHE, and KVM cannot be asked: the exit status is not that of a host that cannot"
is "$(mte status --json)" "{\"loaded\": false, \"installed\": null, \"possible\": null, \"reason\": \"${MAYBE#*MTE: }\"}" "nVHE, and KVM cannot be asked: --json"
asked 0
because "${NOT}KVM has no guest MTE itself, and KVM is not in VHE mode" "nVHE, and KVM has no guest MTE"
is "$(mte status --json | jq -c '[.possible, .reason]')" '[false,"KVM has no guest MTE itself, and KVM is not in VHE mode"]' "nVHE, and KVM has no guest MTE: --json"
asked 1
because "nothing found that prevents MTE; install the module" "nVHE, and KVM has guest MTE"
is "$(mte status | sed -n 's/^KVM: *//p')" "nVHE mode, has guest MTE itself" "nVHE, and KVM has guest MTE: so it says"
file boot/config-5.10.0-x "CONFIG_KVM=y\nCONFIG_ARM64_MTE=y\nCONFIG_KASAN_HW_TAGS=y\n"
file var/log/dmesg "<6>[    0.1] kvm [1]: VHE mode initialized successfully\n"
KASAN='the kernel uses MTE itself: CONFIG_KASAN_HW_TAGS (/boot/config-5.10.0-x)'
because "nothing found that prevents MTE; install the module" "CONFIG_KASAN_HW_TAGS, and KVM has guest MTE"
asked 0
because "${NOT}KVM has no guest MTE itself, and $KASAN" "CONFIG_KASAN_HW_TAGS, and KVM has no guest MTE"
asked
because "unknown whether guests can have MTE: $KASAN, so KVM must have guest MTE itself, and cannot be asked ($NO_ANSWER" "CONFIG_KASAN_HW_TAGS, and KVM cannot be asked"
file boot/config-5.10.0-x "CONFIG_KVM=y\nCONFIG_ARM64_MTE=y\n"

# In a container the device may be missing, though the host has KVM.
rm "$HOST/dev/kvm"
file sys/class/misc/kvm/dev "10:232\n"
because "nothing found that prevents MTE; install the module" "the device is missing, and the kernel has KVM"
is "$(mte status | sed -n 's/^KVM: *//p')" "VHE mode, unknown whether it has guest MTE itself (/dev/kvm: No such file or directory); run this on that host" \
	"the device is missing: KVM is unknown"
rm -r "$HOST/sys/class"
because "${NOT}no /dev/kvm: KVM is not available" "neither the device nor the kernel's entry"
file dev/kvm ""
file var/log/dmesg "<6>[    0.1] kvm [1]: VHE mode initialized successfully\n[    9.1] kvm_mte: no guest MTE: of old\n[   10.2] kvm_mte: CPU1: GMID_EL1 is \x1b[2J5\n"
because "nothing found that prevents MTE; install the module" "nothing prevents MTE"
is "$(mte status | sed -n 's/^log: *//p')" 'kvm_mte: CPU1: GMID_EL1 is \x1b[2J5' "the last message of the module, with control characters escaped"
is "$(mte status --json)" '{"loaded": false, "installed": null, "possible": true, "reason": null}' "status --json, not loaded"
file lib/modules/5.10.0-y/modules.dep "kernel/a.ko.xz:\nupdates/dkms/kvm_mte.ko.xz:\n"
like "$(mte status)" '^module: .*not installed for this kernel, 5.10.0-x, but for another' "installed for another kernel"
file lib/modules/5.10.0-x/modules.dep "kernel/a.ko.xz:\nupdates/dkms/kvm_mte.ko.xz: kernel/a.ko.xz\n"
like "$(mte status)" '^module: .*; installed, /lib/modules/5.10.0-x/updates/dkms/kvm_mte.ko.xz$' "installed for this one"
mte status >/dev/null
is "$?" 4 "its exit status"

# --- completion ---

file sys/kernel/kvm_mte/version "1\n"
printf 'qemu\0-name\0web 1\0' | vm 70 on
printf 'qemu\0-name\0$(touch %s)\0' "$W/pwned" | vm 71 on
printf 'qemu\0-name\0a\nb\0' | vm 72 on
is "$(mte list --names)" "70-9
web 1
71-9
\$(touch $W/pwned)
72-9" "the names that can be completed"

# complete_to WORD... - prints the completions of the last word, sorted, in a line.
complete_to() {
	bash -c '
		. "$1" || exit
		shift
		kvm-mte() { :; }
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_kvm_mte
		printf "%s\n" "${COMPREPLY[@]}"' _ "$TOP/tools/kvm-mte.bash" "$@" 2>&1 | sort -u | tr '\n' ' '
}
printf '#!/bin/bash\nexec %q --root=%q "$@"\n' "$TOOL" "$HOST" >"$W/tool"
chmod +x "$W/tool"
quiet "bash -n" bash -n "$TOP/tools/kvm-mte.bash"
quiet "shellcheck" shellcheck "$TOP/tools/kvm-mte.bash" "$TOP/contrib/libvirt/kvm-mte"
is "$(complete_to kvm-mte '')" "--help --root= --version check disable drain enable events hold list metrics migrate policy release restore run save status tags " "completion: commands"
is "$(complete_to kvm-mte p)" "policy " "completion: p"
is "$(complete_to kvm-mte list --)" "--count= --json --watch " "completion: list"
is "$(complete_to kvm-mte status -)" "--json " "completion: status"
is "$(complete_to kvm-mte drain -)" "--wait " "completion: drain"
is "$(complete_to kvm-mte events --)" "--count= --json " "completion: events"
is "$(complete_to kvm-mte check --)" "--json " "completion: check"
is "$(complete_to "$W/tool" check web)" "web\\ 1 " "completion: check, a guest"
is "$(complete_to kvm-mte policy '')" "off on request " "completion: policy"
is "$(complete_to kvm-mte policy on '')" " " "completion: policy takes one word"
is "$(complete_to kvm-mte run --)" "-- --cgroup --off --on --request " "completion: run"
is "$(complete_to kvm-mte policy --migration '')" "refuse warn " "completion: policy --migration"
is "$(complete_to kvm-mte policy --migration warn '')" " " "completion: policy --migration takes one word"
mkdir -p "$HOST/cgroup/"{machine.slice/a.scope,'two words','$(touch x)',user.slice}
touch "$HOST/cgroup/cgroup.controllers" "$HOST/cgroup/machine.slice/cgroup.procs"
export KVM_MTE_CGROUPS=$HOST/cgroup
ALL_CGROUPS='/\$\(touch\ x\) /machine.slice /two\ words /user.slice '
is "$(complete_to kvm-mte policy -)" "--cgroup --migration " "completion: policy's option"
for words in '--cgroup' '--cgroup ='; do
	# shellcheck disable=SC2086 # the words that bash makes of it
	is "$(complete_to kvm-mte policy $words '')" "$ALL_CGROUPS" "completion: policy $words, cgroups, quoted"
	# shellcheck disable=SC2086
	is "$(complete_to kvm-mte policy $words /machine.slice/)" "/machine.slice/a.scope " "completion: policy $words, a level below"
	# shellcheck disable=SC2086
	is "$(complete_to kvm-mte policy $words /u '')" "none off on request " "completion: policy $words, then the word"
	# shellcheck disable=SC2086
	is "$(complete_to kvm-mte policy $words /u on '')" " " "completion: policy $words takes one word"
	# shellcheck disable=SC2086
	is "$(complete_to kvm-mte run $words /m)" "/machine.slice " "completion: run $words"
	# shellcheck disable=SC2086
	is "$(complete_to kvm-mte run --on $words /m tou)" "touch " "completion: run $words, then the command"
done
is "$(complete_to kvm-mte policy --cgroup =)" "$ALL_CGROUPS" "completion: after --cgroup="
mv "$HOST/cgroup" "$HOST/unified"
mkdir "$HOST/cgroup"
mv "$HOST/unified" "$HOST/cgroup/unified"
is "$(complete_to kvm-mte policy --cgroup /m)" "/machine.slice " "completion: cgroup2 in a directory unified"
rm -r "$HOST/cgroup"
is "$(complete_to kvm-mte run --on tou)" "touch " "completion: run's command"
is "$(complete_to "$W/tool" enable '')" "70-9 71-9 72-9 \\\$\\(touch\\ $W/pwned\\) web\\ 1 " "completion: VMs and guests, quoted"
is "$(complete_to "$W/tool" disable 7)" "70-9 71-9 72-9 " "completion: VMs"
is "$(complete_to "$W/tool" hold 7)" "70-9 71-9 72-9 " "completion: hold"
is "$(complete_to kvm-mte tags '')" "check load save " "completion: tags"
is "$(complete_to kvm-mte migrate -)" "-- --host= --name= --qmp= --rsh= -e " "completion: migrate"
is "$(complete_to "$W/tool" migrate 7)" "70-9 71-9 72-9 " "completion: migrate, a VM"
is "$(complete_to kvm-mte save --)" "-- --qmp= " "completion: save"
is "$(complete_to "$W/tool" save web)" "web\\ 1 " "completion: save, a guest"
is "$(complete_to kvm-mte restore --p)" "--paused " "completion: restore"
is "$(complete_to kvm-mte tags save -)" "--at-end --progress " "completion: tags save"
is "$(complete_to "$W/tool" tags save --at-end 7)" "70-9 71-9 72-9 " "completion: tags save, a VM"
is "$(complete_to kvm-mte tags load --)" "--incoming --progress " "completion: tags load"
is "$(complete_to "$W/tool" tags load web)" "web\\ 1 " "completion: tags load, a guest"
is "$(complete_to "$W/tool" tags check '')" " " "completion: tags check takes no VM"
is "$(complete_to "$W/tool" enable web)" "web\\ 1 " "completion: a guest"
is "$(complete_to "$W/tool" enable 'web\ ')" "web\\ 1 " "completion: a guest, half typed"
is "$(complete_to "$W/tool" enable '$(')" "\\\$\\(touch\\ $W/pwned\\) " "completion: a hostile name"
is "$(ls "$W/pwned" 2>&1)" "ls: cannot access '$W/pwned': No such file or directory" "completion runs no name"

# --- the manual page ---

# That a page that it refers to is not installed here is no mistake of the page.
lint() { mandoc -Tlint "$1" 2>&1 | grep -v -e 'referenced manual not found' -e 'outdated mandoc.db'; }
quiet "mandoc -Tlint" lint "$TOP/tools/kvm-mte.8"
quiet "groff's warnings" groff -man -mdoc -Tutf8 -ww -z "$TOP/tools/kvm-mte.8"
PAGE=$(mandoc -Tutf8 "$TOP/tools/kvm-mte.8" | sed 's/.\x08//g')
OPTIONS=$("$TOOL" --help | grep -oE -e '--[a-z]+(-[a-z]+)*' | sort -u)
like "$OPTIONS" '^--json$' "the help has options"
for word in $OPTIONS; do
	like "$PAGE" "(^|[^a-z-])$word([^a-z-]|\$)" "the page has $word"
done
# A command is a word that the text has anyway. It must have an entry.
COMMANDS=$("$TOOL" --help | sed -nE 's/^  ([a-z]+)  +[^ ].*/\1/p')
like "$COMMANDS" '^status$' "the help has commands"
for word in $COMMANDS 'tags save' 'tags load' 'tags check'; do
	like "$(sed -n 's/^\.It Cm //p' "$TOP/tools/kvm-mte.8")" "(^|\\| )$word( |\$)" "the page has an entry for $word"
done

# --- the libvirt hook, run by dash, with files in place of libvirt and the module ---

rm -rf "${HOST:?}"/*
mkdir -p "$HOST"/{mte/policy,mte/vms/77-9,run}
XML='<domain><metadata><p:policy xmlns:p="urn:kvm-mte" required="yes">on</p:policy></metadata></domain>'
hook() {
	printf '%s' "$XML" | KVM_MTE_SYSFS=$HOST/mte LIBVIRT_QEMU_RUN=$HOST/run KVM_MTE_RUN=$HOST/turns KVM_MTE_PROC=$HOST/proc \
		dash "$TOP/contrib/libvirt/kvm-mte" 'a domain' "$@" 2>&1
}
is "$(hook start begin - | cat)" "" "hook: start begin does not block"
printf 77 >"$HOST/run/a domain.pid"
for ((i = 0; i < 600; i++)); do
	[[ ! -s $HOST/mte/policy/on_pids ]] || break
	sleep 0.1
done
is "$(cat "$HOST/mte/policy/on_pids")" 77 "hook: the process is put on the list when libvirt has written its id"
echo on >"$HOST/mte/vms/77-9/state"
echo policy >"$HOST/mte/vms/77-9/origin"
is "$(hook started begin -)$?" 0 "hook: started begin, the VM is as wanted"
echo off >"$HOST/mte/vms/77-9/state"
is "$(hook started begin -)$?:$(cat "$HOST/mte/vms/77-9/enable")" \
	"kvm-mte: domain a domain: not started: MTE policy on came too late: off, which takes effect when the guest reboots1:1" \
	"hook: started begin, the VM is not as wanted"
XML=${XML/ required=\"yes\"/}
like "$(hook started begin -)$?" 'too late.*0$' "hook: not required, it only says so"
# A guest that comes from elsewhere: its VM is held, if MTE is on and QEMU does not carry the tags.
# incoming STATE ORIGIN HOLD ARGUMENT... - QEMU with these arguments; prints hold and what the hook says.
incoming() {
	echo "$1" >"$HOST/mte/vms/77-9/state"
	echo "$2" >"$HOST/mte/vms/77-9/origin"
	echo "$3" >"$HOST/mte/vms/77-9/hold"
	mkdir -p "$HOST/proc/77"
	printf '%s\0' qemu "${@:4}" >"$HOST/proc/77/cmdline"
	hook started begin -
	cat "$HOST/mte/vms/77-9/hold"
}
is "$(incoming on policy 0 -name x -incoming defer)" "kvm-mte: domain a domain: held until its tags are in: \"kvm-mte tags load 77-9\"; \"kvm-mte release 77-9\" lets it run without them, then reset its guest
1" "hook: a guest that was migrated or restored is held"
like "$(incoming on policy 0 -name x -loadvm first)" 'held until.*
1$' "hook: a guest from a snapshot in its disk is held"
is "$(incoming on policy 1 -incoming defer)" 1 "hook: one that is held already stays so"
is "$(incoming on policy 0 -name x-incoming -append 'a -incoming b')" 0 "hook: an ordinary start is not held"
is "$(incoming on vmm 0 -incoming defer)" 0 "hook: QEMU that asked for MTE carries the tags itself"
rm "$HOST/mte/vms/77-9/hold"
mkdir "$HOST/mte/vms/77-9/hold"
printf '%s\0' -incoming >"$HOST/proc/77/cmdline"
echo policy >"$HOST/mte/vms/77-9/origin"
is "$(hook started begin - | tail -n 1; echo "${PIPESTATUS[0]}")" \
	"kvm-mte: domain a domain: not started: it comes without its tags, and cannot be held: see the kernel's log
1" "hook: a guest that cannot be held is not let in"
rm -r "$HOST/mte/vms/77-9/hold"
is "$(hook release end -)$?$(ls "$HOST/turns")" 0 "hook: release end leaves nothing behind"
# Without the element: the VM may have MTE by the policy of its cgroup, or by the default.
XML='<domain/>'
is "$(incoming on policy 0 -incoming defer)" "kvm-mte: domain a domain: held until its tags are in: \"kvm-mte tags load 77-9\"; \"kvm-mte release 77-9\" lets it run without them, then reset its guest
1" "hook: without the element, a guest that was migrated or restored is held too"
is "$(incoming on vmm 0 -incoming defer)" 0 "hook: without the element, QEMU that asked for MTE carries the tags itself"
is "$(incoming off none 0 -incoming defer)" 0 "hook: without the element, a guest without MTE is not held"
is "$(incoming on policy 0 -name x)" 0 "hook: without the element, an ordinary start is not held"
rm -f "$HOST/mte/vms/77-9/enable" "$HOST/mte/policy/on_pids"
is "$(incoming off none 0 -name x; hook start begin - | cat; ls "$HOST/turns" "$HOST"/mte/policy "$HOST"/mte/vms/77-9)" "0
$HOST/mte/policy:

$HOST/mte/vms/77-9:
hold
origin
state

$HOST/turns:" "hook: without the element, nothing else is done"
rm "$HOST/run/a domain.pid"
is "$(hook started begin -)$?" "kvm-mte: domain a domain: its process cannot be found0" "hook: without the element and without a process, it only says so"

# --- the source ---

# User space has no BIT() and no __printf. A message stays in one piece, so that grep finds it.
IGNORE=BIT_MACRO,PREFER_DEFINED_ATTRIBUTE_MACRO,VOLATILE,LONG_LINE_STRING,LONG_LINE
linux=''
tools linux
quiet "checkpatch --strict" perl "$linux/checkpatch.pl" --no-tree --no-summary --strict --terse --quiet --ignore "$IGNORE" \
	-f "$TOP"/tools/*.[ch]
quiet "kernel-doc" perl "$linux/kernel-doc" -none "$TOP"/tools/*.[ch]
quiet "every file names its licence" grep -rL SPDX-License-Identifier "$TOP"/tools/*.[ch8] "$TOP/tools/Makefile" \
	"$TOP/tools/kvm-mte.bash" "$TOP"/contrib/{libvirt,systemd,udev}
# shellcheck disable=SC2016 # awk's own
quiet "no file of more than 350 lines" awk 'FNR > 350 { print FILENAME; nextfile }' "$TOP"/tools/*.[ch]

# --- make install ---

make -s -C "$TOP/tools" OUT="$W" SANITIZE=1 install DESTDIR="$W/root" PREFIX=/usr
is "$(cd "$W/root" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" \
	"./usr/sbin/kvm-mte ./usr/share/bash-completion/completions/kvm-mte ./usr/share/kvm-mte/schema/check.json ./usr/share/kvm-mte/schema/events.json ./usr/share/kvm-mte/schema/list-watch.json ./usr/share/kvm-mte/schema/list.json ./usr/share/kvm-mte/schema/status.json ./usr/share/man/man8/kvm-mte.8 " "make install"
is "$("$W/root/usr/sbin/kvm-mte" --version)" "kvm-mte $(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf")" "its version is the project's"
done_testing
