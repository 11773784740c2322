#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the tags of a 32 MiB huge page cleared in one go with interrupts off when the page is split.
# kernels: 6.12-16k
# hooks: once
. /t/lib.sh
. /t/client.sh

COUNTS=/sys/module/irqsoff/parameters
SIZE=$((2 * $(cat /sys/kernel/mm/transparent_hugepage/hpage_pmd_size)))

load_module || bail "the module does not load"
succeeds "calls of mte_clear_page_tags() are counted" insmod "$T/irqsoff.ko"
client_points huge --enable=cap "--size=$SIZE"
diag "cleared with interrupts on $(cat $COUNTS/on), off $(cat $COUNTS/off)"
is "$(cat $COUNTS/off)" 0 "no page is cleared with interrupts off"
succeeds "pages are cleared with interrupts on" test "$(cat $COUNTS/on)" -gt 1000
succeeds "the counter is removed" rmmod irqsoff
unload_module || not_ok "the module unloads"
done_testing
