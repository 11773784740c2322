#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: tags or data lost, or stray tag check faults, when the kernel migrates guest memory: between NUMA nodes, by
# compaction, and while KSM runs; tags that "kvm-mte tags save" does not see then.
# kernels: 5.10 7.2
# quick-kernels: 5.10
# hooks: ftrace
# mem: 2G
# qemu: -object memory-backend-ram,id=m0,size=1G -object memory-backend-ram,id=m1,size=1G -numa node,nodeid=0,memdev=m0 -numa node,nodeid=1,memdev=m1
# timeout: 1500
. /t/lib.sh
. /t/client.sh
. /t/squeeze.sh

press() { client_points press --enable=sysfs "$@"; }

load_module || bail "the module does not load"
eager_khugepaged

if [[ $KERNEL == 7.2 ]]; then
	client_points carrymove --enable=sysfs --mem=hugetlb2m --size=24M --rounds=400 --with=move --proof=pgmigrate_success:10
elif full; then
	press --mem=anon4k --size=24M --with=move,compact --proof=pgmigrate_success:10000
	press --mem=thp --size=32M --with=move,split --proof=pgmigrate_success:10000,thp_split_page:1
	press --mem=memfd --size=24M --with=move --proof=pgmigrate_success:10000
	press --mem=hugetlb2m --size=24M --with=move --proof=pgmigrate_success:10
	press --mem=anon4k --size=24M --with=ksm,move --proof=ksm.full_scans:2,ksm.pages_sharing:500,pgmigrate_success:1000
	client_points carrymove --enable=sysfs --mem=hugetlb2m --size=24M --with=move --proof=pgmigrate_success:10
else
	press --mem=thp --size=16M --with=move,split --rounds=2 --proof=pgmigrate_success:2000,thp_split_page:1
fi
client_points carrymove --enable=sysfs --mem=thp --size=16M --with=move --proof=pgmigrate_success:2000

unload_module || not_ok "the module unloads"
done_testing
