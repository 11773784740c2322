#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: guest MTE that fails Linux's own MTE selftests, with two vCPUs, and in two guests at once: one QEMU asks for MTE
# (mte=on), the other knows nothing of it; guests that disturb each other's MTE, or that of a process of the host.
# timeout: 1200
# quick: ftrace
. /t/lib.sh
. /t/client.sh

TOTALS='check_buffer_fill 20
check_child_memory 12
check_ksm_options 4
check_mmap_options 22
check_prctl 5
check_tags_inclusion 4
check_user_mem 64'
GUESTS_UP=(asked knob)

# passed NAME OUTPUT STATUS - judges what /mte-selftests has printed.
passed() {
	is "$3" 0 "guest $1: the selftests succeed"
	is "$(sed -nE 's/^(check_[a-z_]+): pass:([0-9]+) fail:0 xfail:0 xpass:0 skip:0 error:0 .*/\1 \2/p' <<<"$2")" "$TOTALS" \
		"guest $1: passes of each of the seven programs, and nothing else"
	is "$(tail -n 1 <<<"$2")" "mte-selftests: 131 passed, 0 failed, 0 skipped" "guest $1: 131 in all"
}

load_module || bail "the module does not load"

# --- two guests with two vCPUs each, and a process of the host, on all CPUs ---

# It takes half of each CPU. The quick tier starts it when the guests are up.
host_mte() {
	hold_start host hostmte
	is "$HOLD_SAID" ready "a process of the host uses MTE"
}
! full || host_mte
succeeds "guest asked: QEMU starts with mte=on" qemu_start asked -smp 2 -machine mte=on
is "$(vm_get asked state) $(vm_get asked origin)" "on vmm" "guest asked: on, as its VMM wished"
succeeds "guest knob: QEMU starts without" qemu_start knob -smp "$(if full; then echo 2; else echo 1; fi)" -S
vm_set knob enable 1
is "$(vm_get knob state) $(vm_get knob origin)" "on admin" "guest knob: on before its first run"
qemu_monitor knob cont
for g in "${GUESTS_UP[@]}"; do
	guest_wait_boot "$g" || bail "no guest"
	like "$(guest_run "$g" 'grep -m1 Features /proc/cpuinfo')" '\bmte\b' "guest $g has MTE"
done
# In the quick tier both guests run a few selftests beside the process of the host. Then "asked" runs all of them, alone.
if ! full; then
	host_mte
	for g in "${GUESTS_UP[@]}"; do
		guest_run "$g" '/mte-selftests check_tags_inclusion check_prctl' 1000 >"/tmp/$g" &
		pids+=("$!")
	done
	wait "${pids[@]}"
	for g in "${GUESTS_UP[@]}"; do
		is "$(tail -n 1 "/tmp/$g")" "mte-selftests: 9 passed, 0 failed, 0 skipped" "guest $g: some selftests, while the other guest and the host use MTE"
	done
	hold_end host
	qemu_stop knob
	GUESTS_UP=(asked)
	pids=()
fi

# check_gcr_el1_cswitch is not among the seven programs. It reports by its exit status only.
for g in "${GUESTS_UP[@]}"; do
	{
		guest_run "$g" '/mte-selftests' 1000 >"/tmp/$g"
		echo $? >"/tmp/$g.status"
		if full; then
			guest_run "$g" '/mte/check_gcr_el1_cswitch >/dev/null 2>&1' 300
			echo $? >"/tmp/$g.gcr"
		fi
	} &
	pids+=("$!")
done
wait "${pids[@]}"
for g in "${GUESTS_UP[@]}"; do
	passed "$g" "$(cat "/tmp/$g")" "$(cat "/tmp/$g.status")"
	! full || is "$(cat "/tmp/$g.gcr")" 0 "guest $g: check_gcr_el1_cswitch"
done
! full || hold_end host
for g in "${GUESTS_UP[@]}"; do qemu_stop "$g"; done

is "$(ls "$MTE/vms")" "" "no VM is left"
unload_module || not_ok "the module unloads"
done_testing
