#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a difference that the module makes for a VM without MTE, its VMM or its guest: registers, their list, ID registers,
# capabilities, trapped instructions.
. /t/lib.sh
. /t/client.sh

dump() { "$CLIENT" regdump --enable=none >"/tmp/$1" 2>&1 || diag "regdump ended with $?"; }

same() { is "$(busybox diff /tmp/stock "/tmp/$1" 2>&1)" "" "$2: registers and capabilities are those of the kernel alone"; }

dump stock
like "$(cat /tmp/stock)" '^vmm 603000000013c021 ' "the dump has ID_AA64PFR1_EL1"
like "$(cat /tmp/stock)" '^guest S3_0_C0_C4_1 ' "the dump has it as the guest sees it, too"
is "$(grep -c '^vmm ' /tmp/stock)" "$(grep '^vmm ' /tmp/stock | sort -u | wc -l)" "each register is listed once"

# A VM from before the module is loaded, and what its VMM and guest see.
hold_start early hold
hold_is early gcr "gcr 1" "GCR_EL1 is UNDEFINED in a VM created before"

load_module || bail "the module does not load"
dump loaded
same loaded "loaded, VM off"
hold_is early gcr "gcr 1" "and still after the module is loaded"
hold_is early idreg "idreg 0" "its ID register has no MTE"

for case in idreg mteregs dcgsw tco aarch32 slots slip run; do
	client_points "$case" --enable=none
done

# A VM without MTE sees nothing of another VM's MTE, earlier or at the same time; nor of a vCPU that was at the same address.
hold_start on hold --enable=sysfs
hold_is on gcr "gcr 0" "a VM with MTE"
dump beside
same beside "beside a VM with MTE"
for i in 1 2 3; do
	taskset 1 "$CLIENT" mteregs --enable=sysfs >/dev/null || not_ok "round $i: a VM with MTE"
	dump after
	same after "after a VM with MTE, round $i"
	taskset 1 "$CLIENT" mteregs --enable=none >/tmp/out
	is "$?:$(grep -c '^not ok' /tmp/out)" "0:0" "a VM without MTE finds nothing left of it, round $i"
done
hold_is on gcr "gcr 0" "the VM with MTE has kept it"
hold_end on

for word in off request; do
	echo "$word" >"$MTE/policy/default"
	dump "$word"
	same "$word" "policy $word"
done

unload_module || not_ok "the module unloads"
hold_is early gcr "gcr 1" "the VM created before, after unloading"
hold_is early idreg "idreg 0" "and its ID register"
hold_end early
dump unloaded
same unloaded "unloaded"

done_testing
