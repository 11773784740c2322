#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the same as tests/cases/swap.sh, with 300 MiB of a guest in 180 MiB of its host, and swap to zram: without huge
# pages, and with huge pages while the kernel compacts memory and builds huge pages.
# timeout: 7200
. /t/lib.sh
. /t/client.sh
. /t/squeeze.sh

press() { squeezed 180M press --enable=sysfs --size=300M "$@"; }

load_module || bail "the module does not load"
succeeds "swap space on zram" swap_zram 1024
echo never >"$THP/enabled"
press --mem=anon4k --rounds=8 --proof=pswpin:200000
press --mem=memfd --proof=pswpin:80000
echo always >"$THP/enabled"
eager_khugepaged
press --mem=thp --with=compact --proof=pswpin:80000,thp_split_page:50,thp_collapse_alloc:1,pgmigrate_success:1000

unload_module || not_ok "the module unloads"
done_testing
