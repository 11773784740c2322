#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags or data lost, or stray tag check faults, in a guest whose memory the host swaps: to zram, to a disk with
# read-ahead, and back in by swapoff; with huge pages and without.
# hooks: kprobe
# timeout: 1500
. /t/lib.sh
. /t/client.sh
. /t/squeeze.sh

press() { squeezed "$1" press --enable=sysfs "${@:2}"; }

HUGE_KIB=$(($(cat "$THP/hpage_pmd_size") / 1024))
load_module || bail "the module does not load"

if full; then
	succeeds "swap space on zram" swap_zram 256
	press 14M --mem=anon4k --size=24M "--proof=pswpin:$(pages 6000)"
	press 14M --mem=memfd --size=24M "--proof=pswpin:$(pages 6000)"
	if ((HUGE_KIB <= 2048)); then
		echo always >"$THP/shmem_enabled"
		press 16M --mem=memfd --size=32M --proof=pswpin:4000,thp_file_alloc:8,thp_split_page:8
		echo never >"$THP/shmem_enabled"
	fi
	swapoff /dev/zram0
fi

succeeds "swap space on a disk" swap_disk 512
eager_khugepaged
if ((HUGE_KIB > 2048)); then
	diag "a huge page is larger than what the host can swap here"
	press 16M --mem=anon4k --size=32M --with=swapoff "--proof=pswpin:$(pages 4000),swap_ra:$(pages 1000)"
elif full; then
	press 16M --mem=thp --size=32M --with=swapoff --proof=pswpin:4000,swap_ra:1000,thp_split_page:8,thp_collapse_alloc:1
else
	press 10M --mem=thp --size=16M --rounds=2 --with=swapoff --proof=pswpin:1000,swap_ra:200,thp_split_page:2
fi

unload_module || not_ok "the module unloads"
done_testing
