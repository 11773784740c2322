#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a hole in guest MTE that the module claims to close and does not: tags that are lost, or go from one owner of
# memory to the next (docs/holes.md); a wrong word in repairs/; an experiment that does not show the hole without the module.
# kernels: 5.10 6.1 6.12 6.12-16k 7.2
# quick-kernels: 6.1 6.12-16k 7.2
# hooks: once
# smp: 2
# mem: 3G
# timeout: 3000
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh
. /t/squeeze.sh

case $KERNEL in
5.10) WORDS='active not-needed not-needed not-needed active not-needed active active active' ;;
6.1) WORDS='active not-needed active not-needed active not-needed active active active' ;;
6.12*) WORDS='active active active not-needed not-needed active active not-needed active' ;;
7.2) WORDS='active active active active not-needed not-needed active not-needed active' ;;
esac
NAMES='block_collapse copy_tags_hang device_slots hugetlb_partial hugetlb_reuse hugetlb_slots remap_race swapoff_unreadable thp_split'

# Multiples of the host's huge pages, where it matters.
ONE_HUGE=$(cat /sys/kernel/mm/transparent_hugepage/hpage_pmd_size)
TWO_HUGE=$((2 * ONE_HUGE))

# broken CASE [OPTION...] - the points of a client's case that fail, each once.
broken() { "$CLIENT" "$@" 2>&1 </dev/null | sed -nE 's/^not ok - //p' | sort -u; }

# hugetlb_kinds - the kinds of hugetlb memory to look at, with a size for each: KIND:SIZE.
hugetlb_kinds() {
	case $ROW in
	*-64k) echo hugetlb2m:4M; return ;;
	*-16k)
		if full; then echo hugetlb32m:64M; fi
		echo hugetlb2m:4M
		return
		;;
	esac
	# The largest first, while free memory is in one piece.
	if full; then echo hugetlb1g:1G hugetlb32m:32M; fi
	echo hugetlb64k:1M hugetlb2m:4M
}

succeeds "a fixture that holds mmap_lock, or the lock of a file" insmod "$T/mmaplock.ko"

# --- the holes, without the module ---

if [[ $KERNEL != 5.10 ]]; then
	like "$(broken remap --enable=cap "--size=$TWO_HUGE")" 'no tags of others' "without the module: a page that is replaced during a permission fault shows tags"
fi
# Only later kernels check the kind of a mapping. They do not check it in a permission fault.
mkdir /tmp/ramfs
mount -t ramfs ramfs /tmp/ramfs
case $KERNEL in
6.12* | 7.2) like "$(broken remapfile --enable=cap "--size=$TWO_HUGE" --file=/tmp/ramfs/a)" 'during a permission fault: KVM_RUN' \
	"without the module: a guest gets pages of a file" ;;
esac
case $KERNEL in
6.1)
	like "$(broken reuse --enable=cap --mem=hugetlb2m --size=4M)" 'after dirty logging: no tags' "without the module: hugetlb pages show tags"
	succeeds "swap space" swap_zram 64
	like "$(broken unread --enable=cap --size=4M)" 'the guest finds its tags' "without the module: swapoff loses tags"
	;;
7.2)
	is "$(broken reuse --enable=cap --mem=hugetlb2m --size=4M)" "after dirty logging: no tags of the last owner
copy: nor does the guest
copy: the VMM reads no tags of the last owner
not aligned alike: no tags of the last owner
under dirty logging: no tags of the last owner" "without the module: hugetlb pages show tags"
	like "$(broken reuse --enable=cap --mem=hugetlb64k --size=1M)" 'plain: no tags' "without the module: hugetlb pages that are not mapped by blocks"
	;;
esac
case $KERNEL in
6.12* | 7.2)
	if full; then
		like "$(broken copyhang --enable=cap "--size=$ONE_HUGE")" 'goes on' "without the module: a vCPU waits for the copy's buffer"
	fi
	;;
esac

# A page without a mapping may be that to which another page is being copied, with its tags.
if [[ $KERNEL == 5.10 || $KERNEL == 6.1 ]]; then
	dmesg_mark
	hold_start filled filled "--enable=$([[ $KERNEL == 5.10 ]] && echo none || echo cap)" --mem=hugetlb2m --size=2M
	is "$HOLD_SAID" waits "a page with old tags is being filled"
	is "$(try_load)" EBUSY "the module does not load meanwhile"
	like "$(said)" 'a page is being copied' "the log says why"
	kill "${HOLD_PID[filled]}"
	wait "${HOLD_PID[filled]}"
fi

# --- with the module ---

load_module || bail "the module does not load"
# shellcheck disable=SC2086 # words
is "$(cd "$MTE/repairs" && cat $NAMES | xargs)" "$WORDS" "repairs: $NAMES"

ENABLE=cap
for kind in $(hugetlb_kinds); do
	client_points reuse "--enable=$ENABLE" "--mem=${kind%:*}" "--size=${kind#*:}"
	if full; then client_points reuse --enable=sysfs "--mem=${kind%:*}" "--size=${kind#*:}"; fi
done
client_points remap "--enable=$ENABLE" "--size=$TWO_HUGE"
case $KERNEL in
6.12* | 7.2) client_points remapfile "--enable=$ENABLE" "--size=$TWO_HUGE" --file=/tmp/ramfs/b ;;
esac
client_points copyhang "--enable=$ENABLE" "--size=$ONE_HUGE"
client_points copyhang "--enable=$ENABLE" --mem=hugetlb2m --size=2M
[[ -e /sys/block/zram0 ]] || succeeds "swap space" swap_zram 64
grep -q zram0 /proc/swaps || succeeds "swap space again" swapon /dev/zram0
client_points unread "--enable=$ENABLE" --size=4M

# A VM that the module cannot register gets MTE from KVM, too.
if [[ $KERNEL == 7.2 ]]; then
	insmod "$T/fails.ko" function=kobject_add times=1000000 || bail "nothing can be made to fail"
	client_points reuse --enable=cap --mem=hugetlb64k --size=1M
	client_points reuse --enable=cap --mem=hugetlb2m --size=4M
	like "$(cat /sys/module/fails/parameters/failed)" '^[1-9]' "none of these VMs was registered"
	rmmod fails
fi

# Memory that outlives its VM and the module. 6.1's own guests leave tags in hugetlb pages, too.
if [[ $KERNEL != 6.1 ]]; then
	hold_start kept hold "--enable=$ENABLE" --mem=hugetlb2m --size=4M
	hold_is kept tagfill tagfill
	hold_is kept close close
fi
unload_module || not_ok "the module unloads"
if [[ $KERNEL != 6.1 ]]; then
	hold_end kept
	client_points left --mem=hugetlb2m --size=4M
fi

# The same, while the lock of the memory's file is held: the tags stay. The next load drops them.
if [[ $KERNEL == 5.10 || $KERNEL == 6.12* ]]; then
	load_module || bail "the module does not load again"
	hold_start kept hold "--enable=$ENABLE" --mem=hugetlb2m-memfd --size=4M
	hold_is kept tagfill tagfill
	hold_is kept close close
	for map in "/proc/${HOLD_PID[kept]}/map_files"/*; do
		[[ $(readlink "$map") != *memfd* ]] || exec {file}<"$map"
	done
	dmesg_mark
	succeeds "the lock is held" eval "echo $file >/sys/module/mmaplock/parameters/file"
	is "$(rmmod_says)" ok "the module unloads meanwhile"
	is "$(said | grep -c 'hugetlb pages may have old tags: a file on hugetlbfs is in use')" 1 "the log says once that tags may stay"
	succeeds "the lock is free" eval "echo -1 >/sys/module/mmaplock/parameters/file"
	exec {file}<&-
	hold_end kept
	like "$(broken left --mem=hugetlb2m --size=4M)" 'finds no tags in the pool' "some tags have stayed"
	load_module || bail "the module does not load once more"
	unload_module || not_ok "and does not unload"
	client_points left --mem=hugetlb2m --size=4M
fi
done_testing
