#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Catches: a kernel of tests/bed/kernels that does not boot as a host with MTE and KVM, or for which modules are built
# with warnings or do not load.
# hooks: none
# kernels: all
# timeout: 300
. /t/lib.sh

like "$(uname -r)" "^${KERNEL%%-*}\." "the host runs $KERNEL"
case $KERNEL in
*-cloud) flavour=-cloud-arm64 ;;
*-16k) flavour=-arm64-16k ;;
*) flavour=-arm64 ;;
esac
like "$(uname -r)" "^[^-]*(-[0-9]+)?$flavour\$" "of that flavour"
like "$(grep -m1 Features /proc/cpuinfo)" '\bmte\b' "its CPUs have MTE"
succeeds "/dev/kvm can be opened" bash -c 'exec 3<>/dev/kvm'
if [[ $KERNEL == *-16k ]]; then page=16 huge=32768; else page=4 huge=2048; fi
is "$(awk '/^KernelPageSize/ { print $2; exit }' /proc/self/smaps)" "$page" "its page size"
is "$(awk '/^Hugepagesize/ { print $2 }' /proc/meminfo)" "$huge" "its huge pages"
succeeds "the kernel's own modules load" modprobe zram

is "$(cat /t/fixtures.log)" "" "modules are built without warnings"
dmesg_mark
succeeds "they load" insmod /t/plain.ko
like "$(dmesg_new)" 'plain: loaded, struct kvm has [0-9]+ bytes' "and run"
succeeds "they unload" rmmod plain

done_testing
