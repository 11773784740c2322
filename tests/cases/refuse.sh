#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a migration without tags that the word "refuse" does not stop, or that changes something although it is refused; one that
# is allowed while its tags are saved, and goes on without a word when nobody saves them any more; a VM that cannot be migrated
# although its VMM, or kvm-mte tags, carries the tags.
# kernels: 5.10 6.1 6.12 7.2
# quick-kernels: 5.10
# hooks: once
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

fails "a wrong word for the parameter migration" load_module migration=never
like "$(dmesg | tail -n 1)" 'migration: not one of warn, refuse' "the log says so"
load_module migration=refuse || bail "the module does not load"
is "$(cat "$MTE/policy/migration")" refuse "the parameter's word is in sysfs"
set_word() { echo "$1" >"$MTE/policy/migration"; }
fails "a wrong word in sysfs" set_word Refuse
is "$(cat "$MTE/policy/migration")" refuse "it has not changed"
echo warn >"$MTE/policy/migration"

dmesg_mark
client_points refuse
like "$(said)" '^[0-9]+-[0-9]+: migration: not one of warn, refuse' "the log has the reason: a wrong word"
like "$(said)" '^[0-9]+-[0-9]+: migration refused: its VMM did not ask for MTE' "the log has the reason: refused"
like "$(said)" '^[0-9]+-[0-9]+: untracked migration: .* has ended too early' "the log has the reason: nobody saves the tags any more"
like "$(said)" '^[0-9]+-[0-9]+: not turned on: its memory is logged' "the log has the reason: not turned on"
like "$(said)" '^[0-9]+-[0-9]+: no longer turning on: its memory is logged' "the log has the reason: no longer turning on"
like "$(said)" '^[0-9]+-[0-9]+: policy asked for MTE, but memory slot 1 is logged, and migration is refused: off' "the log has the reason: policy falls back"

# --- QEMU ---

echo on >"$MTE/policy/default"
echo refuse >"$MTE/policy/migration"
succeeds "QEMU starts" qemu_start refused
guest_wait_boot refused || bail "no guest"
dmesg_mark
qemu_monitor refused 'migrate -d file:/tmp/state' >/dev/null
# QEMU does not expect that error: see docs/migration.md.
no_vm_left() { [[ -z $(ls "$MTE/vms") ]]; }
succeeds "QEMU ends itself" wait_until 100 no_vm_left
like "$(said)" '^[0-9]+-[0-9]+: migration refused' "the log has the reason"

is "$(try_unload)" ok "it unloads"
done_testing
