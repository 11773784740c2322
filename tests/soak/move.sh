#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the same as tests/cases/move.sh, with 300 MiB of a guest, while the host also swaps them.
# mem: 3G
# qemu: -object memory-backend-ram,id=m0,size=1536M -object memory-backend-ram,id=m1,size=1536M -numa node,nodeid=0,memdev=m0 -numa node,nodeid=1,memdev=m1
# timeout: 7200
. /t/lib.sh
. /t/client.sh
. /t/squeeze.sh

press() { squeezed "$1" press --enable=sysfs --size=300M "${@:2}"; }

load_module || bail "the module does not load"
succeeds "swap space on zram" swap_zram 1024
eager_khugepaged
press max --mem=thp --with=move,split,compact --proof=pgmigrate_success:100000,thp_split_page:100
press 180M --mem=anon4k --with=move,ksm,compact --proof=pgmigrate_success:50000,pswpin:80000,ksm.full_scans:1
press 180M --mem=memfd --with=move,pageout --proof=pgmigrate_success:20000,pswpin:50000

unload_module || not_ok "the module unloads"
done_testing
