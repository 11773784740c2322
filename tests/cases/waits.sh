#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: an unload that waits for a VMM, perhaps for ever: the VMM waits in an ioctl for its own memory, or for a lock that it
# holds itself. A VMM for which rmmod waits, and that the log does not name. A write to "enable" that goes on after its process
# has been killed. A process's name that begins a line of the log.
# kernels: 5.10 6.12 7.2
# quick-kernels: 5.10 7.2
# quick: kprobe
# timeout: 300
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

# killed NAME - ends a client that does not end by itself.
killed() {
	kill -KILL "${HOLD_PID[$1]}"
	wait "${HOLD_PID[$1]}" || :
}

# unloads NAME - the module unloads, and does not wait for a VMM.
begin_unload() {
	: >/tmp/unloads
	rmmod_says >/tmp/unloads 2>&1 &
}
unloads() {
	begin_unload
	succeeds "$1" wait_until 60 gone
}
gone() { [[ $(cat /tmp/unloads) == ok ]]; }

# pinned NR - the module has so many references.
pinned() { (($(</sys/module/kvm_mte/refcnt) == $1)); }

# is_in PID REGEX - a thread of the process is in such a function.
is_in() { cat "/proc/$1/task/"*/stack | grep -q "$2"; }

# refused NAME - unloading is refused, and does not wait.
refused() {
	: >/tmp/refused
	rmmod_says >/tmp/refused 2>&1 &
	wait_until 60 answered
	is "$(</tmp/refused)" EAGAIN "$1"
}
answered() { [[ -s /tmp/refused ]]; }

# --- VMMs whose VMs have no MTE ---

load_module || bail "the module does not load"
# The hooks that are set for the first VM with MTE stay until that VM is destroyed.
hold_start vm hold
hold_is vm "enable 1" "enable 0" "a VM gets MTE"
hold_is vm "enable 0" "enable 0" "MTE is turned off again"
hold_start init stuck
hold_is init init init "a VMM without MTE waits in KVM_ARM_VCPU_INIT"
hold_start idreg stuck
hold_is idreg idreg idreg "a VMM without MTE waits in KVM_GET_ONE_REG"
hold_start reset stuck
if [[ $(<"$MTE/backend") == inject ]]; then
	hold_is reset dirty dirty "a VMM without MTE waits in KVM_GET_DIRTY_LOG, and holds slots_lock"
	hold_is reset redist redist "and sets the vGIC's redistributors"
	succeeds "which holds kvm->lock, and waits for slots_lock" wait_until 60 is_in "${HOLD_PID[reset]}" vgic_register_redist
	hold_is reset reset reset "and initialises a vCPU"
	succeeds "which waits for kvm->lock" wait_until 60 is_in "${HOLD_PID[reset]}" kvm_reset_vcpu
fi
unloads "the module unloads meanwhile"
killed init
killed idreg
killed reset
hold_end vm

# --- a VMM that waits in a call that the module handles: unloading is refused, and the log says why ---

# had_mte NAME - starts a client. Its VM is off, but had MTE: the client has seen the tag registers.
had_mte() {
	hold_start "$1" stuck
	hold_is "$1" mte mte "$1: a VMM asks for MTE"
	hold_is "$1" list "list 4" "$1: and is shown the tag registers"
	is "$(try_write "$(vm_dir "${HOLD_PID[$1]}")/enable" 0)" ok "$1: it is turned off"
	is "$(<"$(vm_dir "${HOLD_PID[$1]}")/state")" off "$1: and is off"
	is "$(</sys/module/kvm_mte/refcnt)" 0 "$1: nobody pins the module"
}

# unloaded - tries to unload the module; this is refused while a VMM reads.
unloaded() {
	local says
	says=$(rmmod_says)
	[[ $says == EAGAIN || $says == ok ]] || diag "rmmod: $says"
	[[ $says == ok ]]
}

# told - the log names the process and the function, in one line.
told() { said | grep -Eq "^a\\\\nb\[${HOLD_PID[rgsr]}\] waits in kvm_arm_sys_reg_get_reg\(\): "; }
EVIL=/tmp/$'a\nb'
cp "$CLIENT" "$EVIL"

# After a failure above the module may still be unloading.
wait_until 60 load_module || bail "the module does not load again"
if [[ $(<"$MTE/backend") == inject ]]; then
	dmesg_mark
	CLIENT=$EVIL had_mte rgsr
	hold_is rgsr rgsr rgsr "the VMM waits in KVM_GET_ONE_REG of a tag register"
	is "$(</sys/module/kvm_mte/refcnt)" 1 "the VMM pins the module"
	is "$(rmmod_says)" EAGAIN "the module cannot be unloaded then"
	succeeds "the log says which process waits, and where" wait_until 60 told
	killed rgsr
	is "$(</sys/module/kvm_mte/refcnt)" 0 "when it is killed nobody pins the module"

	had_mte reads
	hold_is reads reads reads "a VMM reads a tag register all the time"
	succeeds "sooner or later the module unloads" wait_until 60 unloaded
	hold_is reads gone "gone 0" "reads fail only because the tag register is gone with the module"
	killed reads
	load_module || bail "the module does not load again"
fi

# --- VMMs that wait in KVM itself, where the module only looks on ---

# says_who PID FUNCTION - the log names the process and the function.
says_who() { said | grep -Eq "\[$1\] waits in $2\(\): the module cannot be unloaded until that returns$"; }

dmesg_mark
succeeds "a fixture that holds mmap_lock" insmod "$T/mmaplock.ko"
hold_start parent stuck
hold_tell parent create
CHILD=${HOLD_SAID#create }
succeeds "KVM_CREATE_VM waits for its own mmap_lock" wait_until 60 is_in "$CHILD" mmu_notifier_register
is "$(</sys/module/kvm_mte/refcnt)" 0 "VMs may be created all the time, so this does not pin the module"
begin_unload
succeeds "the log says for whom rmmod waits" wait_until 60 says_who "$CHILD" kvm_dev_ioctl
is "$(</tmp/unloads)" "" "and it waits"
printf 0 >/sys/module/mmaplock/parameters/held
succeeds "when the lock is free the module unloads" wait_until 60 gone
killed parent
load_module || bail "the module does not load again"

# --- a VM without MTE is destroyed, and KVM waits, as it may wait for perf ---

blocked() { (($(</sys/module/blocks/parameters/calls))); }
dmesg_mark
succeeds "a fixture that blocks a function" insmod "$T/blocks.ko" function=kvm_vgic_destroy
hold_start ends stuck
kill -KILL "${HOLD_PID[ends]}"
succeeds "the destruction of a VM waits" wait_until 60 blocked
begin_unload
succeeds "the log says for whom rmmod waits" wait_until 60 says_who "${HOLD_PID[ends]}" kvm_arch_destroy_vm
is "$(</tmp/unloads)" "" "and it waits"
printf 0 >/sys/module/blocks/parameters/held
succeeds "when the VM is destroyed the module unloads" wait_until 60 gone
load_module || bail "the module does not load again"
wait "${HOLD_PID[ends]}" || :
rmmod blocks

# --- a write to enable while the VMM waits for its own mmap_lock ---

dmesg_mark
hold_start maps stuck
DIR=$(vm_dir "${HOLD_PID[maps]}")
hold_is maps map map "a VMM maps memory"
succeeds "it waits for its mmap_lock" wait_until 60 is_in "${HOLD_PID[maps]}" vm_mmap_pgoff
is "$(try_write "$DIR/enable" 1)" EBUSY "MTE cannot be turned on then"
like "$(said)" 'not changed: a vCPU, or the VM itself, is busy in an ioctl, or its VMM holds mmap_lock$' "the log has the reason"
printf 0 >/sys/module/mmaplock/parameters/held
is "$(try_write "$DIR/enable" 1)" ok "when the lock is free it can"
killed maps
rmmod mmaplock

if [[ $(<"$MTE/backend") == inject ]]; then
	dmesg_mark
	hold_start run stuck
	DIR=$(vm_dir "${HOLD_PID[run]}")
	printf 1 >"$DIR/hold"
	hold_is run run run "a VM is held, and waits in KVM_RUN for its own memory"
	printf 0 >"$DIR/hold"
	succeeds "it is released" pinned 1
	refused "the module cannot be unloaded then"
	succeeds "the log says who waits" wait_until 60 says_who "${HOLD_PID[run]}" kvm_arch_vcpu_ioctl_run
	killed run
	is "$(</sys/module/kvm_mte/refcnt)" 0 "when it is killed nobody pins the module"
fi

# --- a write to enable is killed while it looks at the VMM's memory: a VMM may have very many mappings ---

looks() { (($(</sys/module/slow/parameters/calls))); }
hold_start vm hold
DIR=$(vm_dir "${HOLD_PID[vm]}")
succeeds "the fixture makes each look at a mapping slow" insmod "$T/slow.ko" function=vma_can_hold_tags us=3000000
printf 1 >"$DIR/enable" &
succeeds "a write to enable looks at the VMM's memory" wait_until 60 looks
kill -KILL "$!"
wait "$!" || :
rmmod slow
is "$(<"$DIR/state")" off "a write to enable ends when it is killed, and changes nothing"
hold_is vm "enable 1" "enable 0" "the next one turns the VM on"
hold_is vm "enable 0" "enable 0"
unloads "it unloads"

# --- a write to enable while the module is being loaded ---

found() { [[ -n $(by_module) ]]; }
insmod "$T/blocks.ko" function=misc_register
dmesg_mark
load_module &
succeeds "loading has found the VM, and waits" wait_until 60 found
is "$(try_write "$(vm_dir "${HOLD_PID[vm]}")/enable" 1)" ENODEV "MTE cannot be turned on while the module is being loaded"
like "$(said)" 'enable: kvm_mte is being loaded or unloaded$' "the log has the reason"
is "$(try_write "$(vm_dir "${HOLD_PID[vm]}")/hold" 1)" ENODEV "the VM cannot be held while the module is being loaded"
like "$(said)" 'hold: kvm_mte is being loaded or unloaded$' "the log has the reason for that, too"
printf 0 >/sys/module/blocks/parameters/held
wait "$!"
rmmod blocks
hold_is vm "enable 1" "enable 0" "after that it can"
hold_end vm
unloads "it unloads"

done_testing
