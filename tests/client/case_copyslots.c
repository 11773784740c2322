// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_ARM_MTE_COPY_TAGS and memory slots: their edges, holes in the VMM's mapping, memory that is
 * read-only, logged, a device, a file or in swap; and a VM with a pending change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "life.h"
#include "swapping.h"

#define PAGE		HOST_PAGE
#define SIZE		(2UL << 20)
#define NEXT		(GUEST_DATA + SIZE)	/* right after slot 1 */
#define FAR		(GUEST_DATA + (1UL << 30))
#define SLOT		2

/* No RAM on the emulated machine (PCI), nor on most others */
#define DEVICE_PHYS	0x10000000

static unsigned char buf[2 * SIZE / TAG_GRANULE];

static struct vm *new_vm(void)
{
	struct vm *vm = vm_new();

	vm_load_guest(vm);
	vm_memory(vm, opt.mem, SIZE);
	vcpu_init(vcpu_create(vm));
	vcpu_cmd(&vm->vcpu[0], CMD_TAG_FILL, GUEST_DATA, NEXT, opt.seed);
	return vm;
}

static void add_slot(struct vm *vm, u64 ipa, void *p, size_t size, u32 flags)
{
	int r = vm_slot(vm, SLOT, ipa, p, size, flags);

	if (r)
		die("slot at %#lx: %s", ipa, errno_name(r));
}

static u64 verify(struct vm *vm, u64 start, u64 end, u64 seed)
{
	return vcpu_cmd(&vm->vcpu[0], CMD_TAG_VERIFY, start, end, seed);
}

/* Copies tags of another seed into a range. @want: the bytes done, or the error. */
static void put(struct vm *vm, u64 ipa, u64 length, long want, const char *where)
{
	tags_make(buf, ipa, length, opt.seed + 1);
	is(tags_put(vm, ipa, buf, length), want, "%s: into the guest", where);
}

static void get(struct vm *vm, u64 ipa, u64 length, long want, u64 seed, const char *where)
{
	memset(buf, 0xaa, sizeof(buf));
	is(tags_get(vm, ipa, buf, length), want, "%s: out of the guest", where);
	if (want > 0)
		is(tags_differ(buf, ipa, want, seed), 0, "%s: the right tags", where);
}

static void edges(void)
{
	struct vm *vm = new_vm();

	get(vm, NEXT - PAGE, PAGE, PAGE, opt.seed, "the last page");
	get(vm, NEXT - PAGE, 2 * PAGE, PAGE, opt.seed, "over the end");
	get(vm, NEXT, PAGE, -EFAULT, 0, "after the end");
	get(vm, GUEST_DATA - PAGE, 2 * PAGE, -EFAULT, 0, "from before the start");
	put(vm, NEXT, PAGE, -EFAULT, "after the end");
	put(vm, GUEST_DATA - PAGE, 2 * PAGE, -EFAULT, "from before the start");
	is(verify(vm, GUEST_DATA, NEXT, opt.seed), 0, "nothing has changed so far");
	put(vm, NEXT - PAGE, 4 * PAGE, PAGE, "over the end");
	is(verify(vm, NEXT - PAGE, NEXT, opt.seed + 1), 0, "over the end: the last page has them");
	is(verify(vm, GUEST_DATA, NEXT - PAGE, opt.seed), 0, "over the end: no other page has them");
	vm_destroy(vm);
}

/* A copy goes on from a slot to the next. It ends at a gap. */
static void two_slots(void)
{
	struct vm *vm = new_vm();
	void *p = mem_map(MEM_MEMFD, SIZE, NULL);
	u64 a = NEXT - 2 * PAGE;

	add_slot(vm, NEXT, p, SIZE, 0);
	put(vm, a, 4 * PAGE, 4 * PAGE, "over two slots");
	is(verify(vm, a, a + 4 * PAGE, opt.seed + 1), 0, "over two slots: both have them");
	is(verify(vm, GUEST_DATA, a, opt.seed), 0, "over two slots: no page before has");
	get(vm, a, 4 * PAGE, 4 * PAGE, opt.seed + 1, "over two slots");
	add_slot(vm, NEXT, NULL, 0, 0);
	add_slot(vm, NEXT + PAGE, p, SIZE, 0);
	put(vm, a, 4 * PAGE, 2 * PAGE, "over a gap");
	get(vm, a, 4 * PAGE, 2 * PAGE, opt.seed + 1, "over a gap");
	vm_destroy(vm);
	munmap(p, SIZE);
}

/* The same memory at two addresses has the same tags. */
static void alias(void)
{
	struct vm *vm = new_vm();

	add_slot(vm, FAR, vm->data, SIZE, 0);
	memset(buf, 0, sizeof(buf));
	is(tags_get(vm, FAR, buf, SIZE), SIZE, "an alias: out of the guest");
	is(tags_differ(buf, GUEST_DATA, SIZE, opt.seed), 0, "an alias: the same tags");
	put(vm, FAR, PAGE, PAGE, "an alias");
	memset(buf, 0, PAGE / TAG_GRANULE);
	is(tags_get(vm, GUEST_DATA, buf, PAGE), PAGE, "an alias: seen at the other address");
	is(tags_differ(buf, FAR, PAGE, opt.seed + 1), 0, "an alias: with the new tags");
	vm_destroy(vm);
}

static void read_only(void)
{
	struct vm *vm = new_vm();

	add_slot(vm, FAR, vm->data, SIZE, KVM_MEM_READONLY);
	is(tags_get(vm, FAR, buf, SIZE), SIZE, "a read-only slot: out of the guest");
	is(tags_differ(buf, GUEST_DATA, SIZE, opt.seed), 0, "a read-only slot: the right tags");
	put(vm, FAR, PAGE, -EFAULT, "a read-only slot");
	is(mprotect(vm->data, PAGE, PROT_READ), 0, "the VMM's mapping is read-only");
	get(vm, GUEST_DATA, PAGE, PAGE, opt.seed, "the VMM's mapping read-only");
	put(vm, GUEST_DATA, PAGE, -EFAULT, "the VMM's mapping read-only");
	mprotect(vm->data, PAGE, PROT_NONE);
	get(vm, GUEST_DATA, PAGE, -EFAULT, 0, "PROT_NONE");
	put(vm, GUEST_DATA, PAGE, -EFAULT, "PROT_NONE");
	mprotect(vm->data, PAGE, PROT_READ | PROT_WRITE);
	is(verify(vm, GUEST_DATA, NEXT, opt.seed), 0, "after the refused copies: the guest has its tags");
	vm_destroy(vm);
}

static void hole(void)
{
	struct vm *vm = new_vm();

	munmap(vm->data + 2 * PAGE, PAGE);
	get(vm, GUEST_DATA, SIZE, 2 * PAGE, opt.seed, "up to a hole");
	put(vm, GUEST_DATA, SIZE, 2 * PAGE, "up to a hole");
	get(vm, GUEST_DATA + 2 * PAGE, PAGE, -EFAULT, 0, "in a hole");
	put(vm, GUEST_DATA + 2 * PAGE, PAGE, -EFAULT, "in a hole");
	is(verify(vm, GUEST_DATA, GUEST_DATA + 2 * PAGE, opt.seed + 1), 0,
	   "the pages before it have the new tags");
	is(verify(vm, GUEST_DATA + 3 * PAGE, NEXT, opt.seed), 0, "the pages after it have the old tags");
	vm_destroy(vm);
}

/* A shared file's page cannot hold tags. (A private mapping gives the guest a page of its own.) */
static void file(void)
{
	struct vm *vm = new_vm();

	mem_map(MEM_SHARED_FILE, SIZE, vm->data);
	put(vm, GUEST_DATA, PAGE, -EFAULT, "a file's page");
	is(tags_get(vm, GUEST_DATA, buf, PAGE), PAGE, "a file's page: out of the guest");
	is(tags_nonzero(buf, PAGE), 0, "a file's page: no tags");
	vm_destroy(vm);
}

static void device(void)
{
	struct vm *vm = new_vm();
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED :
		  mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, DEVICE_PHYS);

	if (p == MAP_FAILED) {
		skip("no device memory can be mapped", "device memory");
	} else {
		add_slot(vm, FAR, p, PAGE, 0);
		get(vm, FAR, PAGE, -EFAULT, 0, "device memory");
		put(vm, FAR, PAGE, -EFAULT, "device memory");
		munmap(p, PAGE);
	}
	close(fd);
	vm_destroy(vm);
}

static void logged(void)
{
	struct vm *vm = new_vm();
	void *p = mem_map(MEM_ANON4K, SIZE, NULL);

	/* Any slot's log counts. */
	add_slot(vm, FAR, p, SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	put(vm, GUEST_DATA, PAGE, -EBUSY, "another slot is logged");
	put(vm, FAR, PAGE, -EBUSY, "the slot is logged");
	get(vm, GUEST_DATA, SIZE, SIZE, opt.seed, "another slot is logged");
	add_slot(vm, FAR, p, SIZE, 0);
	put(vm, GUEST_DATA, PAGE, PAGE, "no longer logged");
	add_slot(vm, FAR, p, SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	put(vm, GUEST_DATA, PAGE, -EBUSY, "logged again");
	add_slot(vm, FAR, NULL, 0, 0);
	put(vm, GUEST_DATA, 2 * PAGE, 2 * PAGE, "the logged slot is gone");
	is(verify(vm, GUEST_DATA, GUEST_DATA + 2 * PAGE, opt.seed + 1), 0, "without a log tags arrive");
	vm_destroy(vm);
	munmap(p, SIZE);
}

static bool have_swap(void)
{
	FILE *f = fopen("/proc/swaps", "r");
	char line[256];
	int lines = 0;

	while (f && fgets(line, sizeof(line), f))
		lines++;
	if (f)
		fclose(f);
	return lines > 1;
}

static void swapped(void)
{
	struct vm *vm;
	u64 half = GUEST_DATA + SIZE / 2;

	if (!have_swap()) {
		skip("no swap space", "pages in swap");
		return;
	}
	vm = new_vm();
	vcpu_cmd(&vm->vcpu[0], CMD_STORE, GUEST_DATA, NEXT, PAGE, opt.seed);
	page_out(vm);
	get(vm, GUEST_DATA, SIZE, SIZE, opt.seed, "from swap");
	page_out(vm);
	put(vm, half, SIZE / 2, SIZE / 2, "to swap");
	is(verify(vm, GUEST_DATA, half, opt.seed), 0, "swap: old tags where no new ones were set");
	is(verify(vm, half, NEXT, opt.seed + 1), 0, "swap: new tags where they were set");
	is(vcpu_cmd(&vm->vcpu[0], CMD_LOAD, GUEST_DATA, NEXT, PAGE, opt.seed), 0, "swap: the data");
	vm_destroy(vm);
}

static long free_hugepages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	long n = -1;

	if (!f || fscanf(f, "%ld", &n) != 1)
		die("the number of free huge pages cannot be read");
	fclose(f);
	return n;
}

/* A page reference that a good or a failed copy keeps shows in the pool of huge pages. */
static void references(void)
{
	void *p = mem_map(MEM_HUGETLB, SIZE, NULL);
	struct vm *vm;
	long before;

	munmap(p, SIZE);
	before = free_hugepages();
	vm = new_vm();
	p = mem_map(MEM_HUGETLB, SIZE, NULL);
	add_slot(vm, FAR, p, SIZE, 0);
	is(tags_get(vm, FAR, buf, SIZE), SIZE, "a huge page: out of the guest");
	is(tags_put(vm, FAR, buf, SIZE), SIZE, "a huge page: into the guest");
	is(tags_put(vm, FAR, NULL, SIZE), -EFAULT, "a huge page: from no buffer");
	is(tags_get(vm, FAR, NULL, SIZE), -EFAULT, "a huge page: to no buffer");
	add_slot(vm, FAR, NULL, 0, 0);
	add_slot(vm, FAR, p, SIZE, KVM_MEM_READONLY);
	is(tags_put(vm, FAR, buf, SIZE), -EFAULT, "a huge page, read-only: into the guest");
	is(tags_get(vm, FAR, buf, SIZE), SIZE, "a huge page, read-only: out of the guest");
	vm_destroy(vm);
	munmap(p, SIZE);
	is(free_hugepages(), before, "a huge page that was copied from and to is free again");
}

/* What the guest has now counts, not what it gets at its next reboot. */
static void pending(void)
{
	struct vm *vm = new_vm();

	life_write(vm, false, "by an admin, after a run");
	is_text(module_read(vm, "state"), "turning-off", "state");
	get(vm, GUEST_DATA, SIZE, SIZE, opt.seed, "turning off");
	put(vm, GUEST_DATA, PAGE, PAGE, "turning off");
	vm_init_all(vm);
	is_text(module_read(vm, "state"), "off", "state after the reboot");
	get(vm, GUEST_DATA, PAGE, -EINVAL, 0, "off");
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	life_write(vm, true, "by an admin, after a run");
	is_text(module_read(vm, "state"), "turning-on", "state");
	get(vm, GUEST_DATA, PAGE, -EINVAL, 0, "turning on");
	put(vm, GUEST_DATA, PAGE, -EINVAL, "turning on");
	is(tags_ioctl(vm->fd, NULL), -EINVAL, "turning on: the stock kernel's answer to no argument");
	vm_init_all(vm);
	is_text(module_read(vm, "state"), "on", "state after the reboot");
	is(tags_get(vm, GUEST_DATA, buf, SIZE), SIZE, "on: out of the guest");
	put(vm, GUEST_DATA, PAGE, PAGE, "on");
	vm_destroy(vm);
}

CASE(copyslots,
     "KVM_ARM_MTE_COPY_TAGS wrong at the edges of slots, or in holes, devices, files or swap")
{
	edges();
	two_slots();
	if (!mem_is_hugetlb(opt.mem)) {
		read_only();
		hole();
		file();
		swapped();
	}
	alias();
	device();
	logged();
	references();
	if (module_injects())
		pending();
	return 0;
}
