// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of KVM_ARM_MTE_COPY_TAGS, KVM_ENABLE_CAP and KVM_GET/SET_ONE_REG by several
 * threads, while others set and remove slots, unmap memory and run the guest. Each answer must be
 * possible for its arguments. Memory that no call aims at must keep its tags.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "fuzz.h"

#define PAGE		HOST_PAGE
#define SIZE		FUZZ_SIZE
#define CANARY_END	(GUEST_DATA + SIZE)
#define TARGET		FUZZ_TARGET
#define TARGET_SLOT	2
#define SECTION		FUZZ_SECTION

enum { VCPU_CANARY, VCPU_TARGET, VCPU_REGS, VCPUS };

static struct vm *vm;
static char *arena;
static void *target;		/* memory of the slots that come and go */
static bool over;
static unsigned long bad, calls[3];


/**
 * fuzz_wrong() - report an answer that is not possible
 * @what: the call
 * @a: some argument
 * @b: another
 * @got: the answer
 */
void fuzz_wrong(const char *what, u64 a, u64 b, long got)
{
	if (__atomic_fetch_add(&bad, 1, __ATOMIC_RELAXED) < 20)
		diag("%s, %#lx, %#lx: %ld (%s)", what, a, b, got, errno_name(got < 0 ? got : 0));
}

static bool going_on(void)
{
	return !__atomic_load_n(&over, __ATOMIC_ACQUIRE);
}

/* --- ENABLE_CAP and ONE_REG --- */

static void one_enable(u64 *s)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_ARM_MTE };
	struct vm *young;
	int i, r;

	c.flags = fuzz_rnd(s) % 2 ? 0 : fuzz_rnd(s);
	for (i = 0; i < 4; i++)
		c.args[i] = fuzz_rnd(s);
	r = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &c);
	if (r != -EINVAL)
		fuzz_wrong("ENABLE_CAP with vCPUs, flags", c.flags, 0, r);
	if (fuzz_rnd(s) % 16)
		return;
	young = vm_create();
	r = kvm_ioctl(young->fd, KVM_ENABLE_CAP, &c);
	if (r != (c.flags ? -EINVAL : 0))
		fuzz_wrong("ENABLE_CAP, flags", c.flags, 0, r);
	vm_destroy(young);
}

static void one_reg(u64 *s)
{
	void *places[] = { arena + fuzz_rnd(s) % SECTION / 8 * 8, NULL, FUZZ_KERNEL, arena + SECTION,
			   arena + 4 * SECTION, arena + SECTION - 4 };
	u64 id = mte_reg_id[fuzz_rnd(s) % MTE_REGS];
	unsigned int place = fuzz_rnd(s) % 6;
	struct kvm_one_reg r;
	bool sized = fuzz_rnd(s) % 4;
	int err;

	if (!sized)
		id = (id & ~KVM_REG_SIZE_MASK) | (fuzz_rnd(s) << KVM_REG_SIZE_SHIFT & KVM_REG_SIZE_MASK);
	sized = (id & KVM_REG_SIZE_MASK) == KVM_REG_SIZE_U64;
	r = (struct kvm_one_reg){ .id = id, .addr = (u64)places[place] };
	err = kvm_ioctl(vm->vcpu[VCPU_REGS].fd,
			fuzz_rnd(s) % 2 ? KVM_GET_ONE_REG : KVM_SET_ONE_REG, &r);
	if (sized ? err != (place ? -EFAULT : 0) : err != -ENOENT && err != -EINVAL)
		fuzz_wrong("ONE_REG: id, place", id, place, err);
}

static void one_copy(u64 *s)
{
	fuzz_copy(vm, arena, s);
}

static void (*const fuzzers[])(u64 *s) = { one_copy, one_enable, one_reg };

static void *fuzz(void *arg)
{
	u64 s = guest_mix(opt.seed + (u64)arg);
	unsigned int r, which;

	for (r = 0; r < rounds_or(20000); r++) {
		which = fuzz_rnd(&s) % 8;
		which = which < 2 ? which + 1 : 0;
		fuzzers[which](&s);
		__atomic_fetch_add(&calls[which], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* --- what happens meanwhile --- */

static void *move_slots(void *arg)
{
	const u32 flags[] = { 0, 0, KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES };
	u64 s = guest_mix(~opt.seed);
	int r;

	(void)arg;
	while (going_on()) {
		vm_slot(vm, TARGET_SLOT, TARGET, target, 0, 0);
		r = vm_slot(vm, TARGET_SLOT, TARGET, target, SIZE, FUZZ_ONE_OF(&s, flags));
		if (r)
			fuzz_wrong("setting a slot", TARGET, SIZE, r);
	}
	return NULL;
}

static void *move_memory(void *arg)
{
	const int prot[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	u64 s = guest_mix(opt.seed << 32);
	char *p;
	size_t n;

	(void)arg;
	while (going_on()) {
		p = target + fuzz_rnd(&s) % (SIZE / PAGE) * PAGE;
		n = (char *)target + SIZE - p;
		switch (fuzz_rnd(&s) % 4) {
		case 0:
			munmap(p, n);
			break;
		case 1:
			mprotect(p, n, FUZZ_ONE_OF(&s, prot));
			break;
		case 2:
			madvise(p, n, MADV_DONTNEED);
			break;
		default:
			mem_map(fuzz_rnd(&s) % 2 ? MEM_ANON4K : MEM_MEMFD, SIZE, target);
		}
	}
	return NULL;
}

static void *run_canary(void *arg)
{
	struct vcpu *v = &vm->vcpu[VCPU_CANARY];
	u64 n;

	(void)arg;
	while (going_on()) {
		n = vcpu_cmd(v, CMD_TAG_VERIFY, GUEST_DATA, CANARY_END, opt.seed);
		if (n)
			fuzz_wrong("the guest, in memory that no call aims at", v->mb->ret[1],
			      v->mb->ret[2], n);
	}
	return NULL;
}

/* The guest stores where slots come and go. KVM_RUN may fail there. */
static void *run_target(void *arg)
{
	struct vcpu *v = &vm->vcpu[VCPU_TARGET];
	int r;

	(void)arg;
	v->mb->cmd = CMD_STORE;
	v->mb->arg[0] = TARGET;
	v->mb->arg[1] = TARGET + SIZE;
	v->mb->arg[2] = PAGE;
	while (going_on()) {
		r = kvm_ioctl(v->fd, KVM_RUN, NULL);
		if (r && r != -EFAULT && r != -EINTR)
			fuzz_wrong("KVM_RUN", 0, 0, r);
		/* KVM logs each of these: do not flood the log. */
		if (r == -EFAULT)
			usleep(20000);
	}
	return NULL;
}

static void *(*const others[])(void *arg) = { move_slots, move_memory, run_canary, run_target };

#define OTHERS	(sizeof(others) / sizeof(others[0]))

/* --- before and after --- */

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void make(void)
{
	int i;

	arena = mem_map(MEM_ANON4K, 4 * SECTION + PAGE, NULL);
	munmap(arena + 4 * SECTION, PAGE);
	memset(arena, 0x5a, 4 * SECTION);
	mprotect(arena + SECTION, SECTION, PROT_NONE);
	mprotect(arena + 2 * SECTION, SECTION, PROT_READ);
	target = mem_map(MEM_ANON4K, SIZE, NULL);
	vm = vm_new();
	vm_load_guest(vm);
	vm_memory(vm, opt.mem, SIZE);
	for (i = 0; i < VCPUS; i++)
		vcpu_create(vm);
	vm_init_all(vm);
	vm_tag_fill(&vm->vcpu[VCPU_CANARY], opt.seed);
}

static void still_works(void)
{
	static unsigned char tags[SIZE / TAG_GRANULE];
	struct vcpu *v = &vm->vcpu[VCPU_REGS];

	is(vm_tag_verify(&vm->vcpu[VCPU_CANARY], opt.seed), 0, "the guest finds all its tags");
	is(tags_get(vm, GUEST_DATA, tags, SIZE), SIZE, "COPY_TAGS gives tags of all its memory");
	is(tags_differ(tags, GUEST_DATA, SIZE, opt.seed), 0, "COPY_TAGS gives the same tags");
	/* The mapping may be of any kind and have holes. */
	mem_map(MEM_ANON4K, SIZE, target);
	vm_slot(vm, TARGET_SLOT, TARGET, target, 0, 0);
	is(vm_slot(vm, TARGET_SLOT, TARGET, target, SIZE, 0), 0, "the slot can be set");
	is(tags_put(vm, TARGET, tags, SIZE), SIZE, "tags go into it");
	vcpu_cmd(v, CMD_TAG_FILL, TARGET, TARGET + SIZE, opt.seed + 1);
	is(vcpu_cmd(v, CMD_TAG_VERIFY, TARGET, TARGET + SIZE, opt.seed + 1), 0,
	   "the guest can use it");
	vcpu_cmd(v, CMD_MTE_WRITE, opt.seed);
	is(vcpu_cmd(v, CMD_MTE_VERIFY, opt.seed), 0, "the guest can use its MTE registers");
}

CASE(fuzz,
     "wrong answers or lost tags after random ioctls, while slots and mappings come and go")
{
	pthread_t *t = calloc(opt.threads, sizeof(*t)), other[OTHERS];
	int files = (kvm_dev(), open_files());
	unsigned long i;

	make();
	for (i = 0; i < OTHERS; i++)
		pthread_create(&other[i], NULL, others[i], NULL);
	for (i = 0; i < opt.threads; i++)
		pthread_create(&t[i], NULL, fuzz, (void *)i);
	for (i = 0; i < opt.threads; i++)
		pthread_join(t[i], NULL);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (i = 0; i < OTHERS; i++)
		pthread_join(other[i], NULL);
	free(t);
	diag("COPY_TAGS %lu, ENABLE_CAP %lu, ONE_REG %lu calls", calls[0], calls[1], calls[2]);
	fuzz_copy_report();
	is(bad, 0, "every answer was possible");
	still_works();
	vm_destroy(vm);
	is(open_files(), files, "no file is left open");
	return 0;
}
