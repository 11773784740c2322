#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte blaming the CPU on a host without KVM, or guessing a reason for which it has no evidence.
# hooks: none
# machine: mte=on,virtualization=off
# cmdline: arm64.nomte
. /t/lib.sh

told() { sed -n "s/^$1: *//p" <<<"$OUT"; }

OUT=$(/t/kvm-mte status)
is "$?" 3 "its exit status"
is "$(told CPU), $(told KVM)" "MTE, none" "what the host has: 5.10 ignores arm64.nomte, so this is not the reason"
is "$(told reason)" "guests cannot have MTE: no /dev/kvm: the kernel was not started at EL2 (by its firmware, or it is a guest itself)" \
	"the reason"
sysctl -qw kernel.dmesg_restrict=1
OUT=$(setpriv --reuid 65534 --regid 65534 --clear-groups /t/kvm-mte status)
is "$(told reason)" "guests cannot have MTE: no /dev/kvm: KVM is not available; the kernel log has the reason, and only root can read it" \
	"the reason, for a user who may not read the log"
done_testing
