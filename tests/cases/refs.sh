#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: files and folders in sysfs that outlive the module, and lead into code that is no longer there: for somebody
# with an open file, and where somebody holds references to the folders' kobjects.
# kernels: 5.10 6.12 7.2
# quick-kernels: 5.10
# hooks: once
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

# write_errno FD - the errno of a write there.
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

# While the references are held the module goes.
is "$(errno_of '-e finit_module,init_module' insmod "$T/refs.ko" \
	dirs=kvm_mte,kvm_mte/policy,kvm_mte/repairs,kvm_mte/vms)" ok "somebody holds the folders' kobjects"
is "$(try_unload)" ok "it unloads"
is "$(ls -d "$MTE" 2>/dev/null)" "" "its folders have gone at once"
not_loaded "unloaded"
# What is still there would run into code that is not.
[[ ! -e $MTE ]] || bail "the folders are still there"

for i in "${!fds[@]}"; do
	is "$(errno_of '-e read' cat <&"${fds[i]}")" ENODEV "an open file is dead: $i, read"
done
for fd in "${fds[2]}" "$enable"; do
	is "$(write_errno "$fd")" ENODEV "an open file is dead: write"
done

is "$(try_load)" ok "it loads again meanwhile"
is "$(cat "$MTE/version")" "$(modinfo -F version "$T/kvm_mte.ko")" "and has its files"
is "$(errno_of '-e read' cat <&"${fds[0]}")" ENODEV "those of before stay dead"
succeeds "the references go" rmmod refs
is "$(cat "$MTE/policy/default")" request "the new files are still there"
for fd in "${fds[@]}"; do exec {fd}>&-; done
hold_is vm run "run 1000" "the VM runs"
hold_end vm
is "$(try_unload)" ok "it unloads"
not_loaded "at the end"

done_testing
