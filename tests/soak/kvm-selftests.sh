#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: what tests/cases/kvm-selftests.sh does, with what each does by itself in all modes of guest memory. Not arch_timer and
# memslot_perf_test: their results tell how fast the machine is.
# kernels: 6.1
# with: kvm-selftests
# timeout: 14400
. /t/lib.sh
. /t/kvm-selftests.sh

PASS_WITHOUT=16 SELFTEST_TIMEOUT=3600
selftests_same aarch32_id_regs debug-exceptions get-reg-list hypercalls psci_test vcpu_width_config vgic_init vgic_irq \
	demand_paging_test dirty_log_test dirty_log_perf_test kvm_binary_stats_test kvm_create_max_vcpus kvm_page_table_test \
	memslot_modification_stress_test rseq_test set_memory_region_test steal_time
done_testing
