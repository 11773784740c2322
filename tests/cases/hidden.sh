#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VMM that cannot write back the ID_AA64PFR1_EL1 that it has read, if KVM hides more of the register than stock
# 5.10 does (a fixture makes KVM do so). QEMU then ends with "Failed to put registers after init".
# hooks: once
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

load_module || bail "the module does not load"
client_points idreg --enable=sysfs --size=2M

# The compiler may have made a clone of it: read_id_reg.isra.0.
function=$(sed -nE 's/.* t (read_id_reg[.a-z0-9]*)$/\1/p' /proc/kallsyms)
succeeds "KVM hides SSBS" insmod "$T/hide.ko" "function=$function"
client_points idreg --enable=sysfs --size=2M
like "$(cat /sys/module/hide/parameters/calls)" '^[1-9]' "SSBS was hidden"
succeeds "the fixture is removed" rmmod hide

unload_module || not_ok "the module unloads"
done_testing
