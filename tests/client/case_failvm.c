// SPDX-License-Identifier: GPL-2.0-only
/* Each allocation fails once in calls of a VMM, and in an admin's writes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "failing.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define NEXT_SLOT	2

static void vm_end(struct scene *s)
{
	vm_destroy(s->vm);
}

static int vm_create_call(struct scene *s)
{
	s->vm->fd = kvm_ioctl(kvm_dev(), KVM_CREATE_VM, NULL);
	return s->vm->fd < 0 ? s->vm->fd : 0;
}

static void before_create(struct scene *s)
{
	s->vm = calloc(1, sizeof(*s->vm));
}

/* A VM that cannot be registered has no directory, and no MTE by policy. */
static void policy_on(struct scene *s)
{
	policy_set_default("on");
	before_create(s);
}

static const char *wrong_born(struct scene *s, bool failed)
{
	const char *state;

	if (failed)
		return NULL;
	state = module_read(s->vm, "state");
	return strcmp(state, "on") && strcmp(state, "off") && strcmp(state, "ENOENT") ? state : NULL;
}

static void end_born(struct scene *s)
{
	policy_set_default("request");
	vm_end(s);
}

static void furnished(struct scene *s)
{
	s->vm = vm_off(1);
	s->v = &s->vm->vcpu[0];
}

static void furnished_on(struct scene *s)
{
	furnished(s);
	if (module_enable(s->vm, true))
		die("the VM gets no MTE");
}

static int enable(struct scene *s)
{
	return module_enable(s->vm, true);
}

/* The guest tags all of its memory, and finds the tags. */
static const char *tags_wrong(struct scene *s)
{
	vm_touch(s->v);
	vm_tag_fill(s->v, opt.seed);
	return vm_tag_verify(s->v, opt.seed) ? "tags are lost" : NULL;
}

static const char *wrong_state(struct scene *s, bool failed, const char *want)
{
	if (strcmp(module_read(s->vm, "state"), failed ? "off" : want))
		return failed ? "not off" : module_read(s->vm, "state");
	return NULL;
}

static const char *wrong_enabled(struct scene *s, bool failed)
{
	return wrong_state(s, failed, "on") ?: failed ? NULL : tags_wrong(s);
}

static void have_run(struct scene *s)
{
	furnished(s);
	vm_touch(s->v);
}

static const char *wrong_turning(struct scene *s, bool failed)
{
	return wrong_state(s, failed, "turning-on");
}

static void turning(struct scene *s)
{
	have_run(s);
	if (enable(s))
		die("the VM does not turn on");
}

static int init(struct scene *s)
{
	return vcpu_try_init(s->v, 0);
}

/* A failure may leave the change to the next reboot. */
static const char *wrong_reboot(struct scene *s, bool failed)
{
	if (failed)
		return NULL;
	vcpu_init(s->v);
	return wrong_enabled(s, false);
}

static void born_only(struct scene *s)
{
	s->vm = vm_create();
}

static int cap(struct scene *s)
{
	return vm_enable_mte(s->vm);
}

static const char *wrong_cap(struct scene *s, bool failed)
{
	return wrong_state(s, failed, "on");
}

static int new_vcpu(struct scene *s)
{
	s->fd = kvm_ioctl(s->vm->fd, KVM_CREATE_VCPU, NULL);
	return s->fd < 0 ? s->fd : 0;
}

static void born_on(struct scene *s)
{
	born_only(s);
	if (cap(s))
		die("the VM gets no MTE");
}

static void end_vcpu(struct scene *s)
{
	close(s->fd);
	vm_end(s);
}

/* --- memory --- */

static int slot(struct scene *s)
{
	return vm_slot(s->vm, NEXT_SLOT, vm_data_end(s->vm), s->vm->data, s->vm->data_size, 0);
}

static int slot_log(struct scene *s)
{
	return vm_slot(s->vm, 1, GUEST_DATA, s->vm->data, s->vm->data_size, KVM_MEM_LOG_DIRTY_PAGES);
}

static const char *wrong_tags(struct scene *s, bool failed)
{
	return failed ? NULL : tags_wrong(s);
}

/* A command that has failed goes on in the next try. */
static int run(struct scene *s)
{
	const u64 arg[6] = { GUEST_DATA, vm_data_end(s->vm), opt.seed };

	return vcpu_try_cmd(s->v, CMD_TAG_FILL, arg);
}

static const char *lost(struct scene *s, bool failed)
{
	return !failed && vm_tag_verify(s->v, opt.seed) ? "tags are lost" : NULL;
}

static void filled(struct scene *s)
{
	furnished_on(s);
	vm_touch(s->v);
	vm_tag_fill(s->v, opt.seed);
	s->tags = calloc(1, opt.size / TAG_GRANULE);
	tags_make(s->tags, GUEST_DATA, opt.size, opt.seed);
}

static void end_filled(struct scene *s)
{
	free(s->tags);
	vm_end(s);
}

/* The length says how much was copied before an allocation failed. */
static int copied(int r)
{
	return r == (int)opt.size ? 0 : r < 0 ? r : -ENOMEM;
}

static int copy_out(struct scene *s)
{
	memset(s->tags, 0xff, opt.size / TAG_GRANULE);
	return copied(tags_get(s->vm, GUEST_DATA, s->tags, opt.size));
}

static const char *wrong_out(struct scene *s, bool failed)
{
	return failed ? NULL : tags_differ(s->tags, GUEST_DATA, opt.size, opt.seed) ? "other tags" : NULL;
}

static void tags_ready(struct scene *s)
{
	furnished_on(s);
	s->tags = malloc(opt.size / TAG_GRANULE);
	tags_make(s->tags, GUEST_DATA, opt.size, opt.seed);
}

static int copy_in(struct scene *s)
{
	return copied(tags_put(s->vm, GUEST_DATA, s->tags, opt.size));
}

/* The kernel spares pages once that were used a moment ago. */
#define PAGEOUTS	4

static int swap_out(struct scene *s)
{
	int i;

	for (i = 0; i < PAGEOUTS; i++)
		madvise(s->vm->data, s->vm->data_size, MADV_PAGEOUT);
	return 0;
}

static void swapped(struct scene *s)
{
	filled(s);
	swap_out(s);
}

static int swap_in(struct scene *s)
{
	const u64 arg[6] = { GUEST_DATA, vm_data_end(s->vm), opt.seed };

	return vcpu_try_cmd(s->v, CMD_TAG_VERIFY, arg);
}

/* All that vm_destroy() does; it is not called twice. */
static int destroy(struct scene *s)
{
	vm_destroy(s->vm);
	return 0;
}

static const struct step steps[] = {
	{ "KVM_CREATE_VM", before_create, vm_create_call, wrong_born, vm_end },
	{ "KVM_CREATE_VM, policy on", policy_on, vm_create_call, wrong_born, end_born },
	{ "KVM_ENABLE_CAP", born_only, cap, wrong_cap, vm_end },
	{ "enable", furnished, enable, wrong_enabled, vm_end },
	{ "enable, has run", have_run, enable, wrong_turning, vm_end },
	{ "KVM_CREATE_VCPU", born_on, new_vcpu, NULL, end_vcpu },
	{ "KVM_ARM_VCPU_INIT", furnished_on, init, NULL, vm_end },
	{ "KVM_ARM_VCPU_INIT, turning on", turning, init, wrong_reboot, vm_end },
	{ "a memory slot", furnished_on, slot, wrong_tags, vm_end },
	{ "dirty logging", filled, slot_log, lost, end_filled },
	{ "KVM_RUN", furnished_on, run, lost, vm_end, EFAULT },
	{ "COPY_TAGS out", filled, copy_out, wrong_out, end_filled, EFAULT },
	{ "COPY_TAGS in", tags_ready, copy_in, lost, end_filled, EFAULT },
	{ "swap out", filled, swap_out, lost, end_filled },
	{ "swap in", swapped, swap_in, lost, end_filled, EFAULT },
	{ "the VM's end", filled, destroy },
};

static void fail_step(const struct step *step)
{
	/* KVM's own needs no buffer. The first time, it may allocate other things. */
	if (step->call == copy_out && !module_injects()) {
		failing_count(step);
		is(failing_count(step), 0, "%s: KVM does not allocate", step->name);
		return;
	}
	failing_step(step, opt.rounds);
}

CASE(failvm,
     "allocations that fail in calls of a VMM, in an admin's writes, in swapping; --rounds of each")
{
	struct scene keeper;
	size_t i;

	module_needed();
	failing_open();
	/* It keeps the hooks of VMs with MTE: they are set and removed in failfirst. */
	furnished_on(&keeper);
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		fail_step(&steps[i]);
	is_text(wrong_enabled(&keeper, false) ?: "right", "right", "another VM, at the end");
	vm_end(&keeper);
	return 0;
}
