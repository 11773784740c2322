// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transparent huge pages of a guest: split, built by khugepaged, and mapped as blocks again.
 * Mainline loses tags in the first case, and shows tags of others in the third.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define SPLIT		"/sys/kernel/debug/split_huge_pages"
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"
#define WAIT_TENTHS	1200

/* Of the host: 2 MiB and 4 KiB, or 32 MiB and 16 KiB */
static u64 huge_size, page_size;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s: %s", path, errno_name(errno));
	close(fd);
}

static size_t huge_pages(void *p, size_t size)
{
	return mem_with_flag(p, size, KPF_THP);
}

/*
 * A page that is in use at this moment is not split: try again. A page that waits on some CPU to
 * get to its LRU list is not split either, perhaps for ever; compaction moves all such pages to
 * their lists first. khugepaged must not build huge pages again.
 */
static void split(struct vm *vm)
{
	int i;

	madvise(vm->data, vm->data_size, MADV_NOHUGEPAGE);
	for (i = 0; i < WAIT_TENTHS && huge_pages(vm->data, vm->data_size); i++) {
		write_file("/proc/sys/vm/compact_memory", "1");
		write_file(SPLIT, "1");
		usleep(i ? 100000 : 0);
	}
	is(huge_pages(vm->data, vm->data_size), 0, "the huge pages are split");
}

static struct vm *with_huge_pages(u32 flags)
{
	struct vm *vm = vm_new();

	vm_load_guest(vm);
	vm_memory(vm, MEM_THP, opt.size);
	memset(vm->data, 0, opt.size);
	is(huge_pages(vm->data, opt.size), opt.size / page_size, "guest memory is huge pages");
	is(vm_slot(vm, 1, GUEST_DATA, vm->data, opt.size, flags), 0, "slot flags %#x", flags);
	vcpu_init(vcpu_create(vm));
	return vm;
}

/* Memory full of tags, for the next owner: huge pages if possible */
static void leave_tags(void)
{
	size_t size = 2 * opt.size;
	void *p = host_tagged_map(size);

	madvise(p, size, MADV_HUGEPAGE);
	host_tag_fill(p, size, opt.seed);
	munmap(p, size);
}

/* Under dirty logging KVM maps a huge page in pieces. The guest tags some of them. */
static void split_under_log(void)
{
	struct vm *vm;
	struct vcpu *v;
	u64 a;

	leave_tags();
	vm = with_huge_pages(KVM_MEM_LOG_DIRTY_PAGES);
	v = &vm->vcpu[0];
	for (a = GUEST_DATA; a < vm_data_end(vm); a += huge_size)
		vcpu_cmd(v, CMD_TAG_FILL, a + huge_size / 2, a + huge_size, opt.seed);
	split(vm);
	for (a = GUEST_DATA; a < vm_data_end(vm); a += huge_size) {
		is(vcpu_cmd(v, CMD_TAG_VERIFY, a + huge_size / 2, a + huge_size, opt.seed), 0,
		   "split at %#lx: tags stay", a);
		is(vcpu_cmd(v, CMD_TAG_READ, a, a + huge_size / 2), 0,
		   "split at %#lx: no tags where the guest set none", a);
	}
	vm_destroy(vm);
}

static void wait_for_khugepaged(struct vm *vm)
{
	size_t want = vm->data_size / page_size;
	int i;

	write_file(KHUGEPAGED "scan_sleep_millisecs", "10");
	write_file(KHUGEPAGED "alloc_sleep_millisecs", "10");
	write_file(KHUGEPAGED "pages_to_scan", "100000");
	madvise(vm->data, vm->data_size, MADV_HUGEPAGE);
	for (i = 0; i < WAIT_TENTHS && huge_pages(vm->data, vm->data_size) != want; i++)
		usleep(100000);
	is(huge_pages(vm->data, vm->data_size), want, "khugepaged has built huge pages");
}

/* Every other page. Every other huge page begins with such a page, the others do not. */
static bool is_guests(u64 a)
{
	return (a / page_size + a / huge_size) & 1;
}

/* Huge pages are built of pages that the guest has tagged and pages that it never touched. */
static void built_and_split(void)
{
	u64 lost = 0, strange = 0, a;
	struct vm *vm = vm_new();
	struct vcpu *v;

	vm_load_guest(vm);
	vm_memory(vm, MEM_ANON4K, opt.size);
	memset(vm->data, 0, opt.size);
	v = vcpu_create(vm);
	vcpu_init(v);
	for (a = GUEST_DATA; a < vm_data_end(vm); a += page_size)
		if (is_guests(a))
			vcpu_cmd(v, CMD_TAG_FILL, a, a + page_size, opt.seed);
	leave_tags();
	wait_for_khugepaged(vm);
	split(vm);
	for (a = GUEST_DATA; a < vm_data_end(vm); a += page_size)
		if (is_guests(a))
			lost += vcpu_cmd(v, CMD_TAG_VERIFY, a, a + page_size, opt.seed);
		else
			strange += vcpu_cmd(v, CMD_TAG_READ, a, a + page_size);
	is(lost, 0, "built by khugepaged and split: tags stay");
	is(strange, 0, "built by khugepaged and split: no tags where the guest set none");
	vm_destroy(vm);
}

/* Pieces become a block again when dirty logging ends. The guest has never touched most of it. */
static void block_again(void)
{
	struct vm *vm;
	struct vcpu *v;

	leave_tags();
	vm = with_huge_pages(KVM_MEM_LOG_DIRTY_PAGES);
	v = &vm->vcpu[0];
	vcpu_cmd(v, CMD_LOAD, GUEST_DATA, vm_data_end(vm), huge_size, 0);
	is(vm_slot(vm, 1, GUEST_DATA, vm->data, opt.size, 0), 0, "dirty logging ends");
	vcpu_cmd(v, CMD_STORE, GUEST_DATA, vm_data_end(vm), huge_size, opt.seed);
	is(vm_tag_count(v), 0, "mapped as blocks again: no tags");
	vm_tag_fill(v, opt.seed);
	is(vm_tag_verify(v, opt.seed), 0, "tags stay then");
	vm_destroy(vm);
}

CASE(huge,
     "tags lost, or tags of others, when huge pages are split, built or mapped as blocks again")
{
	huge_size = mem_thp();
	page_size = getpagesize();
	if (opt.size % huge_size)
		die("--size must be a multiple of %lu", huge_size);
	split_under_log();
	built_and_split();
	block_again();
	return 0;
}
