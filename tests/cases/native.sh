#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: on KVM's own guest MTE: bits in HCR_EL2 that a failed first run has left; a vCPU created in the middle of a change;
# ioctls of the VMM that fail because of a change; memslots that fail because of the policy; registers, traps and stage 2 that
# are wrong after a VM that has run changes at its guest's reboot.
# kernels: 6.1 6.12 7.2
# quick-kernels: 6.1 7.2
# hooks: once
. /t/lib.sh
. /t/client.sh

load_module || bail "the module does not load"

client_points life --size=64M
for case in undo saved; do client_points "$case" --size=4M; done
client_points initrace --size=1M
client_points closing --size=1M
client_points firstrun --size=4M
client_points vgicbusy --size=1M
client_points newvcpu --size=1M
if full; then client_points newvcpu --size=1M --rounds=1000; fi
echo on >"$MTE/policy/default"
client_points firstrun --size=4M --policy=on
echo request >"$MTE/policy/default"

unload_module || not_ok "the module unloads"
done_testing
