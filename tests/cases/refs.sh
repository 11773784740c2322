#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: sysfs files and directories that outlive the module and call code that is gone: through an open file, or while
# somebody holds references to the directories' kobjects.
# kernels: 5.10 6.12 7.2
# quick-kernels: 5.10
# hooks: once
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

# write_errno FD - the errno of a write to FD.
write_errno() {
	strace -qq -e trace=write -o /tmp/write dd if=/dev/zero bs=1 count=1 status=none 1>&"$1" 2>/dev/null
	sed -nE 's/^write\(1,.*= -1 (E[A-Z]+) .*/\1/p' /tmp/write
}

FILES='version repairs/thp_split policy/default policy/on_pids'

is "$(try_load)" ok "the module loads"
hold_start vm hold
VM=$(vm_dir "${HOLD_PID[vm]}")
fds=()
for file in $FILES; do
	if [[ $file == policy/* ]]; then exec {fd}<>"$MTE/$file"; else exec {fd}<"$MTE/$file"; fi
	fds+=("$fd")
done
exec {enable}<>"$VM/enable"
fds+=("$enable")

# The module is unloaded while the references are held.
is "$(errno_of '-e finit_module,init_module' insmod "$T/refs.ko" \
	dirs=kvm_mte,kvm_mte/policy,kvm_mte/repairs,kvm_mte/vms)" ok "somebody holds the directories' kobjects"
is "$(try_unload)" ok "it unloads"
is "$(ls -d "$MTE" 2>/dev/null)" "" "its directories are gone at once"
not_loaded "unloaded"
# A file that is still there would call code that is gone.
[[ ! -e $MTE ]] || bail "the directories are still there"

for i in "${!fds[@]}"; do
	is "$(errno_of '-e read' cat <&"${fds[i]}")" ENODEV "an open file is dead: $i, read"
done
for fd in "${fds[2]}" "$enable"; do
	is "$(write_errno "$fd")" ENODEV "an open file is dead: write"
done

is "$(try_load)" ok "it loads again while the references are held"
is "$(cat "$MTE/version")" "$(modinfo -F version "$T/kvm_mte.ko")" "and has its files"
is "$(errno_of '-e read' cat <&"${fds[0]}")" ENODEV "a file that was opened before stays dead"
succeeds "the references are dropped" rmmod refs
is "$(cat "$MTE/policy/default")" request "the new files are still there"
for fd in "${fds[@]}"; do exec {fd}>&-; done
hold_is vm run "run 1000" "the VM runs"
hold_end vm
is "$(try_unload)" ok "it unloads"
not_loaded "at the end"

done_testing
