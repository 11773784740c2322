#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a running VM that does not get or lose MTE at its guest's reboot under a QEMU that knows nothing of MTE, on KVM's
# own guest MTE: QEMU that fails because it writes back registers from before, a guest that sees MTE on some CPUs only, tags
# that do not work. (For 5.10: knob.)
# kernels: 6.1 6.12 7.2
# quick-kernels: 7.2
# hooks: each
# timeout: 1800
. /t/lib.sh
. /t/hooks.sh

is_state() { is "$(vm_get g state), $(vm_get g enable), $(vm_get g origin)" "$1" "$2: state, enable, origin"; }

# cpus N POINT - how many CPUs of the guest have MTE
cpus() { is "$(guest_run g "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" "$1" "$2"; }

reset() {
	qemu_monitor g system_reset
	guest_wait_boot g || bail "the guest does not boot after a reset"
}

works() { is "$(guest_run g '/mte-selftests check_tags_inclusion check_prctl' | tail -n 1)" "mte-selftests: 9 passed, 0 failed, 0 skipped" "$1"; }

load_module || bail "the module does not load"
qemu_start g -smp 2 || bail "QEMU does not start"
guest_wait_boot g || bail "no guest"
cpus 0 "the guest has no MTE"
vm_set g enable 1
is_state "turning-on, 1, admin" "1 while the guest runs"
is "$(rmmod_says)" EAGAIN "the VM pins the module"
cpus 0 "the guest has no MTE yet"
reset
is_state "on, 1, admin" "after the reset"
cpus 2 "both CPUs have MTE"
works "and it works"
guest_run g 'reboot -f' 5 >/dev/null 2>&1
guest_wait_boot g || bail "the guest does not boot"
is_state "on, 1, admin" "after the guest's own reboot"
cpus 2 "both CPUs have MTE still"
vm_set g enable 0
is_state "turning-off, 0, admin" "0 while the guest runs"
cpus 2 "the guest has MTE until it reboots"
guest_run g 'reboot -f' 5 >/dev/null 2>&1
guest_wait_boot g || bail "the guest does not boot"
is_state "off, 0, admin" "after the guest's own reboot"
cpus 0 "the guest has no MTE"
is "$(rmmod_says)" ok "it unloads while the guest runs"
is "$(guest_run g 'echo alive')" alive "the guest is alive"
reset
is "$(guest_run g 'echo alive')" alive "also after a reset"
load_module || bail "the module does not load"
vm_set g enable 1
reset
is_state "on, 1, admin" "loaded again: on after the reset"
works "it works again"
if full; then
	is "$(guest_run g /mte-selftests 900 | tail -n 1)" "mte-selftests: 131 passed, 0 failed, 0 skipped" "all of the guest's MTE selftests pass"
fi
qemu_stop g
is "$(rmmod_says)" ok "it unloads"
done_testing
