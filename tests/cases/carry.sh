#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags that are lost, left over or invented by /dev/kvm_mte; memory that it populates, or that it loses with the VM or
# its process; a held VM whose vCPU enters the guest, or that its VMM cannot end; arguments and states that it must refuse.
# kernels: 5.10 6.1 6.12 7.2
# quick-kernels: 5.10 7.2
# hooks: once
# alone: yes
. /t/lib.sh
. /t/client.sh
. /t/squeeze.sh

load_module || bail "the module does not load"

client_points held --enable=sysfs --size=2M
client_points held --size=2M
client_points carrybad --enable=sysfs --size=8M
client_points carry --enable=sysfs --size=16M --mem=anon4k
client_points carry --enable=sysfs --size=16M --mem=thp
client_points carryempty --enable=sysfs --size=32M --mem=anon4k
client_points carryend --enable=sysfs --size=8M
client_points carrypoison --enable=sysfs --size=8M --mem=anon4k
[[ $(uname -r) == 6.1.* ]] || {
	client_points carry --enable=sysfs --size=16M --mem=memfd
	client_points carryempty --enable=sysfs --size=32M --mem=memfd
	client_points carryend --enable=sysfs --size=8M --mem=memfd
}
client_points carry --enable=sysfs --size=16M --mem=hugetlb2m
client_points carryempty --enable=sysfs --size=32M --mem=hugetlb2m
client_points carrypoison --enable=sysfs --size=8M --mem=hugetlb2m
succeeds "swap space on a disk" swap_disk 64
echo +memory >"$CG/cgroup.subtree_control"
mkdir "$CG/unread"
client_points carryunread --enable=sysfs --size=8M --mem=anon4k --file=/sys/kernel/config/nullb/nullb0/badblocks
# 7.2 warns when it frees shared memory that it could not read (swap_put_entries_direct()).
[[ $KERNEL != 5.10 ]] ||
	client_points carryunread --enable=sysfs --size=8M --mem=memfd --file=/sys/kernel/config/nullb/nullb0/badblocks
succeeds "no swap space on the disk" swapoff /dev/nullb0
succeeds "swap space on zram" swap_zram 64
client_points carry --enable=sysfs --size=8M --with=pageout
client_points carryend --enable=sysfs --size=8M --with=pageout

is "$(cat "$MTE"/vms/*/hold 2>/dev/null)" "" "no VM is left"
unload_module || not_ok "the module unloads"
done_testing
