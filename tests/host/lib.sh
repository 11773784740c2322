# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The library of test cases in the emulated host. tests/README.md has the list of functions.

T=${T:-/t}
MTE=/sys/kernel/kvm_mte
CLIENT=$T/client
export T MTE CLIENT

# shellcheck source=tests/host/tap.sh
. "$T/tap.sh"
# shellcheck source=tests/host/qemu.sh
. "$T/qemu.sh"

# phase NAME - begins a phase, for the table of where the time goes.
phase() { echo "phase:$1" >"${PHASE_OUT:-/dev/ttyAMA1}"; }

# --- the module ---

# load_module [PARAM=VALUE...] - loads the module with the run's HOOK, unless hook= is given. Has insmod's status and message.
load_module() {
	[[ " $*" == *" hook="* ]] || set -- "hook=${HOOK:-auto}" "$@"
	insmod "$T/kvm_mte.ko" "$@"
}

unload_module() { rmmod kvm_mte; }

module_loaded() { [[ -d /sys/module/kvm_mte ]]; }

# errno_of STRACE-FILTER COMMAND... - prints the errno with which the last such system call failed, or "ok".
errno_of() {
	local filter=$1 trace
	shift
	trace=$(mktemp)
	# shellcheck disable=SC2086 # several words on purpose
	strace -f -qq -e signal=none $filter -o "$trace" "$@" >/dev/null 2>&1
	sed -nE 's/.*= -1 (E[A-Z0-9]+) .*/\1/p; s/.*= [0-9]+$/ok/p' "$trace" | tail -n1
	rm -f "$trace"
}

# try_load [PARAM=VALUE...] / try_unload - load or unload the module, and print "ok" or the errno ("ENODEV").
try_load() {
	[[ " $*" == *" hook="* ]] || set -- "hook=${HOOK:-auto}" "$@"
	errno_of '-e finit_module,init_module' insmod "$T/kvm_mte.ko" "$@"
}

try_unload() {
	if module_loaded; then errno_of '-e delete_module' rmmod kvm_mte; else echo ENOENT; fi
}

# try_write FILE TEXT - writes in one write(), without a newline of its own; prints "ok" or the errno.
try_write() {
	if [[ -e $1 ]]; then
		printf '%s' "$2" | errno_of "-e openat,write -P $1" dd "of=$1" bs=4096 conv=notrunc status=none
	else
		echo ENOENT
	fi
}

# --- the module's sysfs ---

# vm_dir PID - the directory of that process's VM (the first, if there are several).
vm_dir() {
	local d try
	# If an entry is removed while it is listed, kernfs leaves out the next one (kernfs_dir_next_pos()).
	for try in 1 2 3; do
		for d in "$MTE/vms/$1"-*; do
			[[ -d $d ]] || continue
			printf '%s\n' "$d"
			return
		done
	done
	return 1
}

# vm_get NAME-OF-GUEST ATTRIBUTE / vm_set NAME-OF-GUEST ATTRIBUTE VALUE
vm_get() {
	local d
	d=$(vm_dir "$(qemu_pid "$1")") && cat "$d/$2"
}
vm_set() {
	local d
	d=$(vm_dir "$(qemu_pid "$1")") && echo "$3" >"$d/$2"
}

# page_kib - the size of the host's pages
page_kib() { awk '/^KernelPageSize/ { print $2; exit }' /proc/self/smaps; }

# pages N - as many of the host's pages as N pages of 4 KiB
pages() { echo $(($1 * 4 / $(page_kib))); }

# --- the host's kernel log ---

DMESG_MARK=

# dmesg_mark - sets a mark; dmesg_new - prints the kernel's messages since the mark.
dmesg_mark() {
	DMESG_MARK="mark $RANDOM$RANDOM"
	echo "$DMESG_MARK" >/dev/kmsg
}

dmesg_new() {
	if [[ -n $DMESG_MARK ]]; then
		dmesg --notime | sed "1,/^$DMESG_MARK\$/d"
	else
		dmesg --notime
	fi
}

# --- waiting ---

# wait_until SECONDS COMMAND... - polls until the command succeeds.
wait_until() {
	local end=$((SECONDS + $1 * ${PATIENCE:-1}))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}
