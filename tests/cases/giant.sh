#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the tags of a 1 GiB page cleared in one go under a lock: with each 2 MiB of it taking a little longer than they
# do, the kernel complains of a CPU that it does not get back.
# hooks: kprobe
# mem: 3G
# cmdline: hugepagesz=1G hugepages=1
# timeout: 600
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

load_module || bail "the module does not load"
# 512 times (for each 2 MiB) 100 ms is far more than the 30 s after which the kernel calls that a soft lockup, and panics.
sysctl -qw kernel.watchdog_thresh=15

echo 1 >"$TRACING/events/kvm_mte/kvm_mte_clear_tags/enable"
succeeds "clearing tags gets slow" insmod "$T/slow.ko" function=tags_clear_block us=100000
client_points tagfill --enable=sysfs --mem=hugetlb1g --size=1G --span=16M
echo 0 >"$TRACING/events/kvm_mte/kvm_mte_clear_tags/enable"
is "$(cat /sys/module/slow/parameters/calls)" 32 "tags were cleared slowly, of 2 MiB at a time"
# Its two ends are all that the guest has touched: two parts of 32 MiB.
is "$(sed -nE 's/.* kvm_mte_clear_tags: .* size=0x2000000 pages=([0-9]+)$/\1/p' "$TRACING/trace" | xargs)" "8192 8192" \
	"of the 1 GiB page two parts are cleared, one at a time"
rmmod slow

unload_module || not_ok "the module unloads"
done_testing
