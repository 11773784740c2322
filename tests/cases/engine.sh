#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a wrapper that calls itself when a kretprobe watches the hooked function.
# kernels: 5.10 6.12
# quick: kprobe
# quick-kernels: 5.10
# timeout: 300
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

returns() { errno_of '-e finit_module,init_module' insmod "$T/returns.ko" "function=$1"; }
returned() { cat /sys/module/returns/parameters/calls; }

load_module policy=on || bail "the module does not load"
hold_start vm hold
is "$(cat "$(vm_dir "${HOLD_PID[vm]}")/state")" on "policy on: a VM has MTE"

# --- a kretprobe that is set later puts its own address into the link register ---

for f in kvm_dev_ioctl kvm_vm_ioctl_check_extension kvm_arch_vcpu_ioctl kvm_arch_vcpu_ioctl_run; do
	is "$(returns $f)" ok "a kretprobe is set on $f"
	is "$("$CLIENT" ask 2>&1 </dev/null | head -n 1)" "main: dev 1 vm 1 born 1 enable 0" "$f: VMMs are told of MTE"
	hold_is vm init init "$f: the vCPU is initialised again"
	hold_is vm run "run 1000" "$f: the VM runs"
	like "$(returned)" '^[1-9]' "$f: the kretprobe has seen it return"
	succeeds "$f: the kretprobe is removed" rmmod returns
done
hold_end vm
is "$(try_unload)" ok "it unloads"

done_testing
