#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: messages, sysfs files, modes or initial values that differ from the documents; parameters and policy words that
# are not checked; VMs whose names keep the module from being loaded; ftrace switched off while hooks are set; hooks or files
# that stay after an unload or a failed load.
# quick: ftrace
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

BY=$(mechanism)

# tree - every file and directory of the module's sysfs.
tree() { (cd "$MTE" && find . -mindepth 1 \( -type d -printf '%P/\n' -o -printf '%P %m\n' \) | LC_ALL=C sort); }

TREE='backend 444
hooks/
hooks/armed 444
hooks/missed 444
policy/
policy/default 644
policy/migration 644
policy/off_cgroups 644
policy/off_pids 644
policy/on_cgroups 644
policy/on_pids 644
policy/request_cgroups 644
policy/request_pids 644
repairs/
repairs/block_collapse 444
repairs/copy_tags_hang 444
repairs/device_slots 444
repairs/hugetlb_partial 444
repairs/hugetlb_reuse 444
repairs/hugetlb_slots 444
repairs/remap_race 444
repairs/swapoff_unreadable 444
repairs/thp_split 444
version 444
vms/'

sysctl_ftrace() { try_write /proc/sys/kernel/ftrace_enabled "$1"; }

not_loaded "before"

# --- loaded ---

dmesg_mark
is "$(try_load)" ok "it loads"
COUNT=$(hooked | wc -l)
((COUNT > 0)) || bail "cannot tell what is hooked"
is "$(said)" "loaded: backend inject, $COUNT hooks by $BY, policy request" "one line when loaded, with as many hooks as are set"
is "$(if [[ $BY == ftrace ]]; then by_kprobe; else by_ftrace; fi)" "" "all hooks are by $BY"
if [[ $BY == ftrace ]]; then
	is "$(grep -cv ' I' "$TRACING/enabled_functions")" 0 "every function is owned (IPMODIFY): no livepatch can take it"
fi
is "$(cat "$MTE/hooks/armed") $(cat "$MTE/hooks/missed")" "$COUNT 0" "hooks/armed has the same number, and no call was missed"
like "$(cat /proc/modules)" '^kvm_mte [0-9]+ 0 - Live ' "no VM uses it yet"
like "$(cat "$MTE/version")" '^[0-9]+\.[0-9]+\.[0-9]+$' "version is a version"
is "$(cat "$MTE/version")" "$(modinfo -F version "$T/kvm_mte.ko")" "and modinfo says the same"
is "$(tree)" "$TREE" "files and modes in sysfs"
is "$(cat "$MTE/backend")" inject "backend"
is "$(cat "$MTE/policy/default")" request "policy/default at first"
is "$(cat "$MTE/policy/migration")" warn "policy/migration at first"
for repair in thp_split block_collapse hugetlb_reuse remap_race swapoff_unreadable; do
	is "$(cat "$MTE/repairs/$repair")" active "repairs/$repair"
done
for repair in hugetlb_partial copy_tags_hang device_slots hugetlb_slots; do
	is "$(cat "$MTE/repairs/$repair")" not-needed "repairs/$repair"
done
for file in version backend hooks/armed repairs/thp_split; do
	is "$(try_write "$MTE/$file" 1)" EACCES "$file cannot be written"
done
is "$(cd "$TRACING/events/kvm_mte" && echo kvm_mte_*)" "kvm_mte_clear_tags kvm_mte_refuse kvm_mte_restore_tags kvm_mte_set kvm_mte_state" "tracepoints"

# --- policy/default ---

for word in on off request; do
	is "$(try_write "$MTE/policy/default" "$word")" ok "policy/default takes $word"
	is "$(cat "$MTE/policy/default")" "$word" "and says so"
done
echo on >"$MTE/policy/default"
# The limit may be used up by these words, so their messages count, too.
dmesg_mark
for word in '' ON On 1 0 yes 'on ' ' on' ono re request,on $'off\non'; do
	# An empty write does not reach the module. A newline alone stands for the empty word.
	is "$(try_write "$MTE/policy/default" "${word:-$'\n'}")" EINVAL "policy/default does not take $(printf %q "$word")"
	is "$(cat "$MTE/policy/default")" on "and stays as it was"
done
for ((i = 0; i < 500; i++)); do echo junk >"$MTE/policy/default"; done 2>/dev/null
LINES_SAID=$(said | grep -c '^policy: ')
if ((LINES_SAID > 0 && LINES_SAID < 250)); then ok "messages are rate-limited"; else not_ok "messages are rate-limited" "$LINES_SAID for 500 bad writes"; fi
echo request >"$MTE/policy/default"

# --- nobody switches the hooks off ---

if [[ $BY == ftrace ]]; then
	is "$(sysctl_ftrace 0)" EBUSY "kernel.ftrace_enabled=0 is refused"
	is "$(cat /proc/sys/kernel/ftrace_enabled)" 1 "ftrace is still on"
else
	is "$(sysctl_ftrace 0)" ok "kernel.ftrace_enabled=0 does not matter to kprobes"
fi
is "$(hooked | wc -l)" "$COUNT" "all hooks are still set"
is "$(sysctl_ftrace 1)" ok "kernel.ftrace_enabled=1"

# --- unloaded ---

dmesg_mark
is "$(try_unload)" ok "it unloads"
is "$(said | wc -l)" 1 "one line when unloaded"
like "$(said)" '^unloaded' "which says so"
not_loaded "unloaded"

# --- VMs with the same name ---

none_left() { [[ -z $(by_module) ]]; }
hold_start given given --rounds=300
is "$HOLD_SAID" given "300 VMs have the same creator and descriptor"
is "$(try_load)" ok "it loads"
is "$(by_module | wc -l)" 300 "each VM has a directory"
is "$(by_module | sed 's/\..*//' | sort -u | wc -l)" 1 "with the same name and a suffix"
kill "${HOLD_PID[given]}"
wait "${HOLD_PID[given]}"
succeeds "they end" wait_until 60 none_left
is "$(try_unload)" ok "it unloads"
not_loaded "after that"

# --- parameters ---

for word in foo '' FTRACE ftrace,kprobe 1; do
	loads_not EINVAL "^hook=" "hook='$word'" "hook=$word"
done
for word in foo '' ON 1 request,off; do
	loads_not EINVAL "^policy" "policy='$word'" "policy=$word"
done
for word in request on off; do
	dmesg_mark
	is "$(try_load "policy=$word")" ok "policy=$word"
	is "$(said)" "loaded: backend inject, $COUNT hooks by $BY, policy $word" "is in the message"
	is "$(cat "$MTE/policy/default")" "$word" "and in policy/default"
	is "$(try_unload)" ok "it unloads again"
done
dmesg_mark
is "$(try_load hook=auto)" ok "hook=auto"
is "$(said)" "loaded: backend inject, $COUNT hooks by ftrace, policy request" "means ftrace here"
is "$(try_unload)" ok "it unloads again"

# --- with ftrace switched off ---

is "$(sysctl_ftrace 0)" ok "kernel.ftrace_enabled=0 while it is not loaded"
if [[ $BY == ftrace ]]; then
	loads_not EBUSY 'ftrace_enabled' "without ftrace"
	is "$(sysctl_ftrace 1)" ok "kernel.ftrace_enabled=1"
	not_loaded "ftrace on again"
	is "$(try_load)" ok "it loads then"
else
	is "$(try_load)" ok "it loads without ftrace"
	is "$(sysctl_ftrace 1)" ok "kernel.ftrace_enabled=1"
fi
is "$(hooked | wc -l)" "$COUNT" "with all hooks"
is "$(try_unload)" ok "and unloads"
not_loaded "at the end"

done_testing
