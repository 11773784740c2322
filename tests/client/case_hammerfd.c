// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two VMs and a process share one file; the process maps it PROT_MTE. All set tags in every page
 * at the same time, each in its own granules. A first access may clear the page's tags, but not
 * after anyone has set some. Every other round has fresh pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define OWNERS		4	/* two vCPUs of two VMs, two threads of the process */
#define PROT_TAGGED	(PROT_READ | PROT_WRITE | 0x20)

static int fd;
static char *shared;
static u64 seed;
static pthread_barrier_t barrier;

struct owner {
	int nr;
	struct vcpu *v;		/* NULL: a thread of the process */
	u64 at_once, later;	/* tags lost */
	pthread_t thread;
};

static void fill(struct owner *o)
{
	size_t at;

	if (o->v) {
		vcpu_cmd(o->v, CMD_OWN_FILL, GUEST_DATA, vm_data_end(o->v->vm), seed, o->nr, OWNERS);
		return;
	}
	for (at = 16 * o->nr; at < opt.size; at += 16 * OWNERS)
		host_set_tag((void *)((u64)(shared + at) | guest_own_tag(at, seed) << 56));
}

static u64 verify(struct owner *o)
{
	size_t at;
	u64 n = 0;

	if (o->v)
		return vcpu_cmd(o->v, CMD_OWN_VERIFY, GUEST_DATA, vm_data_end(o->v->vm), seed, o->nr,
				OWNERS);
	for (at = 16 * o->nr; at < opt.size; at += 16 * OWNERS)
		n += host_tag_of(shared + at) != guest_own_tag(at, seed);
	return n;
}

static void *own(void *arg)
{
	struct owner *o = arg;
	unsigned int r;

	for (r = 0; r < rounds_or(20); r++) {
		pthread_barrier_wait(&barrier);
		fill(o);
		o->at_once += verify(o);
		pthread_barrier_wait(&barrier);
		o->later += verify(o);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static struct vm *sharer(void)
{
	struct vm *vm = vm_new();
	int r;

	vm_load_guest(vm);
	vm->data = mem_map_fd(fd, opt.size, PROT_READ | PROT_WRITE);
	vm->data_size = opt.size;
	r = vm_slot(vm, 1, GUEST_DATA, vm->data, opt.size, 0);
	if (r)
		die("KVM_SET_USER_MEMORY_REGION of shared memory: %s", errno_name(r));
	vcpu_init(vcpu_create(vm));
	return vm;
}

static void rounds(void)
{
	unsigned int r;

	for (r = 0; r < rounds_or(20); r++) {
		seed = opt.seed + r;
		if (!(r & 1) && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, opt.size))
			die("FALLOC_FL_PUNCH_HOLE: %s", errno_name(errno));
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
}

CASE(hammerfd,
     "tags cleared after they were set in memory that VMs and a PROT_MTE process share")
{
	struct owner owner[OWNERS] = { };
	struct vm *vm[2];
	int i;

	fd = mem_fd(MEM_MEMFD, opt.size);
	shared = mem_map_fd(fd, opt.size, PROT_TAGGED);
	pthread_barrier_init(&barrier, NULL, OWNERS + 1);
	for (i = 0; i < OWNERS; i++) {
		owner[i].nr = i;
		if (i < 2) {
			vm[i] = sharer();
			owner[i].v = &vm[i]->vcpu[0];
		}
		if (pthread_create(&owner[i].thread, NULL, own, &owner[i]))
			die("pthread_create");
	}
	rounds();
	for (i = 0; i < OWNERS; i++) {
		pthread_join(owner[i].thread, NULL);
		is(owner[i].at_once, 0, "%s %d: tags lost just after they were set", i < 2 ? "VM" : "thread", i);
		is(owner[i].later, 0, "%s %d: tags lost after all have set theirs", i < 2 ? "VM" : "thread",
		   i);
	}
	vm_destroy(vm[0]);
	vm_destroy(vm[1]);
	munmap(shared, opt.size);
	close(fd);
	return 0;
}
