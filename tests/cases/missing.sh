#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a module that loads although the kernel lacks a function that it needs, has several of that name, or cannot trace
# it; a refusal that does not name the function; hooks that stay after a refusal; a function of a module that is taken for the
# kernel's; a repair that is missing, and the log does not say what is lost.
# kernels: 5.10 7.2
# quick: kprobe
# quick-kernels: 5.10
. /t/lib.sh
. /t/hooks.sh

VARIANT=/tmp/variant

# variant OLD NEW - makes a module that has NEW instead of OLD in its tables, as if the kernel had other functions.
variant() {
	local pad=''
	while ((${#2} + ${#pad} / 4 < ${#1})); do pad+='\x00'; done
	mkdir -p "$VARIANT"
	LC_ALL=C sed "s/\\x00$1\\x00/\\x00$2$pad\\x00/g" /t/kvm_mte.ko >"$VARIANT/kvm_mte.ko"
	[[ $(sha256sum </t/kvm_mte.ko) != "$(sha256sum <"$VARIANT/kvm_mte.ko")" ]]
}

# ambiguous LENGTH - prints names, of at most that length, that several functions of the kernel have; in the order in which a
# walk over the text meets the second function of the name.
ambiguous() {
	awk -v max="$1" '
		$3 == "_stext" { text = 1 }
		$3 == "_etext" { exit }
		text && $2 ~ /[tT]/ && length($3) <= max && $3 ~ /^[a-z_]+$/ && seen[$3]++ == 1 { print $3 }' /proc/kallsyms
}

# refused OLD NEW WHY NAME
refused() {
	succeeds "a module that wants $2 instead of $1" variant "$1" "$2"
	T=$VARIANT loads_not ENOENT "^$2: $3" "$4"
}

# These functions are hooked or called on every kernel.
is "$(grep -c ' kvm_arch_vcpu_precreatf$' /proc/kallsyms)" 0 "the kernel has no function kvm_arch_vcpu_precreatf"
refused kvm_arch_vcpu_precreate kvm_arch_vcpu_precreatf 'no such function' "a hooked function is missing"
refused kvm_arm_copy_sys_reg_indices no_such_function 'no such function' "another one is missing"
refused mte_clear_page_tags no_such_function 'no such function' "a called function is missing"
succeeds "a module has a function set_held" insmod "$T/mmaplock.ko"
is "$(awk '$3 == "set_held" { print $4 }' /proc/kallsyms)" "[mmaplock]" "kallsyms has it"
refused kvm_arch_vcpu_precreate set_held 'no such function' "a module's function does not count"
rmmod mmaplock

old=kvm_vm_ioctl_enable_cap
name=$(ambiguous ${#old} | head -n 1)
succeeds "the kernel has several functions $name" test "$(grep -c " $name\$" /proc/kallsyms)" -gt 1
refused "$old" "$name" 'not unique' "a hooked function's name is not unique"
refused "$old" "$(ambiguous ${#old} | tail -n 1)" 'not unique' "the second function of the name is at the end of the text"
old=mte_clear_page_tags
refused "$old" "$(ambiguous ${#old} | head -n 1)" 'not unique' "a called function's name is not unique"

# memset() is written in assembly: ftrace cannot trace it.
refused kvm_arch_vcpu_precreate memset '' "a function that cannot be traced"

if modinfo -F hook "$T/kvm_mte.ko" | grep -qx __gfn_to_page; then
	succeeds "a module that wants no_such_func instead of __gfn_to_page" variant __gfn_to_page no_such_func
	dmesg_mark
	is "$(T=$VARIANT try_load)" ok "it loads, for only repairs need the function"
	like "$(said)" '^no_such_func: no such function in this kernel; going on without: clearing of tags before they are copied$' \
		"the log says what is lost"
	is "$(cat "$MTE/repairs/copy_tags_hang")" unavailable "the repair is unavailable"
	is "$(try_unload)" ok "it unloads"
fi

is "$(try_load)" ok "the unchanged module loads"
is "$(try_unload)" ok "and unloads"

done_testing
