#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: the same as tests/cases/swap.sh, with 300 MiB of a guest in 180 MiB of its host: swap to a disk with read-ahead,
# swapoff meanwhile, and zswap that writes back.
# timeout: 7200
. /t/lib.sh
. /t/client.sh
. /t/squeeze.sh

press() { squeezed 180M press --enable=sysfs --size=300M "$@"; }

load_module || bail "the module does not load"
succeeds "swap space on a disk" swap_disk 1024
eager_khugepaged
press --mem=anon4k --rounds=8 --proof=pswpin:200000,swap_ra:20000
press --mem=thp --with=swapoff,compact --proof=pswpin:30000,thp_split_page:50,thp_collapse_alloc:1,pgmigrate_success:1000

succeeds "swap space again" swapon /dev/nullb0
succeeds "zswap" zswap zbud 20
client_points writeback --enable=sysfs --size=300M
succeeds "a small zswap" zswap zbud 1
press --mem=anon4k --proof=zswap.pool_limit_hit:1000,frontswap.loads:10000,pswpin:10000
zswap_off

unload_module || not_ok "the module unloads"
done_testing
