#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a KVM that behaves differently with the module for VMs that do not ask for MTE, by Linux 6.1's selftests of KVM.
# Selftests that take minutes are in tests/soak/kvm-selftests.sh.
# kernels: 6.1
# hooks: once
# with: kvm-selftests
# timeout: 1800
# quick: no
. /t/lib.sh
. /t/kvm-selftests.sh

# One mode of guest memory (-m 2: 48 bits, pages of 4 KiB), little memory (-b), few iterations (-i).
PASS_WITHOUT=14
selftests_same aarch32_id_regs "debug-exceptions -i 10" get-reg-list hypercalls psci_test vcpu_width_config vgic_init \
	"vgic_irq -n 64" "demand_paging_test -m 2 -b 4M" "dirty_log_test -m 2 -i 3 -M dirty-log" \
	"dirty_log_perf_test -m 2 -b 4M -i 2" kvm_binary_stats_test kvm_create_max_vcpus "kvm_page_table_test -m 2 -b 4M" \
	"memslot_modification_stress_test -m 2 -b 4M -i 5" steal_time
done_testing
