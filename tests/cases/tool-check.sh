#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: "kvm-mte check" that takes an unfit host or VM for fit, or a fit one for unfit; that guesses what cannot be seen; that
# gives no advice, or a wrong exit status; that runs a program which is not root's.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

W=$RUN_DIR/tool-check
REL=5.10.0-x
DIR=sys/kernel/kvm_mte
. "$TESTS/bed/made-up-host.sh"

gone() { rm -rf "${@/#/$HOST/}"; }

# The line of a requirement, and below it what to do.
line() { mte check "${@:2}" 2>&1 | sed -n "\\|^[a-z]*  *$1: |{N;s/\n         -> /; do: /;P}" | head -n 1 | sed -E 's/^([a-z]+) +/\1 /'; }
# tells LINE NAME [VM] - what is said of the requirement that the line names.
tells() {
	local what=${1#* }
	what=${what%%: *}
	is "$(line "$what" "${@:3}")" "$1" "$2"
}
# ends STATUS NAME [VM]
ends() {
	local status=0
	mte check "${@:3}" >"$W/out" 2>&1 || status=$?
	is "$status" "$1" "$2: exit status"
}

# A module file that modinfo can read: only its .modinfo matters.
# module_file KEY=VALUE...
module_file() {
	local path=$HOST/lib/modules/$REL/updates/dkms/kvm_mte.ko
	file "lib/modules/$REL/modules.dep" "updates/dkms/kvm_mte.ko:\n"
	mkdir -p "${path%/*}"
	: | gcc -x c -c -o "$path" -
	printf '%s\0' "$@" >"$W/modinfo"
	objcopy --add-section .modinfo="$W/modinfo" "$path"
}

# --- a host that is fit ---

file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd mte\nCPU implementer\t: 0x41\n"
file proc/sys/kernel/osrelease "$REL\n"
file proc/sys/kernel/ftrace_enabled "1\n"
file proc/sys/kernel/tainted "0\n"
file proc/cmdline "quiet panic=1\n"
OPTIONS='CONFIG_ARM64_MTE=y\nCONFIG_KVM=y\nCONFIG_MODULES=y\nCONFIG_KPROBES=y\nCONFIG_KALLSYMS=y\nCONFIG_DYNAMIC_FTRACE_WITH_REGS=y\n'
file "boot/config-$REL" "$OPTIONS"
file dev/kvm ""
file var/log/dmesg "[    0.1] kvm [1]: VHE mode initialized successfully\n"
file sys/kernel/security/lockdown "[none] integrity confidentiality\n"
module_file "vermagic=$REL SMP mod_unload aarch64" hook=kvm_reset_vcpu hook=kvm_arch_destroy_vm
UNASKED='KVM cannot be asked whether it has guest MTE itself (/dev/kvm: Inappropriate ioctl for device)'
ends 4 "fit, not loaded"
is "$(mte check)" "ok       CPU: processes can use MTE, so all CPUs have it
ok       firmware: the kernel can store tags, so the firmware allows it
unknown  GMID_EL1: user space cannot read it; the module compares it on all CPUs when it loads
ok       kernel command line: nothing there switches MTE off
ok       configuration: all options that the module needs are on (/boot/config-$REL)
ok       /dev/kvm: it is there
ok       KVM mode: VHE
unknown  KVM's guest MTE: $UNASKED
         -> run this on that host
ok       module for this kernel: /lib/modules/$REL/updates/dkms/kvm_mte.ko
ok       signature: not needed
ok       taint: the kernel allows it; now 0, the module adds 4096 (out of tree) and, without a signature, 8192
ok       livepatches: none
ok       ftrace: it can divert calls, and is on
ok       kprobes: used only to find functions
ok       loading: \"modprobe kvm_mte\" loads the module
unknown  VMM: no program that is known is in the usual places; it may be elsewhere, or in a container
result:  not loaded: nothing was found that prevents MTE; the module is not loaded" "fit, not loaded"

# --- each requirement that is not met ---

# without NAME LINE - after a change of the host: the line, and that the host is unfit.
without() {
	tells "$2" "$1"
	ends 3 "$1"
}
file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
without "no MTE" "no CPU: processes have no MTE here; do: MTE needs Armv8.5 or later, and memory for tags"
tells "unknown firmware: user space cannot see whether it hides the MTE that the CPU has; do: look for MTE or memory tagging in the firmware's setup, or ask its vendor" \
	"no MTE: firmware"
file proc/cmdline "quiet arm64.nomte\n"
without "arm64.nomte" "no kernel command line: arm64.nomte is there; do: remove it, and reboot"
file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd mte\nCPU implementer\t: 0x41\n"
tells "ok kernel command line: arm64.nomte is there, but this kernel does not know it" "arm64.nomte that is ignored"
file proc/cmdline "kvm-arm.mode=protected"
without "protected KVM" "no KVM mode: protected, where a VM's features cannot be changed; do: remove kvm-arm.mode=protected from the kernel's command line, and reboot"
file proc/cmdline "panic_on_taint=0x1000,nousertaint"
without "panic_on_taint=" "no taint: to load the module would crash the host: panic_on_taint=0x1000,nousertaint is on the kernel's command line; do: remove panic_on_taint= from the kernel's command line, or change its value, and reboot"
file proc/cmdline "panic_on_taint=0x2000"
like "$(line taint)" '^no taint: .*panic_on_taint=0x2000 is' "panic_on_taint= for modules without a signature"
file proc/cmdline "panic_on_taint=0x1"
like "$(line taint)" '^ok taint: ' "panic_on_taint= for something else"
gone proc/cmdline
tells "unknown kernel command line: /proc/cmdline cannot be read" "no command line"
file proc/cmdline "quiet"
file "boot/config-$REL" "${OPTIONS/CONFIG_KPROBES=y/# CONFIG_KPROBES is not set}"
without "without an option" "no configuration: the kernel is built without CONFIG_KPROBES (/boot/config-$REL); do: use another kernel, or another flavour of it"
file "boot/config-$REL" "${OPTIONS}CONFIG_CFI_CLANG=y\n"
without "CFI" "no configuration: the kernel is built with CONFIG_CFI_CLANG (/boot/config-$REL); do: use another kernel, or another flavour of it"
file "boot/config-$REL" "${OPTIONS}CONFIG_CFI=y\n"
without "CFI, as new kernels call it" "no configuration: the kernel is built with CONFIG_CFI (/boot/config-$REL); do: use another kernel, or another flavour of it"
file "boot/config-$REL" "${OPTIONS}CONFIG_MODULE_SIG_FORCE=y\n"
like "$(line signature)" "^no signature: needed: the kernel is built with CONFIG_MODULE_SIG_FORCE; the module has none; do: sign" "CONFIG_MODULE_SIG_FORCE"
gone "boot/config-$REL"
tells "unknown configuration: no file that can be read has it; do: install the kernel's configuration in /boot, or: modprobe configs" "no configuration"
ends 4 "no configuration"
file "boot/config-$REL" "$OPTIONS"
file "boot/config-$REL" "${OPTIONS}CONFIG_KASAN_HW_TAGS=y\n"
tells "unknown KVM's guest MTE: $UNASKED; it must have, because the kernel uses MTE itself: CONFIG_KASAN_HW_TAGS (/boot/config-$REL); do: run this on that host" \
	"the tag registers are used, and KVM cannot be asked"
ends 4 "the tag registers are used, and KVM cannot be asked"
file "boot/config-$REL" "$OPTIONS"
file var/log/dmesg "[    0.1] kvm [1]: Hyp mode initialized successfully\n"
tells "unknown KVM's guest MTE: $UNASKED; it must have, because KVM is not in VHE mode; do: run this on that host" "nVHE, and KVM cannot be asked"
ends 4 "nVHE, and KVM cannot be asked"
file var/log/dmesg "[    0.1] kvm [1]: VHE mode initialized successfully\n"
gone dev/kvm
without "no /dev/kvm" "no /dev/kvm: KVM is not available"
file sys/class/misc/kvm/dev "10:232\n"
tells "unknown /dev/kvm: it cannot be reached (No such file or directory), but the kernel has KVM; do: run this on that host" "the device is missing, and the kernel has KVM"
tells "ok KVM mode: VHE" "the device is missing: the mode"
ends 4 "the device is missing, and the kernel has KVM"
gone sys/class
file dev/kvm ""
file var/log/dmesg "[    9.1] kvm_mte: CPU4: GMID_EL1 is 5, that of the others 4: a guest could not move between them\n"
without "CPUs that differ" "no GMID_EL1: the module said: kvm_mte: CPU4: GMID_EL1 is 5, that of the others 4: a guest could not move between them; do: take the CPUs of one kind offline, and load the module again"
file var/log/dmesg "x\n"
tells "unknown KVM mode: it is only in the kernel log, and that line is gone; do: load the module: if it cannot work here, it does not load, and the kernel log has the reason" "an old log"
gone var/log/dmesg
tells "unknown KVM mode: only the kernel log has it, which this user cannot read" "no log"

# --- the module's file ---

module_file "vermagic=5.10.0-y SMP mod_unload aarch64"
tells "no module for this kernel: /lib/modules/$REL/updates/dkms/kvm_mte.ko was built for 5.10.0-y; do: build it again" "built for another kernel"
module_file "vermagic=${REL}y SMP mod_unload aarch64"
like "$(line 'module for this kernel')" "^no .* was built for ${REL}y" "built for a kernel whose release begins with this one's"
ends 4 "built for another kernel: it has only to be built"
echo junk >"$HOST/lib/modules/$REL/updates/dkms/kvm_mte.ko"
tells "unknown module for this kernel: /lib/modules/$REL/updates/dkms/kvm_mte.ko is installed, but modinfo cannot read it" "a file that is no module"
file lib/modules/5.10.0-y/modules.dep "updates/dkms/kvm_mte.ko:\n"
gone "lib/modules/$REL"
tells "no module for this kernel: not installed for $REL, but for another kernel; do: install it: \"dkms status kvm-mte\" tells whether DKMS could build it" "not installed"
ends 4 "not installed"
file sys/kernel/security/lockdown "none [integrity] confidentiality\n"
like "$(line signature)" '^unknown signature: needed: the kernel is locked down; there is no module' "locked down, no module"
module_file "vermagic=$REL SMP" hook=kvm_reset_vcpu hook=kvm_arch_destroy_vm
like "$(line signature)" '^no signature: needed: the kernel is locked down; the module has none; do: sign' "locked down, not signed"
ends 3 "locked down, not signed"
module_file "vermagic=$REL SMP" hook=kvm_reset_vcpu hook=kvm_arch_destroy_vm "signer=A key"
like "$(line signature)" '^unknown signature: needed: .* signed by "A key", and user space cannot see' "locked down, signed"
file sys/kernel/security/lockdown "[none] integrity confidentiality\n"
tells 'ok signature: not needed; signed by "A key"' "signed though it need not be"
file sys/module/module/parameters/sig_enforce "Y\n"
like "$(line signature)" '^unknown signature: needed: module.sig_enforce is on; ' "sig_enforce"
gone sys/module sys/kernel/security
file "boot/config-$REL" "${OPTIONS}CONFIG_SECURITY_LOCKDOWN_LSM=y\n"
EFI=sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
tells "unknown signature: /sys/kernel/security/lockdown is not there; Secure Boot is unknown" "lockdown is not seen"
file $EFI '\006\000\000\000\001'
like "$(line signature)" 'Secure Boot is on; do: sign the module' "Secure Boot"
file $EFI '\006\000\000\000\000'
tells "unknown signature: /sys/kernel/security/lockdown is not there; Secure Boot is off" "Secure Boot is off"
file "boot/config-$REL" "$OPTIONS"
tells 'ok signature: not needed; signed by "A key"' "a kernel without lockdown"
file sys/kernel/security/lockdown "[none] integrity confidentiality\n"
file proc/sys/kernel/modules_disabled "1\n"
without "modules_disabled" "no loading: this kernel loads no module any more: kernel.modules_disabled is 1; do: reboot, and load the module before kernel.modules_disabled is set"
gone proc/sys/kernel/modules_disabled

# --- hooks ---

mkdir -p "$HOST/sys/kernel/livepatch/fix_1/vmlinux/do_exit,1"
tells "ok livepatches: fix_1: no function that the module hooks" "a livepatch of something else"
mkdir -p "$HOST/sys/kernel/livepatch/fix_2/vmlinux/kvm_reset_vcpu,1"
without "a livepatch" "no livepatches: fix_2 patches kvm_reset_vcpu, which the module must hook; do: disable it if you may; there is no other way"
mv "$HOST/lib" "$HOST/lib.away"
tells "unknown livepatches: fix_1 and others; there is no module that could be asked which functions it hooks" "livepatches, no module"
mv "$HOST/lib.away" "$HOST/lib"
gone sys/kernel/livepatch
file proc/sys/kernel/ftrace_enabled "0\n"
without "ftrace_enabled" "no ftrace: it is switched off (kernel.ftrace_enabled is 0); do: sysctl kernel.ftrace_enabled=1; or load the module with hook=kprobe"
gone proc/sys/kernel/ftrace_enabled
tells "ok ftrace: not used: kprobes hook the kernel" "no ftrace"
tells "unknown kprobes: /sys/kernel/debug/kprobes cannot be read; do: mount debugfs" "no debugfs"
file sys/kernel/debug/kprobes/enabled "0\n"
file sys/kernel/debug/kprobes/blacklist "0x0-0x1\tdo_exit\n"
without "kprobes off" "no kprobes: they are switched off (/sys/kernel/debug/kprobes/enabled is 0); do: echo 1 > /sys/kernel/debug/kprobes/enabled"
file sys/kernel/debug/kprobes/enabled "1\n"
tells "ok kprobes: they are on, and allowed where the module needs them" "kprobes"
file sys/kernel/debug/kprobes/blacklist "0x0-0x1\tdo_exit\n0x2-0x3\tkvm_reset_vcpu\n"
without "a forbidden kprobe" "no kprobes: the kernel allows none at kvm_reset_vcpu, which the module must hook; do: use a kernel on which ftrace can divert calls"
file "boot/config-$REL" "${OPTIONS/CONFIG_DYNAMIC_FTRACE_WITH_REGS=y/}"
file proc/sys/kernel/ftrace_enabled "0\n"
tells "ok ftrace: not used: kprobes hook the kernel" "ftrace that cannot divert calls"
file "boot/config-$REL" "$OPTIONS"
file proc/sys/kernel/ftrace_enabled "1\n"
tells "ok kprobes: used only to find functions" "ftrace, no function that it cannot trace"
module_file "vermagic=$REL SMP mod_unload aarch64" hook=kvm_reset_vcpu hook=kvm_arch_destroy_vm hook=mtree_load
tells "ok kprobes: they are on, and allowed where the module needs them" "ftrace, a function that it cannot trace"
file sys/kernel/debug/kprobes/blacklist "0x0-0x1\tdo_exit\n0x2-0x3\tmtree_load\n"
tells "unknown kprobes: the kernel allows none at mtree_load: a VM with hugetlb memory cannot have MTE, any other VM can; do: use other memory for VMs, or another kernel" "a forbidden kprobe, with ftrace"
file sys/kernel/debug/kprobes/enabled "0\n"
tells "unknown kprobes: they are switched off (/sys/kernel/debug/kprobes/enabled is 0): a VM with hugetlb memory cannot have MTE, any other VM can; do: echo 1 > /sys/kernel/debug/kprobes/enabled" "kprobes off, with ftrace"
gone sys/kernel/debug
tells "unknown kprobes: /sys/kernel/debug/kprobes cannot be read; do: mount debugfs" "no debugfs, with ftrace"
module_file "vermagic=$REL SMP" hook=kvm_reset_vcpu hook=kvm_arch_destroy_vm "signer=A key"
file proc/cpuinfo "processor\t: 0\nvendor_id\t: GenuineIntel\n"
is "$(mte check)" 'no       CPU: this is no arm64 machine
result:  cannot: MTE is not possible as it is: see the lines with "no"' "another kind of machine"
file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd mte\nCPU implementer\t: 0x41\n"

# --- VMMs: those of another machine are not run ---

file usr/bin/qemu-system-aarch64 "#!/bin/sh\ntouch $W/ran\n"
file usr/bin/firecracker ""
chmod +x "$HOST"/usr/bin/*
is "$(mte check | grep '  VMM: ')" "ok       VMM: /usr/bin/qemu-system-aarch64, version unknown: asks for MTE with -machine virt,mte=on if it is 9.2 or newer
ok       VMM: /usr/bin/firecracker, version unknown: whether it asks for MTE is not known; if it does, \"kvm-mte list\" shows the origin vmm" "VMMs"
is "$(ls "$W/ran" 2>&1)" "ls: cannot access '$W/ran': No such file or directory" "VMMs: another machine's is not run"

# --- a VM, without the module ---

# maps PID LINE... - the mappings of a process.
maps() {
	file "proc/$1/maps" ""
	printf '%s\n' "${@:2}" >"$HOST/proc/$1/maps"
}
ANON='ffff70000000-ffff90000000 rw-p 00000000 00:00 0 '
PROGRAM='aaaa00000000-aaaa00800000 r-xp 00000000 fe:01 7                          /usr/bin/qemu-system-aarch64
aaaa00800000-aaaa00a00000 rw-p 00800000 fe:01 7                          /usr/bin/qemu-system-aarch64'
mkdir -p "$HOST/proc/77/fd"
ln -s anon_inode:kvm-vm "$HOST/proc/77/fd/9"
ln -s anon_inode:kvm-vcpu:0 "$HOST/proc/77/fd/10"
printf '%s\0' qemu -name web >"$HOST/proc/77/cmdline"
file proc/77/mountinfo "21 1 254:1 / / rw - ext4 /dev/vda1 rw\n22 1 0:5 / /dev/shm rw - tmpfs tmpfs rw\n23 1 0:40 / /huge rw - hugetlbfs h rw\n"
maps 77 "$PROGRAM" "$ANON"
for which in 77-9 77 web; do ends 4 "a VM, by $which" "$which"; done
tells "ok memory: nothing large is mapped that cannot hold tags" "a VM's memory" web
tells "unknown vCPUs: whether one is 32-bit or nested is seen when MTE is turned on" "a VM's vCPUs" web
tells "ok VMM: program unknown: whether it asks for MTE is seen when the module is loaded" "a VM's program" web
maps 77 "$ANON" 'ffff10000000-ffff20000000 rw-s 00000000 fe:01 99    /srv/two words'
FILE='/srv/two words (256 MiB) is a file, which cannot hold tags'
USE='; do: use anonymous memory (memory-backend-ram), or another kind that this kernel allows: troubleshooting.md in the documentation'
tells "unknown memory: $FILE: whether the guest has it is not known$USE" "a file" web
printf '%s\0' qemu -name web -object 'memory-backend-file,mem-path=/srv/two words,share=on' >"$HOST/proc/77/cmdline"
tells "no memory: $FILE$USE" "a file that QEMU's command line names" web
ends 3 "a file that QEMU's command line names" web
printf '%s\0' qemu -name web -object 'memory-backend-file,mem-path=/srv/two,share=on' >"$HOST/proc/77/cmdline"
like "$(line memory web)" '^unknown ' "a file whose name only begins like that" 
printf '%s\0' qemu -name web -object 'memory-backend-file,mem-path=/srv,share=on' >"$HOST/proc/77/cmdline"
like "$(line memory web)" '^no memory: ' "a file in the directory that QEMU's command line names"
for path in '/memfd:ram (deleted)' '/dev/zero (deleted)' '/SYSV00000000 (deleted)' '/anon_hugepage (deleted)' '/dev/vfio/1'; do
	maps 77 "$ANON" "ffff10000000-ffff20000000 rw-s 00000000 00:01 99    $path"
	like "$(line memory web)" '^ok ' "no file: $path"
done
for dev in 00:05 00:28; do
	maps 77 "$ANON" "ffff10000000-ffff20000000 rw-s 00000000 $dev 99    /mnt/x"
	like "$(line memory web)" '^ok ' "a file of tmpfs or hugetlbfs ($dev)"
done
maps 77 "$ANON" "ffff10000000-ffff20000000 rw-s 00000000 00:31 99    /mnt/x"
like "$(line memory web)" '^unknown memory: /mnt/x \(256 MiB\) is a file, ' "a file system that is not mounted there"
printf '%s\0' qemu -name web -cpu host,aarch64=off >"$HOST/proc/77/cmdline"
like "$(line vCPUs web)" '^no vCPUs: 32-bit: its command line has aarch64=off; do: ' "32-bit vCPUs"
gone proc/77/maps
tells "unknown memory: /proc/77/maps cannot be read" "mappings that cannot be read" web
is "$(mte check nosuch 2>&1; echo "$?")" 'kvm-mte: nosuch: no such VM; "kvm-mte list" shows them
1' "no such VM"

# --- with the module ---

file $DIR/version "1\n"
file $DIR/backend "inject\n"
file proc/77/cmdline ""
printf '%s\0' qemu -name web >"$HOST/proc/77/cmdline"
maps 77 "$ANON"
for f in pid:77 state:off origin:none vcpus:2 stats/pages_tagged:0; do file "$DIR/vms/77-9/${f%:*}" "${f#*:}\n"; done
ends 0 "loaded"
is "$(mte check | sed -n '/GMID/p; /guest MTE/p; /signature/p; /loading/p; /^result/p')" "ok       GMID_EL1: the module has found the same on all CPUs
ok       KVM's guest MTE: backend inject
ok       signature: the kernel has accepted the module
ok       loading: the module is loaded
result:  ready: nothing was found that prevents MTE, and the module is loaded" "loaded"
ends 0 "a VM" web
is "$(mte check web | tail -n 5)" 'ok       state: off; "kvm-mte enable 77-9" turns it on
ok       VMM: program unknown: it has not asked for MTE: it does not carry tags when it migrates or saves the VM
ok       memory: nothing large is mapped that cannot hold tags
unknown  vCPUs: whether one is 32-bit or nested is seen when MTE is turned on
result:  ready: nothing was found that prevents MTE, and the module is loaded' "a VM that is off"
SAID='not turned on: memory slot 3 (IPA 40000000, 5 pages) cannot hold tags: a file, DAX or memory of a driver is mapped there'
file var/log/dmesg "[    9.1] kvm_mte: 77-9: $SAID\n"
tells "no memory: the module said: $SAID$USE" "a VM that was refused" web
ends 3 "a VM that was refused" web
file var/log/dmesg "[    9.1] kvm_mte: 77-9: not turned on: a vCPU is 32-bit, and MTE is for 64-bit guests only\n"
like "$(line vCPUs web)" '^no vCPUs: the module said: not turned on: a vCPU is 32-bit' "a VM that was refused for its vCPU"
file var/log/dmesg "[    9.1] kvm_mte: 77-9: not turned on: its memory is logged, and migration is refused\n"
like "$(line migration web)" '^unknown migration: the module said: not turned on: its memory is logged' "a VM that was refused for its migration"
file $DIR/vms/77-9/state "on\n"
file $DIR/vms/77-9/origin "vmm\n"
is "$(mte check web | tail -n 5)" 'ok       state: on, origin vmm
ok       VMM: program unknown: it has asked for MTE itself, so it knows of the tags
ok       memory: the module has accepted it
ok       vCPUs: 2, and the module has accepted them
result:  ready: nothing was found that prevents MTE, and the module is loaded' "a VM that is on"

# Kernels whose own MTE takes fewer kinds of memory.
file $DIR/vms/77-9/state "off\n"
file $DIR/backend "native\n"
gone var/log/dmesg
maps 77 "$ANON" 'ffff10000000-ffff20000000 rw-s 00000000 00:01 99    /memfd:ram (deleted)'
file proc/sys/kernel/osrelease "6.1.0-x\n"
like "$(line memory web)" '^unknown memory: /memfd:ram \(deleted\) \(256 MiB\) is shared memory, which this kernel gives to no VM with MTE: ' "6.1: shared memory"
file proc/sys/kernel/osrelease "6.2.0-x\n"
like "$(line memory web)" '^ok ' "6.2: shared memory"
maps 77 "$ANON" 'ffff10000000-ffff20000000 rw-p 00000000 00:01 99    /anon_hugepage (deleted)'
like "$(line memory web)" '^ok ' "hugetlb memory"
file $DIR/repairs/hugetlb_slots "unavailable\n"
like "$(line memory web)" '^unknown memory: .* is hugetlb memory, which this kernel gives to no VM with MTE: ' "hugetlb memory, which the kernel refuses"
file $DIR/backend "inject\n"
file $DIR/vms/77-9/state "on\n"

# --- usage, JSON ---

mte check web --json >"$W/json"
is "$?" 0 "--json: exit status"
is "$(jq -r '.result, (.checks[] | select(.requirement == "state") | .verdict, .found, .todo)' "$W/json")" 'ready
ok
on, origin vmm
null' "--json"
is "$(mte check a b 2>&1 | head -n 1)" "kvm-mte: check takes one VM: b" "two VMs"
is "$(mte check >/dev/full 2>&1; echo "$?")" 1 "stdout is full"
gone proc/cpuinfo
is "$(mte check 2>&1; echo "$?")" "kvm-mte: $HOST/proc/cpuinfo: No such file or directory
1" "nothing tells what machine it is"

rm -rf "$W"
done_testing
