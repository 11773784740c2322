#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags that go with a page from one live guest to another; tags lost, or not the guest's own, in pages that are
# copied on write, merged by KSM, placed by userfaultfd, or zero.
# hooks: kprobe
# timeout: 1200
. /t/lib.sh
. /t/client.sh

load_module || bail "the module does not load"

for kind in anon4k $(if full; then echo thp memfd anon-shared; fi) hugetlb2m-memfd; do
	client_points give --enable=sysfs --mem="$kind" --size=16M
done
for kind in $(if full; then echo anon4k; fi) thp; do
	client_points cow --enable=sysfs --mem="$kind" --size=8M
done
client_points cow --enable=sysfs --mem=hugetlb2m --size=8M
for kind in $(if full; then echo anon4k hugetlb2m; fi) thp; do
	client_points late --mem="$kind" --size=16M
done
for kind in anon4k memfd; do
	client_points uffd --enable=sysfs --mem="$kind" --size=8M
done
client_points ksm --enable=sysfs --size=8M

is "$(ls "$MTE/vms")" "" "no VM is left"
unload_module || not_ok "the module unloads"
done_testing
