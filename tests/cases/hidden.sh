#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VMM that cannot write ID_AA64PFR1_EL1 back as it has read it (QEMU gives up: "Failed to put registers after
# init"), because KVM hides more of the register than stock 5.10 does. A probe makes it so.
# hooks: once
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

load_module || bail "the module does not load"
client_points idreg --enable=sysfs --size=2M

# The compiler has split it: read_id_reg.isra.0.
function=$(sed -nE 's/.* t (read_id_reg[.a-z0-9]*)$/\1/p' /proc/kallsyms)
succeeds "KVM hides SSBS" insmod "$T/hide.ko" "function=$function"
client_points idreg --enable=sysfs --size=2M
isnt "$(cat /sys/module/hide/parameters/calls)" 0 "it was hidden"
succeeds "KVM hides nothing more" rmmod hide

unload_module || not_ok "the module unloads"
done_testing
