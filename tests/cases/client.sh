#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VM with MTE that differs from the architecture, mainline's KVM or the module's documentation: registers, tags,
# faults, memslots, states, errors. "client list" tells what each case of the client catches.
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

# reason REGEX CASE - the log must have this message about the case that has just run.
reason() { like "$(said)" "$1" "client $2: the log has the reason: $1"; }

load_module || bail "the module does not load"

for case in run idreg mteregs reset tagfill tagcheck visible dcgsw tco switch life undo saved initrace closing; do
	client_points "$case" --enable=sysfs
done
client_points switch --enable=sysfs --vcpus=3 --rounds=20 --seed=7
client_points run --enable=sysfs --vcpus=4

dmesg_mark
client_points badio --enable=sysfs
reason '^[0-9]+-[0-9]+: enable: not a boolean' badio

dmesg_mark
client_points aarch32 --enable=sysfs
reason '^[0-9]+-[0-9]+: not turned on: a vCPU is 32-bit' aarch32
reason '^[0-9]+-[0-9]+: 32-bit vCPU refused' aarch32

dmesg_mark
client_points slots --enable=sysfs
reason "^[0-9]+-[0-9]+: not turned on: memory slot 1 \\(IPA 80000000, $((4096 / $(page_kib))) pages\\) cannot hold tags" slots
reason '^[0-9]+-[0-9]+: memory slot 1 refused: it cannot hold tags' slots

dmesg_mark
client_points slip --enable=sysfs
reason '^[0-9]+-[0-9]+: IPA 80000000 not mapped: its memory cannot hold tags' slip

is "$(ls "$MTE/vms")" "" "no VM is left"
dmesg_mark
is "$(try_unload)" ok "it unloads"
is "$(said | wc -l)" 1 "unloading logs one line"

done_testing
