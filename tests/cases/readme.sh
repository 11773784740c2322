#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a README that a new user cannot follow: packages that do not build or do not install on Debian 11; a module that
# Debian 11's DKMS and compiler do not build, or that does not load there; commands that fail or do not do what README says; a
# guest that has no MTE in the end; sysfs files that the ABI text does not have; files or hooks that stay after the removal.
# hooks: once
# with: debian11
# timeout: 1200
# quick: no
. /t/lib.sh
. /t/hooks.sh

R=/debian11

# --- installed, as README says ---

STATUS=$(cat "$R/install.status")
if [[ $STATUS == unable ]]; then
	skip "README: Install" "the build machine's kernel has no binfmt_misc in user namespaces (Linux 6.7): $(tail -n 1 "$R/install.log")"
	done_testing
fi
is "$STATUS" 0 "README: the commands of Install, up to modprobe, succeed on Debian 11"
[[ $STATUS == 0 ]] || diag "$(tail -n 40 "$R/install.log")"
like "$(cat "$R/install.sh")" '^make deb$' "make deb is one of them"
like "$(cat "$R/install.sh")" '^apt install ./build/deb/kvm-mte-dkms_' "apt install of the package that it builds is another"
KO=$R/lib/modules/$(uname -r)/updates/dkms/kvm_mte.ko
like "$(ls "$KO" 2>&1)" '^/' "DKMS has put the module into the place for the running kernel"
like "$(grep -aoE 'GCC: \([^)]*\) [0-9.]+' "$KO" | head -n 1)" 'GCC: .* 10\.' "built by Debian 11's own GCC 10"
succeeds "the program is installed" test -x "$R/usr/sbin/kvm-mte"

# --- loaded: the last command of the block, in that system ---

for d in proc sys dev run; do mount --rbind "/$d" "$R/$d"; done
# user COMMAND - runs what a user types there, as root, in a new shell; $$ is that shell.
user() { chroot "$R" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C bash -c "$1"; }

# block HEADING N - the commands of the Nth code block below a heading, without comments.
block() {
	awk -v heading="## $1" -v n="$2" '
		$0 == heading { inside = 1; next }
		/^## / { inside = 0 }
		inside && /^    / { if (!was) nr++; if (nr == n) print; was = 1; next }
		{ was = 0 }' "$R/README.md" | sed 's/^    //; s/  *#.*//'
}

LAST=$(block "Install on a real host" 1 | tail -n 1)
is "$LAST" "modprobe kvm_mte" "README: Install ends with modprobe"
dmesg_mark
succeeds "README: $LAST" user "$LAST"
like "$(said)" "^loaded: backend inject, $(hooked | wc -l) hooks by ftrace, policy request$" "the module is loaded"
is "$(cat "$MTE/version")" "$(modinfo -F version "$KO")" "it is the module that DKMS has built"

# sysfs and the ABI text must have the same files.
documented() { sed -n 's/^What:\t\t//p' "$R/sysfs-kernel-kvm_mte" | grep -v -e '^/sys/kernel/kvm_mte$' -e '/vms/<pid>-<fd>$' | sort; }
present() { find "$MTE" -type f | sed -E 's|/vms/[0-9]+-[0-9]+/|/vms/<pid>-<fd>/|' | sort -u; }

# --- the knob: the guest, and each command ---

BUG='GLIBC_TUNABLES=glibc.mem.tagging=3 heapbug'
qemu_start web1 -name web1 || bail "no QEMU"
guest_wait_boot web1 || bail "no guest"
succeeds "without MTE the guest's bug is not noticed" guest_run web1 "$BUG"
is "$(present)" "$(documented)" "the ABI text has all files of sysfs, and no other"
VM=$(vm_dir "$(qemu_pid web1)")
reboot_guest() { qemu_monitor web1 system_reset; guest_wait_boot web1 || bail "the guest does not reboot"; }

mapfile -t TOOL < <(block "Turn MTE on and off" 1)
mapfile -t SYSFS < <(block "Turn MTE on and off" 2)
is "${#TOOL[@]} ${#SYSFS[@]}" "7 4" "README: \"Turn MTE on and off\" has two blocks, of seven and of four commands"
# What each command must do, found by its beginning. A command that this list does not have fails.
for command in "${TOOL[@]}" "${SYSFS[@]}"; do
	command=${command//<pid>-<fd>/$(basename "$VM")}
	name="README: $command"
	OUT=$(user "$command" 2>&1)
	STATUS=$?
	[[ $command == 'rmmod '* || $command == *drain ]] || is "$STATUS" 0 "$name"
	case $command in
	'kvm-mte status') like "$OUT" 'inject' "$name: names the backend" ;;
	'kvm-mte check') like "$OUT" '^result:  ready: ' "$name: the host is ready" ;;
	'kvm-mte list') like "$OUT" "$(basename "$VM") .* off .*web1" "$name: has the guest, by its name" ;;
	'kvm-mte enable web1')
		is "$(vm_get web1 state)" turning-on "$name: it waits for the reboot"
		reboot_guest
		is "$(vm_get web1 state)" on "$name: after the reboot it is on"
		like "$(guest_run web1 'grep -m1 Features /proc/cpuinfo')" '\bmte\b' "$name: the guest has MTE"
		guest_run web1 "$BUG" >/dev/null
		is $? 139 "$name: the guest's bug is caught"
		;;
	'kvm-mte policy on') is "$(cat "$MTE/policy/default")" on "$name: the default" ;;
	'kvm-mte drain')
		is "$STATUS" 6 "$name: a VM has MTE"
		like "$OUT" "^$(basename "$VM") \(web1\): on, process " "$name: says which"
		is "$(cat "$MTE/policy/default")" off "$name: the policy is off"
		;;
	'rmmod kvm_mte')
		isnt "$STATUS" 0 "$name: is refused"
		like "$OUT" 'in use' "$name: and says why"
		;;
	'echo 1 > '*/enable) is "$(vm_get web1 enable)" 1 "$name: it is on" ;;
	'cat '*/state) is "$OUT" on "$name: says so" ;;
	'echo request > '*) is "$(cat "$MTE/policy/default")" request "$name: the default again" ;;
	"echo \$\$ > "*off_pids) ;; # That shell has ended; see below.
	*) not_ok "$name: this test does not know what it should do" ;;
	esac
done
# shellcheck disable=SC2016 # for that shell
user 'echo $$ > /sys/kernel/kvm_mte/policy/off_pids; read -r pid < /sys/kernel/kvm_mte/policy/off_pids; test "$pid" = $$'
is $? 0 "a shell that has written its id is on the list"

# --- removed ---

qemu_stop web1
succeeds "rmmod, when no VM needs it" user 'rmmod kvm_mte'
not_loaded "at the end"
done_testing
