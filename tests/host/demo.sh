#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The demonstration: what an admin types on a 5.10 host, and the effect in a guest.
# timeout: 600
. /t/lib.sh

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# Shows a command, and runs it: on the host, or in the guest.
host() { printf 'host#  %s\n' "$*"; eval "$*"; }
guest() { printf 'guest# %s\n' "$*"; guest_run vm "$*"; }

BUG='GLIBC_TUNABLES=glibc.mem.tagging=3 heapbug'

say 'A stock host, older than guest MTE. It has MTE for itself; we load the module.'
host 'uname -r'
host "grep -om1 '\bmte\b' /proc/cpuinfo"
host 'insmod /t/kvm_mte.ko && dmesg | tail -n 1'

say "A guest boots under Debian's QEMU, which is not asked for MTE. It has a bug that nobody notices."
qemu_start vm && guest_wait_boot vm || exit
guest 'uname -r'
guest "grep -om1 '\bmte\b' /proc/cpuinfo || echo no MTE here"
guest "$BUG"; before=$?

say 'The admin turns MTE on for this VM. It runs, so it gets MTE at its next reboot.'
vm=$(vm_dir "$(qemu_pid vm)")
host "cd $vm && ls"
host 'cat state && echo 1 > enable && cat state'

say 'The guest reboots.'
printf 'guest# reboot\n'
guest_run vm 'reboot -f' >/dev/null 2>&1
guest_wait_boot vm || exit
host 'cat state'
guest "grep -om1 '\bmte\b' /proc/cpuinfo"

say 'The same program, the same write:'
guest "$BUG"; after=$?
guest "dmesg | grep -i heapbug | tail -n 1"

if ((before == 0 && after == 139)); then
	say 'Caught: the guest kernel ended the program at the first byte out of bounds (SIGSEGV).'
else
	say "That is not what should have happened: before $before, after $after."
fi
qemu_stop vm
cd /
host 'rmmod kvm_mte && dmesg | tail -n 1'
((before == 0 && after == 139))
