#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags cleared under their owner in memory that two VMs and a process of the host, which maps it PROT_MTE, share
# and touch first at the same time. The window is a few instructions wide; a probe there makes it wide.
# hooks: ftrace
# smp: 4
# mem: 2G
. /t/lib.sh
. /t/client.sh

load_module || bail "the module does not load"

client_points hammerfd --enable=sysfs --size=1M --rounds=20
succeeds "clearing tags gets slow" insmod "$T/slow.ko" function=mte_clear_page_tags us=100
before=$(cat /sys/module/slow/parameters/calls)
client_points hammerfd --enable=sysfs --size=1M --rounds=20
calls=$(($(cat /sys/module/slow/parameters/calls) - before))
diag "tags cleared slowly: $calls times"
succeeds "pages were touched first again and again" test "$calls" -ge 2560
rmmod slow

unload_module || not_ok "the module unloads"
done_testing
