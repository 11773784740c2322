#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the same as tests/cases/shared.sh, in many more rounds.
# smp: 4
# mem: 2G
# timeout: 7200
. /t/lib.sh
. /t/client.sh

load_module || bail "the module does not load"

client_points hammerfd --enable=sysfs --size=1M --rounds=5000
for us in 1 10 100; do
	succeeds "clearing tags takes $us us more" insmod "$T/slow.ko" us=$us
	client_points hammerfd --enable=sysfs --size=1M --rounds=200
	rmmod slow
done

unload_module || not_ok "the module unloads"
done_testing
