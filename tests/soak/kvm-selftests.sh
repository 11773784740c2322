#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the same as tests/cases/kvm-selftests.sh, with the selftests' own defaults and all modes of guest memory. Without
# arch_timer and memslot_perf_test: their results depend on the speed of the machine.
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
