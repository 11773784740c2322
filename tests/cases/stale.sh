#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a guest or a process that reads tags that an earlier owner of the page has left, also after the kernel has split
# or built huge pages.
# mem: 3G
# cmdline: hugepagesz=1G hugepages=1
# timeout: 1200
. /t/lib.sh
. /t/client.sh

load_module || bail "the module does not load"

if full; then
	for kind in anon4k thp hugetlb2m; do client_points stale --enable=sysfs --mem="$kind" --size=32M --rounds=2; done
else
	client_points stale --enable=sysfs --mem=anon4k --size=8M --rounds=1
	client_points stale --enable=sysfs --mem=thp --size=16M --rounds=1
	client_points stale --enable=sysfs --mem=hugetlb2m --size=16M --rounds=1
fi
client_points stale --enable=sysfs --mem=hugetlb2m-shared --size=32M --rounds=1
client_points stale --enable=sysfs --mem=hugetlb2m-memfd --size=32M --rounds=1
client_points stale --enable=sysfs --mem=hugetlb1g --size=1G --span=32M --rounds=1
client_points tagfill --enable=sysfs --mem=hugetlb1g --size=1G --span=32M
for kind in memfd $(if full; then echo memfd-private anon-shared; fi); do
	client_points stale --enable=sysfs --mem="$kind" --size=8M --rounds=1
done

unload_module || not_ok "the module unloads"
done_testing
