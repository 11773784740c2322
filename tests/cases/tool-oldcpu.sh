#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte blaming the kernel or KVM on a host whose CPUs are older than MTE, or not saying what it could not check.
# hooks: none
# machine: mte=off
# qemu: -cpu cortex-a72
. /t/lib.sh

told() { /t/kvm-mte status | sed -n "s/^$1: *//p"; }

NONE='guests cannot have MTE: the CPU has no MTE, or its firmware leaves it off (ID_AA64PFR1_EL1.MTE is 0, not 2 or more)'
is "$(told reason)" "$NONE; or this kernel is built without CONFIG_ARM64_MTE (its configuration cannot be found)" "no MTE, and the kernel's configuration is not found"
mkdir -p /boot
echo "CONFIG_ARM64_MTE=y" >"/boot/config-$(uname -r)"
is "$(told reason)" "$NONE" "no MTE, and a kernel that could use it"
done_testing
