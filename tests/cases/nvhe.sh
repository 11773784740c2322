#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: hooks, or a switch of a VM's guest MTE, that work only if the host's kernel runs at EL2 itself (VHE).
# kernels: 6.1
# hooks: once
# cmdline: kvm-arm.mode=nvhe
# timeout: 600
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

like "$(dmesg)" 'kvm \[1\]: Hyp mode initialized successfully' "KVM runs without VHE"
is "$(try_load)" ok "it loads"
is "$(cat "$MTE/backend")" native "backend"
for enable in none sysfs cap; do
	for case in run idreg mteregs; do client_points "$case" "--enable=$enable" --size=2M; done
done
client_points reset --enable=sysfs --size=2M
client_points tagcheck --enable=sysfs --size=2M
client_points huge --enable=sysfs --size=4M
client_points stale --enable=sysfs --mem=hugetlb2m --size=16M --rounds=1
echo on >"$MTE/policy/default"
client_points idreg --enable=none --policy=on --size=2M
is "$(try_unload)" ok "it unloads"
not_loaded "unloaded"

done_testing
