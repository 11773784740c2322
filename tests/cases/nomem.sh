#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a failed allocation in ftrace that the module takes for a function that cannot be traced, or for which it leaves
# out a repair; hooks that are still set, or count as removed, after a removal has failed; a VMM that is told of MTE although
# its VM cannot be registered, or although the module is being unloaded; a module that loads without a VM that exists already.
# kernels: 5.10 6.1 6.12
# quick-kernels: 5.10
# hooks: ftrace
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

address() { awk -v f="$1" '$3 == f { print "0x" $1; exit }' /proc/kallsyms; }
failing() { insmod "$T/fails.ko" "$@" || bail "nothing can be made to fail"; }
# failing_ends - removes the fixture. FAILED: calls that failed; LATER: calls that succeeded after that.
failing_ends() {
	FAILED=$(cat /sys/module/fails/parameters/failed) LATER=$(cat /sys/module/fails/parameters/later)
	rmmod fails
}

# load_without_memory NAME REGEX PARAM=VALUE...
load_without_memory() {
	local name=$1 regex=$2 got
	shift 2
	failing "$@"
	dmesg_mark
	got=$(try_load)
	failing_ends
	is "$got" ENOMEM "$name: ENOMEM"
	like "$(said)" "$regex" "$name: the log has the reason"
	unlike "$(said)" 'cannot trace|going on without' "$name: the log has no other reason"
	like "$FAILED" '^[1-9]' "$name: a call has failed"
	[[ $got != ok ]] || try_unload >/dev/null
	not_loaded "$name"
}

LEAKS=/sys/kernel/debug/kmemleak
# leaks - what kmemleak finds on a debug kernel, one object a line; an object must be 5 seconds old.
leaks() {
	sleep 6
	echo scan >$LEAKS
	echo scan >$LEAKS
	awk '/^unreferenced object/ { if (n++) print s; s = "" } { s = s $0 " " } END { if (n) print s }' $LEAKS
}

# settled N - ftrace has N functions; it may take a moment.
settled() { [[ $(by_ftrace | wc -l) == "$1" ]]; }

is "$(try_load)" ok "the module loads"
HOOKED=$(by_ftrace) COUNT=$(by_ftrace | wc -l)
is "$(try_unload)" ok "and unloads"

# --- while it loads ---

# The second is optional on one backend, and on demand on the other.
for function in kvm_dev_ioctl kvm_pgtable_stage2_map; do
	at=$(address $function)
	load_without_memory "looking for $function" "^$function: ftrace refuses \(-12\)" "at=$at" remove=0 times=3
	load_without_memory "$function, once" "^$function: ftrace refuses \(-12\)" "at=$at" remove=0 skip=1
done
load_without_memory "setting a hook" "^kvm_dev_ioctl: ftrace refuses \(-12\)" "at=$(address kvm_dev_ioctl)" remove=0 skip=2

# One kobject of the module fails each time: one of them is that of a VM that exists already. Those of the kernel itself come first.
kobjects() { echo $((1000 - $(cat /sys/module/fails/parameters/skip))); }
hold_start early hold
failing function=kobject_add skip=1000
is "$(try_load hook=none)" EINVAL "it does not load with a wrong parameter"
FIRST=$(kobjects)
is "$(try_load)" ok "it loads beside a VM"
END=$(($(kobjects) - FIRST))
is "$(by_module)" "$(by_kvm)" "and finds it"
is "$(try_unload)" ok "and unloads"
failing_ends
REASONS=
for ((i = FIRST; i < END; i++)); do
	failing function=kobject_add "skip=$i"
	dmesg_mark
	is "$(try_load)" ENOMEM "kobject $i fails: ENOMEM"
	failing_ends
	REASONS+=$(said)$'\n'
	not_loaded "kobject $i fails"
	! module_loaded || unload_module
done
is "$(grep -c '^[0-9]*-[0-9]*: not registered: ' <<<"$REASONS")" 1 "one of them is that of the VM"
is "$(grep -c '^not loaded: a VM that exists already cannot be registered$' <<<"$REASONS")" 1 "the log says why that is an error"
hold_end early

# The third removal fails: it is of a hook of the self-test.
failing remove=1 skip=2
is "$(try_load)" ok "it loads although removing a hook fails"
failing_ends
is "$(by_ftrace)" "$HOOKED" "and has its own hooks only"
is "$(try_unload)" ok "it unloads"
not_loaded "removing has failed"

failing function=ftrace_set_filter times=2
is "$(try_load)" ok "it loads although emptying a filter fails twice"
failing_ends
is "$FAILED" 2 "emptying has failed twice"
like "$LATER" '^[1-9]' "emptying was tried again"
is "$(by_ftrace)" "$HOOKED" "it has its hooks"
[[ ! -e $LEAKS ]] || is "$(leaks)" "" "nothing has leaked"
failing function=ftrace_set_filter times=1000000
dmesg_mark
is "$(try_unload)" ok "it unloads although emptying a filter always fails"
failing_ends
like "$(said)" '^ftrace does not empty a filter \(-12\)' "the log says so"
not_loaded "emptying has failed"
# The message means that the memory of the filter is lost, and nothing else.
if [[ -e $LEAKS ]]; then
	LOST=$(leaks)
	like "$LOST" 'ftrace_set_filter_ip' "the filter has leaked"
	is "$(grep -v 'ftrace_set_filter_ip' <<<"$LOST")" "" "and nothing else"
	echo clear >$LEAKS
fi

# --- hooks on demand ---

is "$(try_load)" ok "it loads"
if [[ $(cat "$MTE/backend") == inject ]]; then
	hold_start vm hold
	failing remove=0 skip=5
	hold_is vm "enable 1" "enable ENOMEM" "a VM gets no MTE if a hook cannot be set"
	failing_ends
	is "$(by_ftrace)" "$HOOKED" "no hook stays"
	for round in $(if full; then echo 1 2; else echo 1; fi); do
		hold_is vm "enable 1" "enable 0" "$round: the VM gets MTE"
		succeeds "$round: more is hooked" test "$(by_ftrace | wc -l)" -gt "$COUNT"
		failing function=ftrace_set_filter times=2
		hold_end vm
		succeeds "$round: these hooks are removed when the VM has ended" wait_until 60 settled "$COUNT"
		emptied() { (($(cat /sys/module/fails/parameters/later))); }
		succeeds "$round: their filter is emptied" wait_until 60 emptied
		failing_ends
		is "$FAILED" 2 "$round: although that has failed twice"
		client_points mteregs --enable=sysfs
		succeeds "$round: the hooks are removed after another VM, too" wait_until 60 settled "$COUNT"
		hold_start vm hold
	done
	hold_end vm
	is "$(try_unload)" ok "it unloads"
else
	hold_start vm hold
	DIR=$(vm_dir "${HOLD_PID[vm]}")
	echo 1 >"$DIR/hold"
	is "$(by_ftrace | wc -l)" "$((COUNT + 1))" "a VM that is held has one more hook"
	failing remove=1
	echo 0 >"$DIR/hold"
	succeeds "it is removed when no VM is held" wait_until 60 settled "$COUNT"
	failing_ends
	is "$FAILED" 1 "although one removal has failed"
	echo 1 >"$DIR/hold"
	failing remove=1 times=1000000
	echo 0 >"$DIR/hold"
	hold_end vm
	is "$(try_unload)" ok "it unloads with a hook that cannot be removed by itself"
	failing_ends
fi
not_loaded "at the end"

# --- a VM that cannot be registered has what KVM itself has, but policy off still holds ---

asked() { "$CLIENT" ask 2>&1 </dev/null | head -n 1; }
KVMS=$(asked)
is "$(try_load)" ok "it loads"
failing function=kobject_add times=1000000
is "$(asked | cut -d' ' -f4-)" "$(cut -d' ' -f4- <<<"$KVMS")" "no name for a VM: its VMM is told what KVM itself has"
echo off >"$MTE/policy/default"
is "$(asked)" "main: dev 0 vm 0 born 0 enable EINVAL" "but nothing under policy off"
echo request >"$MTE/policy/default"
failing_ends
like "$FAILED" '^[1-9]' "registering has failed"

# --- while it is unloaded ---

leaving() { (($(cat /sys/module/slow/parameters/calls))); }
succeeds "the fixture makes the unload slow" insmod "$T/slow.ko" function=ondemand_close us=2000000
rmmod kvm_mte &
succeeds "the module is being unloaded" wait_until 30 leaving
is "$(asked)" "$KVMS" "during the unload VMMs are told what KVM itself has"
wait "$!"
rmmod slow
not_loaded "after the unload"

done_testing
