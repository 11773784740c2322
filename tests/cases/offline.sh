#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags lost, or guests disturbed, when the host's memory under them is taken offline, or when this is refused.
# hooks: kprobe
# mem: 3G
# cmdline: mem=2G
. /t/lib.sh
. /t/client.sh

BLOCKS=/sys/devices/system/memory
BLOCK=memory3 # the fourth GiB of addresses: memory starts at 1 GiB, and mem=2G hides this part
FIRST=$((0xc0000000 / 4096)) LAST=$((0x100000000 / 4096 - 1))

load_module || bail "the module does not load"
succeeds "a GiB of memory is added" insmod "$T/addmem.ko" start=$((FIRST * 4096))
is "$(try_write "$BLOCKS/$BLOCK/state" online_movable)" ok "it is put online"

for kind in $(if full; then echo anon4k memfd hugetlb2m; fi) thp; do
	hold_start g hold --enable=sysfs --mem="$kind" --size=32M
	hold_is g tagfill tagfill "$kind: a guest sets tags"
	hold_is g "within $FIRST $LAST" "within 8192" "$kind: all of it is in the added memory"
	is "$(try_write "$BLOCKS/$BLOCK/state" offline)" ok "$kind: the added memory is taken offline"
	hold_is g "within $FIRST $LAST" "within 0" "$kind: the guest's memory is elsewhere"
	hold_is g tagverify "tagverify 0" "$kind: with its tags"
	for boot in memory1 memory2; do
		like "$(try_write "$BLOCKS/$boot/state" offline)" '^E(PERM|BUSY)$' "$kind: $boot, there since boot, cannot be taken offline"
	done
	hold_is g tagverify "tagverify 0" "$kind: no tag is lost by the attempt"
	hold_end g
	is "$(try_write "$BLOCKS/$BLOCK/state" online_movable)" ok "$kind: online again"
done

if full; then
	client_points press --enable=sysfs --size=32M --mem=thp --with=offline --block=$BLOCK --proof=pgmigrate_success:1000
fi

is "$(try_write "$BLOCKS/$BLOCK/state" offline)" ok "offline for good"
rmmod addmem
unload_module || not_ok "the module unloads"
done_testing
