#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags or data lost in pages that zswap keeps, or that it writes back to the disk. A page that is written back comes
# to the swap cache decompressed, not read.
# hooks: ftrace
# mem: 2G
# timeout: 1200
. /t/lib.sh
. /t/client.sh
. /t/squeeze.sh

load_module || bail "the module does not load"

succeeds "swap space on a disk" swap_disk 512
succeeds "zswap" zswap zbud 20
client_points writeback --enable=sysfs --size="$(if full; then echo 16M; else echo 8M; fi)"
if full; then
	succeeds "zswap on z3fold" zswap z3fold 20
	squeezed 14M press --enable=sysfs --mem=anon4k --size=24M --rounds=2 --proof=frontswap.loads:4000
	succeeds "a small zswap" zswap zbud 1
	squeezed 14M press --enable=sysfs --mem=anon4k --size=56M --rounds=2 \
		--proof=zswap.pool_limit_hit:100,frontswap.loads:4000,pswpin:1
fi
zswap_off

unload_module || not_ok "the module unloads"
done_testing
