#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte giving a wrong reason, or none, on a host whose CPUs have no MTE; commands that seem to work there.
# hooks: once
# machine: mte=off
# alone: yes
. /t/lib.sh

REASON='guests cannot have MTE: the CPU has only the instructions of MTE and no tags in memory, or its firmware leaves them off (ID_AA64PFR1_EL1.MTE is 1, not 2 or more)'
told() { sed -n "s/^$1: *//p" <<<"$OUT"; }

OUT=$(/t/kvm-mte status 2>&1)
is "$?" 3 "status: its exit status"
is "$(told CPU)" "no MTE" "status: the CPU"
is "$(told reason)" "$REASON" "status: the reason"
is "$(told log)" "" "status: the log has nothing yet"

OUT=$(/t/kvm-mte check)
is "$?" 3 "check: its exit status"
is "$(grep -c '^no  *CPU: it has only the instructions of MTE (ID_AA64PFR1_EL1.MTE is 1, not 2 or more)$' <<<"$OUT"),$(grep -c '^no  *firmware: there is no memory for tags' <<<"$OUT")" 1,1 "check: the CPU and the firmware"

load_module 2>/dev/null
OUT=$(/t/kvm-mte status 2>&1)
like "$(told log)" '^kvm_mte: no guest MTE: the CPU has no MTE \(' "status, after the module has refused to load: its message"
sysctl -qw kernel.dmesg_restrict=1
OUT=$(setpriv --reuid 65534 --regid 65534 --clear-groups /t/kvm-mte status 2>&1)
is "$?,$(told log),$(told CPU)" "3,,no MTE" "status, for a user who may not read the log"

for command in list 'list --json' events drain 'enable 1' 'disable 1' policy 'policy on'; do
	# shellcheck disable=SC2086 # several words
	OUT=$(/t/kvm-mte $command 2>&1)
	is "$?: $OUT" "4: kvm-mte: the module kvm_mte is not loaded; \"kvm-mte status\" tells whether it can be loaded here" "$command"
done
OUT=$(/t/kvm-mte run -- true 2>&1)
is "$?: $OUT" "125: kvm-mte: the module kvm_mte is not loaded" "run"

# The kernel's configuration, where Debian has it.
mkdir -p /boot
echo "# CONFIG_ARM64_MTE is not set" >"/boot/config-$(uname -r)"
like "$(/t/kvm-mte status)" "reason: .*: this kernel is built without CONFIG_ARM64_MTE \(/boot/config-$(uname -r)\)\$" "without CONFIG_ARM64_MTE"
echo "CONFIG_ARM64_MTE=y" >"/boot/config-$(uname -r)"
OUT=$(/t/kvm-mte status)
is "$(told reason)" "$REASON" "with CONFIG_ARM64_MTE"
done_testing
