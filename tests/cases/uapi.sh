#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VMM that asks for MTE itself and is not served as by mainline; tags and registers that do not survive save and
# restore; damage by random calls; leaks and stale directories after many short-lived VMs; a VMM that will lose the guest's
# tags, without a warning.
# timeout: 1800
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

# STARTS starts of a VMM in a row; EACH starts by each of eight processes and of eight threads. Each start creates four VMs.
if full; then STARTS=1000 EACH=25; else STARTS=120 EACH=5; fi
ALL=$((STARTS + 16 * EACH))

references() { awk '$1 == "kvm_mte" { print $3 }' /proc/modules; }

no_vms() { [[ -z $(by_module) ]]; }

# quiet NAME - nothing is left of earlier VMs.
quiet() {
	wait_until 60 no_vms
	is "$(by_module)" "" "$1: no directory is left"
	is "$(references)" 0 "$1: nobody uses the module"
}

# objects - "CACHE NUMBER" for each slab cache and for vmalloc areas, without what is only cached or not yet purged.
objects() {
	local cache
	# Uevents that the listener has not read yet take memory, too.
	hold_tell events count
	echo 3 >/proc/sys/vm/drop_caches
	for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache"; done 2>/dev/null
	{
		awk 'NR > 2 && $1 != "vmap_area" { print $1, $2 }' /proc/slabinfo
		echo "vmalloc $(grep -vc unpurged /proc/vmallocinfo)"
	} | sort
}

# grown MARGIN - caches that have grown by more than MARGIN objects since /tmp/objects.
grown() { objects | join /tmp/objects - | awk -v margin="$1" '$3 > $2 + margin { print $1 ": " $2 " -> " $3 }'; }

not_grown() { GROWN=$(grown "$1"); [[ -z $GROWN ]]; }

hold_start events uevents
load_module || bail "the module does not load"

# --- the capability and the ioctl ---

for word in request on off; do
	echo "$word" >"$MTE/policy/default"
	client_points cap --policy="$word"
	client_points copytags --policy="$word"
done
echo request >"$MTE/policy/default"
client_points caprace --rounds="$(if full; then echo 200; else echo 60; fi)"
! full || client_points caprace --threads=1 --seed=5
quiet "the capability"

dmesg_mark
client_points cap
like "$(said)" 'not turned on: memory slot 1 \(IPA 80000000, 512 pages\) cannot hold tags' "a slot in the way: the log has the reason"

if full; then
	for kind in anon4k thp memfd anon-shared hugetlb2m; do
		client_points copytags --enable=cap --mem="$kind"
	done
	client_points copytags --enable=sysfs
else
	client_points copytags --enable=cap --size=8M --mem=hugetlb2m
	client_points copytags --enable=sysfs --size=4M --mem=memfd
fi
modprobe zram || bail "no zram"
echo 256M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
swapon /dev/zram0
for kind in $(if full; then echo anon4k thp memfd hugetlb2m-shared; else echo thp memfd; fi); do
	client_points copyslots --enable=cap --mem="$kind"
done
client_points swap --enable=cap --size=8M

# --- the capability gives the same as the knob ---

# The quick tier leaves out what does not depend on who turns MTE on: see the case client.
for case in $(if full; then echo run idreg mteregs reset tagfill tagcheck visible dcgsw tco switch slots slip aarch32
	else echo idreg mteregs reset slots aarch32; fi); do
	client_points "$case" --enable=cap
done
client_points stale --enable=cap --size=8M --rounds=1

# --- saved and restored ---

for kind in $(if full; then echo anon4k thp memfd; else echo thp; fi); do
	client_points save --enable=cap --size=8M --seed=11 --mem="$kind"
	client_points restore --enable=cap
	! full || client_points restore --enable=cap --mem=thp
	client_points restore --enable=sysfs --mem=memfd
done
client_points restore --enable=none
rm -f /tmp/saved
quiet "saved and restored"

# --- random calls ---

# The two hook mechanisms have different seeds.
SEEDS=1
if full; then SEEDS="1 2"; fi
[[ $HOOK != kprobe ]] || SEEDS=3
for seed in $SEEDS; do
	client_points fuzz --enable=cap --seed="$seed" --rounds="$(if full; then echo 3000; else echo 1000; fi)"
done
quiet "random calls"

# --- short-lived VMs ---

client_points starts --enable=cap --threads=1 --rounds=50
quiet "some starts"
objects >/tmp/objects
like "$(cat /tmp/objects)" '^kmalloc-[^ ]+ [1-9]' "slab caches are counted"
BEFORE=$HOLD_SAID
client_points starts --enable=cap --threads=1 --rounds="$STARTS"
quiet "$STARTS starts in a row"
for ((i = 1; i <= 8; i++)); do
	"$CLIENT" starts --enable=cap --threads=1 --rounds="$EACH" >"/tmp/start.$i" 2>&1 &
	pids+=("$!")
done
wait "${pids[@]}"
is "$(cat /tmp/start.? | grep -c '^ok')" 16 "8 processes at once: all starts succeed"
is "$(cat /tmp/start.? | grep -v '^ok')" "" "8 processes at once: there are no other messages"
client_points starts --enable=cap --threads=8 --rounds="$EACH"
quiet "8 at once"

# A leak of one object for each VM makes 800 objects in the quick tier. A leak of one object for each start makes 1,400 in the
# full tier. Caches that grow and shrink by themselves (dentries, console buffers, per-CPU caches) stay below 450.
wait_until 60 not_grown 450
is "$GROWN" "" "no slab cache has grown by as much as an object for each $(if full; then echo start; else echo VM; fi)"

# Each start creates three VMs only to ask, and a real one. Each VM is created, turned on, and destroyed.
hold_tell events count
read -r _ a0 _ c0 _ r0 _ b0 <<<"$BEFORE"
read -r _ a1 _ c1 _ r1 _ b1 <<<"$HOLD_SAID"
is "$((a1 - a0)) $((c1 - c0)) $((r1 - r0))" "$((4 * ALL)) $((4 * ALL)) $((4 * ALL))" "uevents: a VM each is added, changed and removed"
is "$((b1 - b0)) $b1" "0 0" "each with PID, FD and STATE"
is "$a1" "$r1" "as many were removed as added, in all"

# --- VMMs that do not carry tags ---

dmesg_mark
hold_tell events untracked
BEFORE=$HOLD_SAID
client_points dirtylog
like "$(said)" '^[0-9]+-[0-9]+: untracked' "dirty logging by a VMM that knows no tags: the log says so"
hold_tell events untracked
is "${HOLD_SAID#"$BEFORE"}" " 1 2 3 1 2 1 1" "a uevent says so, with the count"
echo on >"$MTE/policy/default"
client_points dirtylog --policy=on
echo request >"$MTE/policy/default"
dmesg_mark
hold_tell events untracked
BEFORE=$HOLD_SAID
client_points dirtylog --rounds=300
SAID=$(said | grep -c '^[0-9]*-[0-9]*: untracked')
if ((SAID > 0 && SAID < 150)); then ok "messages are rate-limited"; else not_ok "messages are rate-limited" "$SAID of 300"; fi
hold_tell events untracked
like "${HOLD_SAID#"$BEFORE"}" '^ 1 2 3 4 5 6 7 8 9 10( |$)' "uevents have the count"
UEVENTS=$(wc -w <<<"${HOLD_SAID#"$BEFORE"}")
if ((UEVENTS < 150)); then ok "uevents are rate-limited"; else not_ok "uevents are rate-limited" "$UEVENTS of 300"; fi

hold_end events
is "$(try_unload)" ok "it unloads"
done_testing
