#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags lost, or tags of another owner shown, when the kernel rearranges guest memory: huge pages that are split,
# built or mapped as blocks again, and swap.
# timeout: 1200
. /t/lib.sh
. /t/client.sh

load_module || bail "the module does not load"

client_points huge --enable=sysfs --size="$(if full; then echo 16M; else echo 8M; fi)"

modprobe zram || bail "no zram"
echo 256M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
for kind in $(if full; then echo anon4k thp memfd anon-shared; else echo thp memfd; fi); do
	succeeds "swap space" swapon /dev/zram0
	client_points swap --enable=sysfs --mem="$kind" --size="$(if full; then echo 16M; else echo 8M; fi)"
done
succeeds "swap space" swapon /dev/zram0
client_points swapcache --enable=sysfs --mem=anon4k --size=1M
client_points cowswap --enable=sysfs --mem=anon4k --size=8M

unload_module || not_ok "the module unloads"
done_testing
