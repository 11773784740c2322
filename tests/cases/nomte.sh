#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a module that loads on a machine without MTE; a refusal without its reason; hooks that stay after a refusal.
# hooks: once
# machine: mte=off
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

unlike "$(grep -m1 Features /proc/cpuinfo)" '\bmte\b' "the host's CPUs have no MTE"
for hook in ftrace kprobe; do
	loads_not ENODEV '^no guest MTE: the CPU has no MTE \(ID_AA64PFR1_EL1\.MTE is [01], not 2 or more\)$' "hook=$hook" "hook=$hook"
done
client_points run

done_testing
