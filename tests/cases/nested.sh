#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VM with vCPUs for nested virtualization that gets MTE, or that the policy breaks.
# kernels: 7.2
# hooks: once
# cmdline: kvm-arm.mode=nested
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

load_module || bail "the module does not load"
client_points nested --size=1M
like "$(said)" '^[0-9]+-[0-9]+: not turned on: a vCPU is for nested virtualization' "the log has the reason"
like "$(said)" '^[0-9]+-[0-9]+: vCPU refused: it is for nested virtualization' "the same for a vCPU that is created later"
echo on >"$MTE/policy/default"
dmesg_mark
client_points nested --size=1M --policy=on
like "$(said)" '^[0-9]+-[0-9]+: policy asked for MTE, but a vCPU is for nested virtualization: off' "policy gives way, and the log says why"
unload_module || not_ok "the module unloads"
done_testing
