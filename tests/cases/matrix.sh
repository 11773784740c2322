#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a kernel on which the module builds with warnings, does not load, chooses the wrong backend, or breaks a promise; a
# repair that is claimed and not made; an experiment that does not show the hole without the module.
# kernels: all
# hooks: once
# timeout: 1800
# quick-kernels: 6.1 7.2
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

# --- what is expected of this kernel ---

BACKEND=native DEVICE=active HUGETLB=not-needed EARLY=anon4k PARTIAL=not-needed COPY=not-needed SWAPOFF=not-needed SLOTS=not-needed
case $KERNEL in
5.10*) BACKEND=inject DEVICE=not-needed HUGETLB=active SWAPOFF=active ;;
6.1) HUGETLB=active EARLY=hugetlb2m SWAPOFF=active ;;
6.12*)
	COPY=active SLOTS=active
	;;
7.2) PARTIAL=active COPY=active ;;
esac
# Transparent huge pages have 2 MiB, or 32 MiB where pages have 16 KiB, or 512 MiB where they have 64 KiB.
TWO_HUGE=$((2 * $(cat /sys/kernel/mm/transparent_hugepage/hpage_pmd_size)))

is_state() { is "$(vm_get "$1" state), $(vm_get "$1" origin)" "$2" "$3: state, origin"; }

# is_mte NAME CPUS POINT - so many CPUs of the guest have MTE.
is_mte() { is "$(guest_run "$1" "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" "$2" "$3"; }

# start NAME [QEMU-ARG...]
start() { succeeds "$1: QEMU starts" qemu_start "$@"; }

# boot NAME
boot() { guest_wait_boot "$1" || bail "guest $1 does not boot"; }

# knob NAME VALUE ANSWER POINT
knob() { is "$(try_write "$(vm_dir "$(qemu_pid "$1")")/enable" "$2")" "$3" "$4"; }

# broken CASE [OPTION...] - the points of a client's case that fail, each once, without addresses.
broken() { "$CLIENT" "$@" 2>&1 </dev/null | sed -nE 's/^not ok - (.*)/\1/p' | sed -E 's/0x[0-9a-f]+/N/g' | sort -u; }

case $ROW in
*-16k) PAGE=16 ;;
*-64k) PAGE=64 ;;
*) PAGE=4 ;;
esac
is "$(uname -r)" "$RELEASE" "the kernel that was asked for"
is "$(page_kib)" "$PAGE" "its page size"
is "$(cat /t/fixtures.log 2>&1)" "" "the tests' own modules are built without warnings"
is "$(cat /t/module.log 2>&1)" "" "the module is built without warnings"

# --- KVM's own guest MTE, without the module ---

if [[ $BACKEND == native ]]; then
	client_points tagfill --enable=cap --size=2M
	# This needs free pages in which an earlier owner has left tags. The kernel may give other pages: try again.
	"$CLIENT" tagfill --enable=cap --mem=thp --size=64M >/dev/null 2>&1 </dev/null
	for ((i = 0; i < 5; i++)); do
		OUT=$(broken huge --enable=cap "--size=$TWO_HUGE")
		! grep -q '^mapped as blocks again: no tags$' <<<"$OUT" || break
	done
	like "$OUT" '^split at N: tags stay$' "without the module: a huge page that is split loses its tags"
	like "$OUT" '^mapped as blocks again: no tags$' "without the module: a block shows tags of others"
fi
if [[ $KERNEL == 6.1 ]]; then
	OUT=$(broken stale --enable=cap --mem=hugetlb2m --size=32M --rounds=1)
	like "$OUT" '^no tag goes from a VM to a VM of the same process$' "without the module: hugetlb pages keep their tags"
fi
if [[ $BACKEND == native ]]; then
	hold_start early hold --enable=cap "--mem=$EARLY" --size=8M
	hold_is early tagfill tagfill
fi

# --- it loads, and finds what is there ---

dmesg_mark
load_module || bail "the module does not load"
is "$(said)" "loaded: backend $BACKEND, $(hooked | wc -l) hooks by $(mechanism), policy request" "one line when loaded"
is "$(cat "$MTE/backend")" "$BACKEND" "backend"
is "$(grep -H . "$MTE"/repairs/* | sed 's|.*/||')" "block_collapse:active
copy_tags_hang:$COPY
device_slots:$DEVICE
hugetlb_partial:$PARTIAL
hugetlb_reuse:$HUGETLB
hugetlb_slots:$SLOTS
remap_race:active
swapoff_unreadable:$SWAPOFF
thp_split:active" "repairs"
if [[ $BACKEND == native ]]; then
	is "$(cd "$(vm_dir "${HOLD_PID[early]}")" && cat state origin | xargs)" "on vmm" "a VM whose VMM asked for MTE before the module was loaded"
	is "$(rmmod_says)" EAGAIN "it pins the module"
	hold_is early unmap unmap
	hold_is early tagverify "tagverify 0" "and keeps its tags"
	hold_end early
fi
is "$(rmmod_says)" ok "without VMs it unloads"

is "$(try_load hook=kprobe)" ok "it loads with kprobes"
for case in $(if full; then echo run idreg; fi) mteregs; do client_points "$case" --enable=sysfs --size=2M; done
client_points huge --enable=sysfs "--size=$TWO_HUGE"
is "$(rmmod_says)" ok "and unloads"
load_module || bail "the module does not load again"

# --- the client: registers, tags, faults; repairs, for VMs whose VMM asked and for others ---

client_points mteregs --enable=none --size=2M
client_points idreg --enable=none --size=2M
# Turned on before the VM has vCPUs, after that, or by its VMM: guest and VMM see the same.
seen() { "$CLIENT" regdump "--enable=$1" --size=2M 2>&1 </dev/null | sort; }
like "$(seen cap)" '^vmm 603000000013c021 ' "the dump of registers has ID_AA64PFR1_EL1"
for enable in sysfs late; do
	is "$(comm -3 <(seen "$enable") <(seen cap) | head -n 20)" "" "all registers and capabilities, --enable=$enable and cap"
done
if full; then
	for enable in sysfs late cap; do
		for case in idreg mteregs reset tagcheck; do client_points "$case" "--enable=$enable" --size=2M; done
	done
	for enable in sysfs cap; do client_points huge "--enable=$enable" "--size=$TWO_HUGE"; done
else
	client_points idreg --enable=late --size=2M
	client_points reset --enable=sysfs --size=2M
	client_points tagcheck --enable=late --size=2M
	client_points mteregs --enable=cap --size=2M
	client_points huge --enable=cap "--size=$TWO_HUGE"
fi
for kind in $(if full; then echo anon4k; fi) thp; do client_points stale --enable=sysfs "--mem=$kind" --size=64M --rounds=1; done
client_points stale --enable=cap --mem=hugetlb2m --size=32M --rounds=1
dmesg_mark
client_points slots --enable=sysfs
if [[ $KERNEL == 6.1 ]]; then
	like "$(dmesg_new)" 'cannot hold tags: shared memory is mapped there' "the log says why shared memory is refused"
fi
[[ $BACKEND == inject ]] || client_points slots --enable=cap
client_points aarch32 --enable=sysfs

# --- policy: off, and on where it has to give way ---

echo off >"$MTE/policy/default"
client_points cap --policy=off
OUT=$(timeout 60 qemu-system-aarch64 -M virt,gic-version=3,accel=kvm,mte=on -cpu host -m 256M -nodefaults -display none 2>&1 </dev/null)
is "$?" 1 "policy off: a QEMU with mte=on ends"
like "$OUT" 'MTE requested, but not supported by KVM' "and says why"
echo on >"$MTE/policy/default"
client_points cap --policy=on
client_points aarch32 --enable=none --expect=off --policy=on
client_points slots --enable=none --expect=off

# --- guests: one that policy turned on, one whose QEMU asks, one that is turned on while QEMU waits, one that is off ---

start policy -smp 2
is_state policy "on, policy" "policy on, QEMU knows nothing of it"
echo request >"$MTE/policy/default"
is "$(rmmod_says)" EAGAIN "a VM with MTE pins the module"
boot policy
is_mte policy 2 "the guest has MTE"
# The quick tier runs all selftests once, in the case selftests.
if full; then
	is "$(guest_run policy /mte-selftests 1000 | tail -n 1)" "mte-selftests: 131 passed, 0 failed, 0 skipped" \
		"all MTE selftests pass in it"
else
	is "$(guest_run policy '/mte-selftests check_tags_inclusion check_prctl' | tail -n 1)" \
		"mte-selftests: 9 passed, 0 failed, 0 skipped" "MTE selftests pass in it"
fi
qemu_stop policy

if full; then
	start vmm -machine mte=on
	is_state vmm "on, vmm" "mte=on"
	boot vmm
	is_mte vmm 1 "mte=on: the guest has MTE"
	knob vmm 0 ok "mte=on: turned off after the first run"
	is_state vmm "turning-off, admin" "it waits for the guest's reboot"
	qemu_stop vmm

	start knob -S -smp 2
	knob knob 1 ok "turned on before the first run, with vCPUs"
	is_state knob "on, admin" "turned on before the first run, with vCPUs"
	qemu_monitor knob cont
	boot knob
	is_mte knob 2 "the guest has MTE"
	is "$(guest_run knob '/mte-selftests check_tags_inclusion check_prctl' | tail -n 1)" "mte-selftests: 9 passed, 0 failed, 0 skipped" "and it works"
	qemu_stop knob
fi

start off -S -smp 2
is_state off "off, none" "request, QEMU does not ask"
knob off 1 ok "turned on before the first run"
knob off 0 ok "and off again"
if full; then
	qemu_monitor off cont
	boot off
	is_mte off 0 "the guest has no MTE"
	knob off 1 ok "turned on after the first run"
	is "$(vm_get off state)" turning-on "it waits for the guest's reboot"
fi
qemu_stop off

is "$(by_module)" "" "no VM is left"
dmesg_mark
is "$(rmmod_says)" ok "it unloads"
is "$(said)" "unloaded: 0 calls missed" "with one line"
not_loaded "unloaded"
done_testing
