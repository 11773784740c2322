#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a module that loads where the kernel does not run at EL2: KVM is not what the module's hooks expect there.
# hooks: once
# machine: mte=on,virtualization=off
# cmdline: arm64.nomte
# 5.10 does not know arm64.nomte. The case tool-novhe needs it on the command line, and shares the boot.
. /t/lib.sh
. /t/hooks.sh

like "$(grep -m1 Features /proc/cpuinfo)" '\bmte\b' "the host's CPUs have MTE"
for hook in ftrace kprobe; do
	loads_not ENODEV '^no guest MTE: KVM is not in VHE mode' "hook=$hook" "hook=$hook"
done

done_testing
