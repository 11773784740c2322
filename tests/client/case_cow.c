// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are copied on write: a VMM that forks while its guest runs, and the zero page, which
 * all guests share.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "swapping.h"

#define PAGE		HOST_PAGE
#define PROT_TAGGED	(PROT_READ | PROT_WRITE | 0x20)

static bool stop;
static u64 wrong, rounds;

static void own_fill(struct vcpu *v, u64 seed)
{
	vcpu_cmd(v, CMD_OWN_FILL, GUEST_DATA, vm_data_end(v->vm), seed, 0, 1);
}

static u64 own_verify(struct vcpu *v, u64 seed)
{
	return vcpu_cmd(v, CMD_OWN_VERIFY, GUEST_DATA, vm_data_end(v->vm), seed, 0, 1);
}

/* Sets tags and reads them back, again and again */
static void *retag(void *arg)
{
	struct vcpu *v = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		own_fill(v, rounds);
		wrong += own_verify(v, rounds);
		__atomic_fetch_add(&rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static size_t host_wrong(char *p, u64 seed)
{
	size_t at, n = 0;

	for (at = 0; at < opt.size; at += 16)
		n += host_tag_of(p + at) != guest_own_tag(at, seed);
	return n;
}

/* The child has a copy of the guest's memory. Its own writes must not reach the guest. */
static void child(char *p, bool writes)
{
	size_t bad, at;

	if (mprotect(p, opt.size, PROT_TAGGED))
		_exit(2);
	bad = host_wrong(p, opt.seed);
	for (at = 0; writes && at < opt.size; at += 16)
		host_set_tag(p + at);
	if (writes)
		memset(p, 0xff, opt.size);
	_exit(!!bad);
}

static int fork_child(char *p, bool writes)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		child(p, writes);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		die("fork");
	return WEXITSTATUS(status);
}

/* Forks a child that keeps its copies until the parent closes the pipe @end */
static pid_t fork_idle(int *end)
{
	int ends[2];
	char c;
	pid_t pid;

	if (pipe(ends))
		die("pipe: %s", errno_name(errno));
	pid = fork();
	if (!pid) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1) != 0);
	}
	if (pid < 0)
		die("fork: %s", errno_name(errno));
	close(ends[0]);
	*end = ends[1];
	return pid;
}

static void forks_at_rest(struct vcpu *v)
{
	u64 mid = GUEST_DATA + opt.size / 2, end = vm_data_end(v->vm);
	int hold, status;
	pid_t pid;

	vcpu_cmd(v, CMD_STORE, GUEST_DATA, end, PAGE, 5);
	own_fill(v, opt.seed);
	/* KVM of 6.12 takes hugetlb memory, but no process may map it PROT_MTE. */
	if (mem_is_hugetlb(opt.mem) && module_repairs("hugetlb_slots")) {
		is(fork_child(v->vm->data, false), 2, "fork: the child cannot map it PROT_MTE");
	} else {
		is(fork_child(v->vm->data, false), 0, "fork: the child has the guest's tags");
		is(fork_child(v->vm->data, true), 0, "fork: a child that writes has them, too");
	}
	is(own_verify(v, opt.seed), 0, "fork: the child's writes change no tag of the guest");
	is(vcpu_cmd(v, CMD_LOAD, GUEST_DATA, end, PAGE, 5), 0, "fork: nor a word of the guest");

	pid = fork_idle(&hold);
	vcpu_cmd(v, CMD_STORE, GUEST_DATA, mid, PAGE, 6);
	is(own_verify(v, opt.seed), 0, "fork: the guest's writes copy its tags along");
	vcpu_cmd(v, CMD_OWN_FILL, GUEST_DATA, mid, opt.seed + 1, 0, 1);
	close(hold);
	if (waitpid(pid, &status, 0) != pid || status)
		die("the child ended with %#x", status);
	is(vcpu_cmd(v, CMD_OWN_VERIFY, GUEST_DATA, mid, opt.seed + 1, 0, 1) +
	   vcpu_cmd(v, CMD_OWN_VERIFY, mid, end, opt.seed, 0, 1), 0,
	   "fork: the guest's tags are right when the child has ended");
	is(vcpu_cmd(v, CMD_LOAD, mid, end, PAGE, 5), 0, "fork: so are its words");
}

static void forks_in_flight(struct vcpu *v)
{
	unsigned int forks = 0;
	pthread_t t;
	pid_t pid;
	int hold;

	stop = false;
	if (pthread_create(&t, NULL, retag, v))
		die("pthread_create");
	/* It ends only when the guest has tagged its memory often enough, and the VMM has forked. */
	while (__atomic_load_n(&rounds, __ATOMIC_ACQUIRE) < rounds_or(3) || forks < 2) {
		pid = fork_idle(&hold);
		usleep(20000);
		close(hold);
		if (waitpid(pid, NULL, 0) != pid)
			die("waitpid");
		forks++;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	diag("%u forks, the guest tagged its memory %lu times", forks, rounds);
	is(wrong, 0, "fork: the guest finds the tags that it has just set");
}

static size_t zero_pages(void *p, size_t size)
{
	return mem_with_flag(p, size, KPF_ZERO_PAGE);
}

static void zero_page_of_all(void)
{
	struct vcpu *a = &vm_ready(1)->vcpu[0], *b = &vm_ready(1)->vcpu[0];
	void *p = mem_map_tagged(opt.mem, opt.size);

	is(vm_tag_count(a) + vm_tag_count(b), 0, "never written to: no tags");
	is(zero_pages(a->vm->data, opt.size), opt.size / PAGE, "all of it is the zero page");
	is(zero_pages(b->vm->data, opt.size), opt.size / PAGE, "the other guest's is, too");
	own_fill(a, opt.seed);
	is(zero_pages(a->vm->data, opt.size), 0, "setting tags writes: no zero page is left");
	is(own_verify(a, opt.seed), 0, "and the tags are there");
	is(memcmp(a->vm->data, b->vm->data, opt.size), 0, "and all words are still zero");
	is(vm_tag_count(b), 0, "no tag got into the other guest's zero page");
	is(host_tag_count(p, opt.size), 0, "no tag got into a process's memory");
	munmap(p, opt.size);
	vm_destroy(a->vm);
	vm_destroy(b->vm);
}

CASE(cow,
     "tags lost, or not the guest's own, where the VMM forks, or in the zero pages")
{
	struct vcpu *v;

	/* hugetlb has no zero page, but the pool needs another page for each copy. */
	if (mem_is_hugetlb(opt.mem))
		munmap(mem_map(opt.mem, 2 * opt.size, NULL), 2 * opt.size);
	else
		zero_page_of_all();
	v = &vm_ready(1)->vcpu[0];
	forks_at_rest(v);
	forks_in_flight(v);
	vm_destroy(v->vm);
	return 0;
}

/* The child reads its copy before it can have tags, so that it is mapped without them. */
static void child_reads(char *p)
{
	volatile char *at;

	for (at = p; at < p + opt.size; at += PAGE)
		(void)*at;
	child(p, false);
}

CASE(cowswap,
     "tags lost, or not the guest's own, where the VMM forks while the guest's memory is swapped out")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	int status;
	pid_t pid;

	own_fill(v, opt.seed);
	ok(page_out(v->vm) > 0, "its memory is swapped out");
	pid = fork();
	if (!pid)
		child_reads(v->vm->data);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("fork");
	is(status, 0, "the child has the guest's tags");
	is(own_verify(v, opt.seed), 0, "so has the guest");
	vm_destroy(v->vm);
	return 0;
}
