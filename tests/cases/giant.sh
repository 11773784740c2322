#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the tags of a 1 GiB page cleared in one go with a lock held. A fixture makes each 2 MiB slower, so that the kernel
# reports a soft lockup. A part of such a page that is mapped without a page for its table: KVM warns, and dies without memory.
# hooks: kprobe
# mem: 3G
# cmdline: hugepagesz=1G hugepages=1
# timeout: 600
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

load_module || bail "the module does not load"
# Each 2 MiB takes 100 ms, all 512 take 51 s. After 30 s the kernel reports a soft lockup, and panics.
sysctl -qw kernel.watchdog_thresh=15

echo 1 >"$TRACING/events/kvm_mte/kvm_mte_clear_tags/enable"
succeeds "the fixture makes clearing tags slow" insmod "$T/slow.ko" function=tags_clear_block us=100000
client_points tagfill --enable=sysfs --mem=hugetlb1g --size=1G --span=16M
echo 0 >"$TRACING/events/kvm_mte/kvm_mte_clear_tags/enable"
is "$(cat /sys/module/slow/parameters/calls)" 32 "tags were cleared slowly, 2 MiB at a time"
# The guest has touched only the two ends of the page: two parts of 32 MiB.
is "$(sed -nE 's/.* kvm_mte_clear_tags: .* size=0x2000000 pages=([0-9]+)$/\1/p' "$TRACING/trace" | xargs)" "8192 8192" \
	"two parts of the 1 GiB page are cleared, one at a time"
rmmod slow

# A fixture is asked before the module's hook if it was set after it. The first VM with MTE sets the hook.
hold_start vm hold
hold_is vm "enable 1" "enable 0" "a VM has MTE"
succeeds "the fixture leaves KVM without pages for tables" insmod "$T/notables.ko" fail=1
client_points tagfill --enable=sysfs --mem=hugetlb1g --size=1G --span=16M
# Two parts. The first is mapped at the second try.
is "$(cat /sys/module/notables/parameters/{failed,emptied} | xargs)" "1 3" "a part that gets no table is mapped at the next fault"
rmmod notables
hold_end vm

unload_module || not_ok "the module unloads"
done_testing
