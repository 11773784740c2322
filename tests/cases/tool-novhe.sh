#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte blaming the CPU where there is no KVM, or guessing why there is none without having seen it.
# hooks: none
# machine: mte=on,virtualization=off
# cmdline: arm64.nomte
. /t/lib.sh

told() { sed -n "s/^$1: *//p" <<<"$OUT"; }

OUT=$(/t/kvm-mte status)
is "$?" 3 "its exit status"
is "$(told CPU), $(told KVM)" "MTE, none" "what the host has: 5.10 does not know arm64.nomte, which so is no reason"
is "$(told reason)" "guests cannot have MTE: no /dev/kvm: the kernel was not started at EL2 (by its firmware, or it is a guest itself)" \
	"the reason"
sysctl -qw kernel.dmesg_restrict=1
OUT=$(setpriv --reuid 65534 --regid 65534 --clear-groups /t/kvm-mte status)
is "$(told reason)" "guests cannot have MTE: no /dev/kvm: KVM is not available; why, only the kernel log tells, which root can read" \
	"the reason, for one who may not read the log"
done_testing
