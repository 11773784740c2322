#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a broken test bed. The other cases rely on a 5.10 host with MTE and KVM, and on a Linux guest under QEMU that
# has no MTE unless somebody asks for it.
# hooks: none
# quick: no
. /t/lib.sh

like "$(uname -r)" '^5\.10\.' "the host runs 5.10"
like "$(grep -m1 Features /proc/cpuinfo)" '\bmte\b' "the host's CPUs have MTE"
succeeds "/dev/kvm can be opened" bash -c 'exec 3<>/dev/kvm'
is "$(grep -c ' kvm_mte' /proc/modules)" 0 "kvm_mte is not loaded"

succeeds "QEMU starts" qemu_start g
guest_wait_boot g || bail "no guest"
ok "the guest boots"
like "$(guest_run g 'uname -r')" '^6\.1\.' "the guest runs 6.1"
is "$(guest_run g "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" 0 "the guest has no MTE"
guest_run g 'exit 7'
is $? 7 "exit statuses come out of the guest"
is "$(guest_run g 'seq 2000; printf end')" "$(seq 2000; printf end)" "output comes out of the guest whole"
like "$(qemu_monitor g 'info status')" '^VM status: running' "QEMU's monitor answers"

qemu_monitor g system_reset
guest_wait_boot g
is $? 0 "the guest boots again after a reset"
is "$(guest_run g 'echo hello')" hello "and its shell works"
qemu_stop g
fails "the guest is gone after qemu_stop" guest_alive g

done_testing
