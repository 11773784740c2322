// SPDX-License-Identifier: GPL-2.0-only
/* Tags of guest memory within one VM. */
#include "client.h"

CASE(tagfill,
     "tags that do not stay; leaves tagged pages to the host")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];

	vm_tag_fill(v, opt.seed);
	is(vm_tag_verify(v, opt.seed), 0, "%zu MiB of %s hold the tags written", opt.size >> 20,
	   mem_name[opt.mem]);
	vm_destroy(v->vm);
	return 0;
}

CASE(tagread,
     "a new VM that reads tags of earlier owners")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];

	vm_touch(v);
	is(vm_tag_count(v), 0, "no tag in %zu MiB of fresh %s", opt.size >> 20, mem_name[opt.mem]);
	vm_destroy(v->vm);
	return 0;
}

static u64 mmu_off_store(struct vcpu *v, u64 seed)
{
	vcpu_cmd(v, CMD_MMU_OFF_STORE, GUEST_DATA, vm_data_end(v->vm), 64, seed, opt.on);
	return vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(v->vm), 64, seed);
}

CASE(visible,
     "tags or data lost or stale around the guest's MMU being off")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	u64 end = vm_data_end(v->vm);

	is(mmu_off_store(v, 1), 0, "data written with the MMU off is read with it on");
	is(vm_tag_count(v), 0, "pages first touched with the MMU off have no tags");
	vm_tag_fill(v, opt.seed);
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, end, 64, 1), 0, "tagging leaves the data");
	is(mmu_off_store(v, 2), 0, "data written with the MMU off again is read with it on");
	is(vm_tag_verify(v, opt.seed), 0, "the tags from before are still there");
	vcpu_init(v);
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, end, 64, 2), 0, "data stays over KVM_ARM_VCPU_INIT");
	is(vm_tag_verify(v, opt.seed), 0, "and so do the tags");
	vm_destroy(v->vm);
	return 0;
}
