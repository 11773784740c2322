# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What is hooked, and what the module says, read from the kernel itself.

TRACING=/sys/kernel/tracing
KPROBES=/sys/kernel/debug/kprobes/list

by_ftrace() { awk '{ print $1 }' "$TRACING/enabled_functions" | sort; }

by_kprobe() { awk '{ sub(/\+.*/, "", $3); print $3 }' "$KPROBES" | sort; }

# hooked - the functions that are hooked now, by ftrace or kprobes, by any user of these.
hooked() { { by_ftrace; by_kprobe; } | sort -u; }

# mechanism - the mechanism that hook=$HOOK chooses on this kernel.
mechanism() { echo "${HOOK/auto/ftrace}"; }

# said - the module's own messages since dmesg_mark.
said() {
	dmesg_new | sed -n 's/^kvm_mte: //p' |
		grep -v -e '^loading out-of-tree module taints kernel' -e '^module verification failed'
}

# not_loaded NAME - nothing of the module is there.
not_loaded() {
	is "$(hooked)" "" "$1: nothing is hooked"
	is "$(grep -c '^kvm_mte ' /proc/modules)" 0 "$1: the module is not loaded"
	is "$(ls -d "$MTE" "$TRACING/events/kvm_mte" 2>/dev/null)" "" "$1: none of its directories is there"
}

# loads_not ERRNO REGEX NAME [PARAM=VALUE...] - loading fails, the log says why, and nothing stays.
loads_not() {
	local errno=$1 regex=$2 name=$3
	shift 3
	dmesg_mark
	is "$(try_load "$@")" "$errno" "$name: $errno"
	like "$(said)" "$regex" "$name: the log has the reason"
	not_loaded "$name"
}

# rmmod_says - the kernel's own answer. (kmod's rmmod checks the reference count and does not ask the kernel; busybox asks.)
rmmod_says() { errno_of '-e delete_module' busybox rmmod kvm_mte; }

# by_kvm / by_module - the names of VMs, in KVM's debugfs and in the module's sysfs.
by_kvm() { find /sys/kernel/debug/kvm -mindepth 1 -name '*-*' -prune -printf '%f\n' | sort; }
by_module() { find "$MTE/vms" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort; }
