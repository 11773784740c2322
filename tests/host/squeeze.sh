# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What puts a guest's memory under pressure: swap space, memory limits, and an eager khugepaged.

THP=/sys/kernel/mm/transparent_hugepage
ZSWAP=/sys/module/zswap/parameters
CG=/sys/fs/cgroup

# swap_zram MIB / swap_disk MIB - swap space; "swapon /dev/zram0" (/dev/nullb0) brings it back after a swapoff. The disk
# is one that the kernel reads ahead from and waits for.
swap_zram() {
	modprobe zram && echo "$1M" >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0
}

swap_disk() {
	local d=/sys/kernel/config/nullb/nullb0
	modprobe null_blk nr_devices=0
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
	mkdir "$d" && echo "$1" >"$d/size" && echo 4096 >"$d/blocksize" && echo 1 >"$d/memory_backed" &&
		echo 1 >"$d/power" && mkswap /dev/nullb0 >/dev/null && swapon /dev/nullb0
}

# zswap POOL PERCENT - zswap in front of the swap disk. With a small PERCENT of memory it must write pages back.
zswap() {
	[[ $1 != z3fold ]] || modprobe z3fold
	echo "$1" >"$ZSWAP/zpool" && echo "$2" >"$ZSWAP/max_pool_percent" && echo Y >"$ZSWAP/enabled"
}

zswap_off() { echo N >"$ZSWAP/enabled"; }

# eager_khugepaged - builds huge pages at once.
eager_khugepaged() {
	echo 10 >"$THP/khugepaged/scan_sleep_millisecs"
	echo 10 >"$THP/khugepaged/alloc_sleep_millisecs"
	echo 4096 >"$THP/khugepaged/pages_to_scan"
}

# squeezed LIMIT CASE [OPTION...] - runs a case of the client in a cgroup with this memory.high.
squeezed() {
	local limit=$1
	shift
	grep -qw memory "$CG/cgroup.subtree_control" || echo +memory >"$CG/cgroup.subtree_control"
	mkdir -p "$CG/squeezed"
	echo "$limit" >"$CG/squeezed/memory.high"
	echo $$ >"$CG/squeezed/cgroup.procs"
	client_points "$@"
	echo $$ >"$CG/cgroup.procs"
}
