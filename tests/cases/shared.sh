#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags that are cleared after their owner has set them, in memory that two VMs and a process of the host (PROT_MTE)
# share and touch for the first time at once. The race window is a few instructions wide; a fixture widens it.
# hooks: ftrace
# smp: 4
# mem: 2G
. /t/lib.sh
. /t/client.sh

load_module || bail "the module does not load"

client_points hammerfd --enable=sysfs --size=1M --rounds=20
succeeds "the fixture makes clearing tags slow" insmod "$T/slow.ko" function=mte_clear_page_tags us=100
before=$(cat /sys/module/slow/parameters/calls)
client_points hammerfd --enable=sysfs --size=1M --rounds=20
calls=$(($(cat /sys/module/slow/parameters/calls) - before))
diag "tags cleared slowly: $calls times"
succeeds "the race was tried often enough" test "$calls" -ge 2560
rmmod slow

unload_module || not_ok "the module unloads"
done_testing
