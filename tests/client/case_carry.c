// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tags of a VM are carried to another one by /dev/kvm_mte, without its VMM: to one that has
 * never run, and to one that has run and has other tags.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "carry.h"
#include "client.h"
#include "swapping.h"

#define STEP	64

static u64 half(struct vm *vm)
{
	return GUEST_DATA + vm->data_size / 2;
}

/* The first half of its memory has tags, and a word in each 64 bytes of all of it. */
static struct vm *source(void)
{
	struct vm *vm = vm_ready(2);

	vcpu_cmd(&vm->vcpu[0], CMD_STORE, GUEST_DATA, vm_data_end(vm), STEP, opt.seed);
	vcpu_cmd(&vm->vcpu[1], CMD_TAG_FILL, GUEST_DATA, half(vm), opt.seed);
	return vm;
}

static void take_out(struct vm *vm, struct carried *tags, const char *what)
{
	int fd = carry_file();

	is(carry_open(fd, vm, KVM_MTE_SAVE), 0, "%s: the file is open for a save", what);
	is(carry_all_out(fd, tags), 0, "%s: all tags are read", what);
	is(carry_wrong(tags, GUEST_DATA, half(vm), opt.seed), 0, "%s: each tag, and no other", what);
	close(fd);
}

static void has_tags(struct vm *vm, const char *what)
{
	struct vcpu *v = &vm->vcpu[0];

	is(vcpu_cmd(v, CMD_TAG_VERIFY, GUEST_DATA, half(vm), opt.seed), 0,
	   "%s: tags that differ, in the half that has tags", what);
	is(vcpu_cmd(v, CMD_TAG_READ, half(vm), vm_data_end(vm)), 0,
	   "%s: tags in the half that has none", what);
}

static void put_in(struct vm *vm, const struct carried *tags, u32 mode, const char *what)
{
	int fd = carry_file();

	is(carry_open(fd, vm, mode), 0, "%s: the file is open for a load", what);
	is_text(module_read(vm, "hold"), "1", "%s: the VM is held", what);
	is(carry_all_in(fd, tags), 0, "%s: all tags are written", what);
	is(ioctl(fd, KVM_MTE_RELEASE), 0, "%s: released", what);
	is_text(module_read(vm, "hold"), "0", "%s: the VM is not held any more", what);
	close(fd);
}

/* Its VMM writes the memory after the tags came: that must not change them. */
static void to_new(const struct carried *tags)
{
	struct vm *vm = vm_ready(2);

	put_in(vm, tags, KVM_MTE_LOAD_INCOMING, "a VM that has never run");
	memset(vm->data, 0x5a, vm->data_size);
	has_tags(vm, "a VM that has never run");
	vm_destroy(vm);
}

static void to_used(const struct carried *tags)
{
	struct vm *vm = vm_ready(2);
	struct vcpu *v = &vm->vcpu[1];

	vcpu_cmd(v, CMD_STORE, GUEST_DATA, vm_data_end(vm), STEP, opt.seed + 5);
	vm_tag_fill(v, opt.seed + 1);
	/* Then the pages have a copy in swap, and that has the old tags. */
	if (opt.churn) {
		ok(page_out(vm) > 0, "a VM that has run: its memory is swapped out");
		is(vm_tag_verify(v, opt.seed + 1), 0, "a VM that has run: and in again");
	}
	is(module_write(vm, "hold", "1\n", 2), 0, "a VM that has run: it can be held");
	put_in(vm, tags, KVM_MTE_LOAD, "a VM that has run");
	if (opt.churn)
		ok(page_out(vm) > 0, "a VM that has run: its memory is swapped out again");
	has_tags(vm, "a VM that has run");
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), STEP, opt.seed + 5), 0,
	   "a VM that has run: words that differ");
	vm_destroy(vm);
}

CASE(carry,
     "tags that are lost, left over or invented when a VM's tags are carried to another VM")
{
	struct carried tags, again;
	struct vm *vm;

	module_needed();
	vm = source();
	if (opt.churn)
		ok(page_out(vm) > 0, "the source's memory is swapped out");
	take_out(vm, &tags, "saved");
	/* Reading must not change anything. */
	has_tags(vm, "saved");
	is(vcpu_cmd(&vm->vcpu[0], CMD_LOAD, GUEST_DATA, vm_data_end(vm), STEP, opt.seed), 0,
	   "saved: words that differ");
	take_out(vm, &again, "saved again");
	to_new(&tags);
	to_used(&tags);
	carry_free(&tags);
	carry_free(&again);
	vm_destroy(vm);
	return 0;
}

/* Memory that was never used must not be populated: a guest of 1 TiB may use a little of it. */
CASE(carryempty,
     "a guest's memory that is populated because its tags are read or written")
{
	unsigned char *there;
	struct carried tags;
	size_t pages, i, n = 0;
	struct vm *vm;
	int fd;

	module_needed();
	vm = vm_ready(1);
	pages = vm->data_size / HOST_PAGE;
	vcpu_cmd(&vm->vcpu[0], CMD_TAG_FILL, GUEST_DATA + 4 * mem_page(opt.mem),
		 GUEST_DATA + 4 * mem_page(opt.mem) + HOST_PAGE, opt.seed);
	is(module_write(vm, "hold", "1\n", 2), 0, "the VM can be held");
	fd = carry_file();
	is(carry_open(fd, vm, KVM_MTE_LOAD), 0, "the file is open for a load");
	is(carry_all_out(fd, &tags), 0, "all tags are read");
	is(tags.nr, HOST_PAGE / 4096, "pages with tags");
	is(carry_all_in(fd, &tags), 0, "all tags are written");
	close(fd);
	there = malloc(pages);
	if (!there || mincore(vm->data, vm->data_size, there))
		die("mincore");
	for (i = 0; i < pages; i++)
		n += there[i] & 1;
	is(n, mem_page(opt.mem) / HOST_PAGE, "pages of memory that are there");
	free(there);
	carry_free(&tags);
	vm_destroy(vm);
	return 0;
}
