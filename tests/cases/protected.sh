#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a module that loads where KVM is in protected mode, which keeps VMs from the host's kernel; a refusal without its
# reason; hooks that stay after a refusal.
# kernels: 6.1
# hooks: once
# cmdline: kvm-arm.mode=protected
# timeout: 600
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

like "$(dmesg)" 'kvm \[1\]: Protected nVHE mode initialized successfully' "KVM is in protected mode"
for hook in ftrace kprobe; do
	loads_not ENODEV '^no guest MTE: KVM is in protected mode' "hook=$hook" "hook=$hook"
done
client_points run --size=2M

done_testing
