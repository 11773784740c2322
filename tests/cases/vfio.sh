#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VM with MTE that cannot use a real device by VFIO: QEMU that ends when the guest enables the device, because the
# slots of its registers are refused; data that the device reads or writes wrongly, or tags that it changes; a device that does not work after its VM
# was turned on at the guest's reboot.
# kernels: 5.10 6.1 6.12 7.2
# quick-kernels: 7.2
# hooks: each
# machine: mte=on,iommu=smmuv3
# qemu: -drive file=null-co://,format=raw,if=none,id=disk,snapshot=on -device nvme,drive=disk,serial=1
# timeout: 1800
. /t/lib.sh
. /t/hooks.sh

NVME=0x010802
HALF_THE_SELFTESTS='check_tags_inclusion check_prctl check_buffer_fill'

# nvme_address - the NVMe controller's address on the bus
nvme_address() {
	local d
	for d in /sys/bus/pci/devices/*; do
		[[ $(cat "$d/class") != "$NVME" ]] || basename "$d"
	done
}

# give_to_vfio ADDRESS - takes the device from its driver
give_to_vfio() {
	local d=/sys/bus/pci/devices/$1
	modprobe vfio-pci && modprobe vfio_iommu_type1 || return 1
	[[ ! -e $d/driver ]] || echo "$1" >"$d/driver/unbind"
	echo vfio-pci >"$d/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	[[ $(basename "$(readlink "$d/driver")") == vfio-pci ]]
}

# copies ROUNDS - the guest's script: writes 4 MiB to the disk, reads them back and compares, by DMA each time
copies() {
	cat <<-EOS
		dd if=/dev/urandom of=/tmp/written bs=1M count=4 2>/dev/null
		for i in \$(seq $1); do
			dd if=/tmp/written of=/dev/nvme0n1 bs=1M seek=\$i conv=fsync 2>/dev/null || exit 1
			echo 3 >/proc/sys/vm/drop_caches
			dd if=/dev/nvme0n1 of=/tmp/read bs=1M skip=\$i count=4 2>/dev/null || exit 2
			cmp /tmp/written /tmp/read || exit 3
		done
	EOS
}

ADDRESS=$(nvme_address)
[[ -n $ADDRESS ]] || bail "the host has no NVMe device"
succeeds "the device is VFIO's" give_to_vfio "$ADDRESS"
isnt "$(readlink "/sys/bus/pci/devices/$ADDRESS/iommu_group")" "" "the SMMU separates it"
ulimit -l unlimited

load_module || bail "the module does not load"
echo on >"$MTE/policy/default"
succeeds "QEMU starts with the device" qemu_start g -device "vfio-pci,host=$ADDRESS"
guest_wait_boot g || bail "no guest"
is "$(vm_get g state) $(vm_get g origin)" "on policy" "the VM has MTE"
is "$(guest_run g "grep -c '^Features.*\bmte\b' /proc/cpuinfo")" 1 "and the guest sees it"
is "$(guest_run g 'cat /sys/block/nvme0n1/size >/dev/null; echo $?')" 0 "the guest's driver runs the device"
like "$(guest_run g 'grep -c nvme /proc/interrupts')" '^[1-9]' "with interrupts"
guest_run g "($(copies 3)) >/tmp/copies 2>&1; echo \$? >>/tmp/copies" >/dev/null
is "$(guest_run g 'cat /tmp/copies')" 0 "what is written to the device is read back"
is "$(guest_run g 'dmatags /dev/nvme0n1')" "0 0 0" "the device reads and writes memory with tags: they stay, and the words are right"

# The selftests and the device at once.
guest_run g "{ ($(copies 20)); echo \$? >/tmp/copied; } >/dev/null 2>&1 &" >/dev/null
TESTS=$(if ! full; then echo "$HALF_THE_SELFTESTS"; fi)
like "$(guest_run g "/mte-selftests $TESTS" 900 | tail -n 1)" "^mte-selftests: $(if full; then echo 131; else echo '[1-9][0-9]*'; fi) passed, 0 failed, 0 skipped\$" \
	"the guest's MTE selftests pass while it uses the device"
is "$(guest_run g 'while [ ! -s /tmp/copied ]; do sleep 1; done; cat /tmp/copied')" 0 "and all that it copied meanwhile is right"

# Memory slots come and go with the device.
reset_to() {
	qemu_monitor g system_reset
	guest_wait_boot g || bail "the guest does not boot after a reset"
	is "$(vm_get g state)" "$1" "after a reset the VM is $1"
	guest_run g "($(copies 2)) >/tmp/copies 2>&1; echo \$? >>/tmp/copies" >/dev/null
	is "$(guest_run g 'cat /tmp/copies')" 0 "and the device works"
}
reset_to on
vm_set g enable 0
reset_to off
vm_set g enable 1
reset_to on
qemu_stop g

is "$(rmmod_says)" ok "it unloads"
done_testing
