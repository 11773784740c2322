#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a failed allocation that the module does not notice: a host or a VM that is wrong after it, memory that leaks, a module
# that cannot be unloaded. In calls of a VMM and in an admin's writes each allocation fails once, those of KVM in the same call too.
# While the module is being loaded, and while hooks are set for the first VM, only some allocations fail.
# kernels: 5.10-debug 6.12-debug
# hooks: each
# timeout: 3600
# failures: injected
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh
. /t/squeeze.sh

# To load the module takes some thousand allocations, mostly of ftrace, kprobes and kmemleak.
MANY=100 SOME=30

cd /sys/kernel/debug || bail "no debugfs"
for f in failslab fail_page_alloc; do
	[[ -d $f ]] || bail "the kernel has no $f"
	echo N >$f/ignore-gfp-wait
	echo 0 >$f/verbose
done
echo N >fail_page_alloc/ignore-gfp-highmem
echo 0 >fail_page_alloc/min-order
succeeds "swap space" swap_zram 64

client_points failload --file="$T/kvm_mte.ko" "--rounds=$MANY"
not_loaded "after that"
load_module || bail "the module does not load"
client_points failvm --size=256K
client_points failfirst "--rounds=$SOME"
client_points run --enable=sysfs
is "$(by_module)" "" "no VM is left"
is "$(try_unload)" ok "it unloads"
not_loaded "at the end"
done_testing
