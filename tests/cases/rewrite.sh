#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a livepatch that rewrites the text of a function without ftrace and is not noticed: when the module is loaded, when
# the first VM with MTE has hooks set, or while a hook is set; a hook that is removed from rewritten text.
# quick: ftrace
# cmdline: nokaslr
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

# nokaslr: then one branch reaches from a module to the kernel, as the parameter near=1 needs.
# ALWAYS is hooked all the time, ONDEMAND only while there is a VM with MTE.
ALWAYS=kvm_vm_ioctl_enable_cap
ONDEMAND=kvm_arm_copy_sys_reg_indices

rewrite() { errno_of '-e finit_module,init_module' insmod "$T/rewrite.ko" "$@"; }
asks() { "$CLIENT" ask 2>&1 </dev/null | head -n 1; }

# --- first the livepatch ---

FIRST=("$ALWAYS near=1" "$ONDEMAND near=0")
LATER=("$ONDEMAND near=0")
if full; then
	FIRST+=("$ALWAYS near=0")
	LATER+=("$ONDEMAND near=1" "$ALWAYS near=0")
fi
for how in "${FIRST[@]}"; do
	# shellcheck disable=SC2086 # two words
	is "$(rewrite function=${how})" ok "a livepatch: $how"
	loads_not EBUSY "^${how% *}: its text has been rewritten, by a livepatch perhaps; needed for" "then the module does not load"
	succeeds "the livepatch is removed" rmmod rewrite
done
load_module || bail "the module does not load"

# --- before the function is hooked ---

hold_start vm hold
DIR=$(vm_dir "${HOLD_PID[vm]}")
is "$(rewrite function=$ONDEMAND)" ok "$ONDEMAND is rewritten, while no VM has MTE"
dmesg_mark
hold_is vm "enable 1" "enable EBUSY" "then no VM gets MTE: EBUSY"
like "$(said)" "^$ONDEMAND: its text has been rewritten, by" "the log names the function"
is "$(cat "$DIR/state")" off "the VM is off"
is "$(asks)" "main: dev 0 vm 0 born 0 enable EBUSY" "no VMM is told of MTE"
succeeds "the livepatch is removed" rmmod rewrite

# --- while it is hooked ---

hold_is vm "enable 1" "enable 0" "the VM can be turned on"
for how in "${LATER[@]}"; do
	function=${how% *}
	dmesg_mark
	# shellcheck disable=SC2086 # two words
	is "$(rewrite function=${how})" ok "$how: rewritten while it is hooked"
	log_has() { said | grep -q "^$function: $1"; }
	succeeds "the log says so, by itself" wait_until 60 log_has "its text has been rewritten while it was hooked: .* does not happen any more"
	like "$(asks)" "^main: dev 0 vm 0 born 0 enable " "no further VM is offered MTE"
	is "$(said | grep -c "^$function: its text has been rewritten")" 1 "the log says it once"
	succeeds "the livepatch is removed" rmmod rewrite
	succeeds "the log says that, too" wait_until 60 log_has "its text is no longer rewritten"
	is "$(asks)" "main: dev 1 vm 1 born 0 enable 0" "VMMs are told of MTE again"
done

# --- hooks are not removed from such text ---

is "$(rewrite function=$ONDEMAND)" ok "$ONDEMAND is rewritten again"
finds_out() { [[ $(asks) == "main: dev 0 vm 0 born 0 enable EBUSY" ]]; }
succeeds "the module notices when a VMM asks" wait_until 60 finds_out
hold_end vm
# Hooks on demand are removed some seconds after the last VM that needed them. This one must stay.
sleep 7
like "$(hooked | tr '\n' ' ')" " $ONDEMAND " "the VM has ended, the hook is still set"
is "$(rmmod_says)" EAGAIN "and the module stays"
succeeds "the livepatch is removed" rmmod rewrite
hook_gone() { ! hooked | grep -q "^$ONDEMAND$"; }
succeeds "then the hook is removed, too" wait_until 60 hook_gone
unpinned() { grep -q '^kvm_mte [0-9]* 0 ' /proc/modules; }
succeeds "nothing pins the module any more" wait_until 30 unpinned
is "$(asks)" "main: dev 1 vm 1 born 0 enable 0" "VMMs are told of MTE, and can enable it"
is "$(rmmod_says)" ok "the module unloads"
not_loaded "at the end"
done_testing
