#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a Linux guest that loses tags or data when a stock QEMU migrates it to a host with another kernel and another backend of the
# module, or restores it there from a file; a stream of tags that another kernel's module reads differently; a destination without
# MTE that takes the guest, or a source that loses it then.
# kernels: 5.10
# peers: 5.10 6.12 7.2
# quick: no
# hooks: once
# mem: 2G
# timeout: 3600
. /t/lib.sh
. /t/hooks.sh
. /t/peers.sh
. /t/migrate.sh

# Registers that KVM lists on a kernel and that do not fit the next one (docs/migration.md): a VMM that migrates all registers, as
# QEMU does, is refused there.
ID_AA64MMFR1_EL1=603000000013c039
TCR2_EL1=603000000013c103 PIRE0_EL1=603000000013c512 PIR_EL1=603000000013c513

# destination_up NAME NR QEMU-ARG... - a VM on host NR that waits for a guest. FEW: registers that its list does not have.
FEW=
destination_up() {
	GUEST_AT[$1]=$2
	if [[ -n $FEW ]]; then
		succeeds "$1: QEMU starts, with fewer registers" on "$1" qemu_start_few "$FEW" "${@:3}"
	else
		succeeds "$1: QEMU starts" on "$1" qemu_start "${@:3}"
	fi
}

listen() { destination_up "$1" "$2" -incoming "tcp:0:$((4440 + $2))"; }

send() { on "$1" qemu_monitor "migrate -d tcp:$(host_address "$2"):$((4440 + $2))" >/dev/null; }

# travel FROM TO NR - live migration of a guest to the VM TO on host NR, with the tags.
travel() {
	local from=$1 to=$2 nr=$3 pipe
	listen "$to" "$nr"
	tags_save "$from" --at-end 2>/run/save.err | tags_load "$to" --incoming 2>/run/load.err &
	pipe=$!
	succeeds "$to: save waits for the VM's end" said_line /run/save.err 'waiting until the VM ends'
	succeeds "$to: load holds the destination" said_line /run/load.err 'held until its tags are in'
	send "$from" "$nr"
	is "$(migrated "$from")" completed "$to: QEMU migrates"
	is_state "$to" "on, hold 1" "$to: when QEMU has migrated"
	on "$from" qemu_stop
	wait "$pipe"
	is "$?" 0 "$to: the tags are loaded"
	is_state "$to" "on, hold 0" "$to: when the tags are in"
	heap_check "$to" "$to"
}

# put_by NAME - saves the guest and its tags into files of host 1; the guest goes on.
put_by() {
	on "$1" qemu_monitor stop >/dev/null
	tags_save "$1" >/run/tags
	is "$?" 0 "$1: save of a stopped VM"
	on "$1" qemu_monitor "migrate exec:cat>/run/state" >/dev/null
	is "$(migrated "$1")" completed "$1: QEMU saves"
	# shellcheck disable=SC2094 # of two hosts
	((${GUEST_AT[$1]} == 1)) || peer "${GUEST_AT[$1]}" cat /run/state >/run/state
	on "$1" qemu_monitor cont >/dev/null
}

# restore NAME NR - a guest on another host, from the files.
restore() {
	# shellcheck disable=SC2094 # of two hosts
	peer "$2" tee /run/state </run/state >/dev/null
	destination_up "$1" "$2" -incoming "exec:cat /run/state" -S
	succeeds "$1: the tags are loaded" tags_load "$1" --incoming </run/tags
	is "$(migrated "$1")" completed "$1: QEMU restores"
	on "$1" qemu_monitor cont >/dev/null
	heap_check "$1" "$1"
}

# refused FROM TO NR MESSAGE - the VM TO on host NR cannot take the guest. The guest goes on where it is.
refused() {
	local from=$1 to=$2 nr=$3
	on "$from" qemu_monitor "migrate_set_capability return-path on" >/dev/null
	on "$to" qemu_monitor "migrate_set_capability return-path on" >/dev/null
	send "$from" "$nr"
	is "$(migrated "$from")" failed "$to: the source's QEMU says that the migration has failed"
	like "$(peer "$nr" cat "/run/guest/$to/qemu.log")" "$4" "$to: the destination's QEMU says why"
	like "$(on "$from" qemu_monitor 'info status')" 'running' "$to: the source's QEMU lets the guest run"
	heap_check "$from" "$to: the source's guest"
	on "$from" qemu_monitor "migrate_set_capability return-path off" >/dev/null
	on "$to" qemu_stop
}

guest_up() {
	guest_wait_boot "$1" || bail "no guest"
	GUEST_AT[$1]=1
	heap_start "$1"
}

for nr in 1 2 3 4; do
	((nr == 1)) || peers_wait "$nr"
	succeeds "host $nr: the module loads" at "$nr" load_module
	at "$nr" policy_default on
done
is "$(for nr in 1 2 3 4; do at "$nr" cat "$MTE/backend"; done | xargs)" "inject inject native native" "the backends of the hosts"

# --- a stock QEMU, from 5.10 to 5.10 and to 7.2 ---

succeeds "the first guest starts" qemu_start first
guest_up first
travel first second 2
put_by second
heap_check second "after the save"
restore file-on-7.2 4
mte_works file-on-7.2 "from a file of 5.10 on 7.2"
on file-on-7.2 qemu_stop

# --- destinations that cannot take the guest ---

listen other-registers 3
refused second other-registers 3 'Failed to put registers'
peer 4 policy_default off
listen without-mte 4
# Its stream has a writer that does not end: without one it would end.
mkfifo /run/never
exec {NEVER}<>/run/never
tags_load without-mte --incoming </run/never 2>/run/load.err &
LOAD=$!
succeeds "without-mte: tags load says so" said_line /run/load.err 'has no MTE yet'
refused second without-mte 4 "error while loading state for instance 0x0 of device 'cpu'"
peer 4 pkill kvm-mte
wait "$LOAD"
peer 4 policy_default on

travel second on-7.2 4
mte_works on-7.2 "from 5.10 to 7.2"
on on-7.2 qemu_stop

# --- between all three, with a VMM that leaves out what does not fit ---

FEW=$ID_AA64MMFR1_EL1
succeeds "the next guest starts" qemu_start_few third "$FEW"
guest_up third
put_by third
FEW+=,$TCR2_EL1,$PIRE0_EL1,$PIR_EL1
restore file-on-6.12 3
on file-on-6.12 qemu_stop
travel third on-6.12 3
mte_works on-6.12 "from 5.10 to 6.12"
put_by on-6.12
FEW=
restore file-of-6.12 4
on file-of-6.12 qemu_stop
travel on-6.12 end 4
mte_works end "from 6.12 to 7.2"

on end qemu_stop
for nr in 1 2 3 4; do
	is "$(at "$nr" by_module)" "" "host $nr: no VM is left"
	succeeds "host $nr: the module unloads" at "$nr" unload_module
done
done_testing
