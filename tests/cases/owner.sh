#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a hook set on a function that a livepatch owns; a livepatch that can take a hooked function; a refusal without the
# function's name; hooks that stay after a refusal; an admin's tracing of hooked functions that breaks, or breaks the hooks.
# quick: ftrace
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

BY=$(mechanism)
# OWNED is hooked only while there is a VM with MTE, ALWAYS all the time.
OWNED=kvm_arch_vcpu_ioctl_run
ALWAYS=kvm_dev_ioctl

own() { errno_of '-e finit_module,init_module' insmod "$T/owner.ko" "function=$1"; }

# --- first the owner, then the module ---

is "$(own $OWNED)" ok "another module owns $OWNED"
dmesg_mark
is "$(try_load)" EBUSY "then loading fails: EBUSY"
like "$(said)" "^$OWNED: owned by another user" "the log names the function"
is "$(said | grep -c ': owned by')" 1 "and no other"
is "$(hooked)" "$OWNED" "only the owner has a hook"
succeeds "the owner is removed" rmmod owner
not_loaded "after the failed load"

is "$(try_load)" ok "it loads when the owner has gone"
COUNT=$(hooked | wc -l)

# --- first the module, then the owner: only ftrace can refuse ---

if [[ $BY == ftrace ]]; then
	is "$(own $ALWAYS)" EBUSY "while it is loaded nobody can own $ALWAYS"
	is "$(hooked | wc -l)" "$COUNT" "its hooks are still set"
fi

# --- hooks that are set for the first VM that gets MTE, and removed after the last ---

# settled N - N hooks are set; it may take a moment.
settled() { [[ $(hooked | wc -l) == "$1" ]]; }

hold_start vm hold
DIR=$(vm_dir "${HOLD_PID[vm]}")
is "$(own $OWNED)" ok "while no VM has MTE somebody else can own $OWNED"
dmesg_mark
hold_is vm "enable 1" "enable EBUSY" "then no VM gets MTE: EBUSY"
like "$(said)" "^$OWNED: owned by another user" "the log names the function"
like "$(said)" "not changed: the on-demand hooks cannot be armed" "the log says that nothing has changed"
is "$(cat "$DIR/state")" off "the VM is off"
"$T/kvm-mte" tags save "${HOLD_PID[vm]}" >/dev/null 2>&1
is "$?" 1 "its tags cannot be saved"
like "$(said)" 'tags: refused: the on-demand hooks cannot be armed \(-16\)' "the log says why"
is "$("$CLIENT" ask 2>&1 </dev/null | head -n 1)" "main: dev 0 vm 0 born 0 enable EBUSY" "no VMM is told of MTE"
is "$(hooked | wc -l)" "$((COUNT + 1))" "only the owner's hook has been added"
hold_is vm "run" "run 1000" "and the VM runs"
succeeds "the owner is removed" rmmod owner
# A failure is remembered for some seconds, as any user of /dev/kvm may ask at any rate. An admin's write always tries again.
offered() { [[ $("$CLIENT" ask 2>&1 </dev/null | head -n 1) == "main: dev 1 vm 1 born 0 enable 0" ]]; }
succeeds "some seconds later VMMs are told of MTE again, and can enable it" wait_until 60 offered
succeeds "the hooks that they needed are removed" wait_until 60 settled "$COUNT"
is "$("$CLIENT" offered)" "dev 1" "a VMM only asks"
is "$(hooked | wc -l)" "$COUNT" "asking sets no hook"
is "$(own $OWNED)" ok "another module owns $OWNED once more"
hold_is vm "enable 1" "enable EBUSY" "no VM gets MTE"
dmesg_mark
is "$("$CLIENT" offered --rounds=20)" "dev 0" "a VMM asks many times"
is "$(said)" "" "hooks are not tried each time: the failure is remembered"
succeeds "the owner is removed" rmmod owner
hold_is vm "enable 1" "enable 0" "an admin can turn the VM on at once"
like "$(hooked | tr '\n' ' ')" " $OWNED " "$OWNED is hooked now"
if [[ $BY == ftrace ]]; then
	is "$(own $OWNED)" EBUSY "nobody can own it any more"
fi
hold_is vm "enable 0" "enable 0" "turned off again"
like "$(hooked | tr '\n' ' ')" " $OWNED " "it stays hooked until the VM that had MTE ends"
hold_end vm
succeeds "the hooks are removed when the VM has ended" wait_until 60 settled "$COUNT"
client_points mteregs --enable=sysfs
succeeds "the hooks are removed after another VM, too" wait_until 60 settled "$COUNT"

# --- an admin traces hooked functions ---

# In this order: wrapped, watched, wrapped for some callers only, wrapped with more than one call on the way.
TRACED='kvm_dev_ioctl kvm_reset_sys_regs kvm_arch_vcpu_ioctl_run kvm_reset_vcpu'
echo "$TRACED" >"$TRACING/set_ftrace_filter"
echo function >"$TRACING/current_tracer"
for f in $TRACED; do
	echo "p:test_$f $f"
done >"$TRACING/kprobe_events"
echo 1 >"$TRACING/events/kprobes/enable"
client_points idreg --enable=sysfs
echo 0 >"$TRACING/events/kprobes/enable"
for f in $TRACED; do
	like "$(cat "$TRACING/trace")" " $f <-" "the function tracer sees $f"
	like "$(cat "$TRACING/trace")" " test_$f: " "a probe on $f sees its calls"
done

# --- unloading and loading while functions are traced ---

is "$(try_unload)" ok "it unloads while its functions are traced"
is "$(try_load)" ok "it loads while they are traced"
client_points idreg --enable=sysfs
echo nop >"$TRACING/current_tracer"
echo >"$TRACING/set_ftrace_filter"
echo >"$TRACING/kprobe_events"
succeeds "its hooks are set when tracing ends" wait_until 60 settled "$COUNT"
is "$(try_unload)" ok "and it unloads"
not_loaded "at the end"

done_testing
