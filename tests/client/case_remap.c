// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMM maps fresh memory over guest memory (MAP_FIXED) during a permission fault: after the
 * guest's exit, before KVM looks at the mapping. KVM takes mmap_lock there. To make the order
 * certain, tests/fixtures/mmaplock (which must be loaded) holds that lock: first the VMM waits for
 * it, then the vCPU.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"

#define HELD	"/sys/module/mmaplock/parameters/held"
#define PAGE	HOST_PAGE
#define TRIES	20000	/* of 1 ms, for a thread to wait */
#define LEFT	64	/* pages: more than the threads of a try need */

/* A thread that does one thing when it is told to. It does not need mmap_lock before that. */
static struct actor {
	void (*warm_up)(void);	/* so that act() needs no new page of the process itself */
	void (*act)(void);
	pthread_t thread;
	int go[2], tid;
	bool ready, done;
} vmm, guest;

static struct vm *vm;
static size_t huge;
static u64 at;
static void *fresh;
static int file = -1;	/* what is mapped; -1: fresh memory */
static int ran;		/* what KVM_RUN returned for a file */

static void map_something(void)
{
	munmap(mmap(NULL, huge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), huge);
}

static void replace(void)
{
	fresh = mmap(vm->data + at, huge, PROT_READ | PROT_WRITE,
		     (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | MAP_FIXED, file, 0);
}

/* Maps the page without writing to it, so that the block stays one. */
static void run(void)
{
	vcpu_cmd(&vm->vcpu[0], CMD_TAG_VERIFY, GUEST_DATA + at, GUEST_DATA + at + PAGE, opt.seed);
}

static void touch(void)
{
	vcpu_cmd(&vm->vcpu[0], CMD_STORE, GUEST_DATA + at, GUEST_DATA + at + PAGE, PAGE, opt.seed);
}

static void touch_file(void)
{
	struct vcpu *v = &vm->vcpu[0];

	v->mb->cmd = CMD_STORE;
	v->mb->arg[0] = GUEST_DATA + at;
	v->mb->arg[1] = GUEST_DATA + at + PAGE;
	v->mb->arg[2] = PAGE;
	ran = kvm_ioctl(v->fd, KVM_RUN, NULL);
}

static void *play(void *arg)
{
	struct actor *a = arg;
	char c;

	pin_to(opt.cpu);
	a->tid = syscall(SYS_gettid);
	a->warm_up();
	__atomic_store_n(&a->ready, true, __ATOMIC_RELEASE);
	if (read(a->go[0], &c, 1) != 1)
		die("pipe: %s", errno_name(errno));
	a->act();
	__atomic_store_n(&a->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void start(struct actor *a, void (*warm_up)(void), void (*act)(void))
{
	*a = (struct actor){ .warm_up = warm_up, .act = act };
	if (pipe(a->go) || pthread_create(&a->thread, NULL, play, a))
		die("a thread: %s", errno_name(errno));
	while (!__atomic_load_n(&a->ready, __ATOMIC_ACQUIRE))
		usleep(1000);
}

static void end(struct actor *a)
{
	pthread_join(a->thread, NULL);
	close(a->go[0]);
	close(a->go[1]);
}

/* Without malloc, stdio or a new page: main must not wait for the lock. */
static bool is_waiting(const struct actor *a)
{
	char path[64], text[128] = "", *p;
	int fd, n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", a->tid);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	close(fd);
	p = n > 0 ? strrchr(text, ')') : NULL;
	return p && p[1] && p[2] == 'D';
}

static bool let_wait(struct actor *a)
{
	int i;

	if (write(a->go[1], "", 1) != 1)
		return false;
	for (i = 0; i < TRIES && !is_waiting(a); i++) {
		if (__atomic_load_n(&a->done, __ATOMIC_ACQUIRE))
			return false;
		usleep(1000);
	}
	return i < TRIES;
}

/* Returns whether both waited, in that order. */
static bool race(void)
{
	int fd = open(HELD, O_WRONLY | O_CLOEXEC);
	bool first, second;

	start(&vmm, map_something, replace);
	start(&guest, run, file < 0 ? touch : touch_file);
	is_waiting(&vmm);	/* so that it needs no new page later */
	if (fd < 0 || write(fd, "1", 1) != 1)
		die("%s: %s", HELD, errno_name(errno));
	first = let_wait(&vmm);
	second = let_wait(&guest);
	if (write(fd, "0", 1) != 1)
		_exit(3);
	close(fd);
	end(&vmm);
	end(&guest);
	if (fresh == MAP_FAILED)
		die("MAP_FIXED: %s", errno_name(errno));
	return first && second;
}

/* Memory full of tags, for the next owner */
static void leave_tags(size_t size, int advice)
{
	void *p = host_tagged_map(size);

	madvise(p, size, advice);
	host_tag_fill(p, size, opt.seed);
	munmap(p, size);
}

/* A VM with write-protected blocks, full of tags. */
static void prepare(void)
{
	struct vcpu *v;

	pin_to(opt.cpu);
	huge = mem_thp();
	vm = vm_new();
	vm_load_guest(vm);
	vm_memory(vm, MEM_THP, opt.size);
	memset(vm->data, 0, opt.size);
	is(mem_with_flag(vm->data, opt.size, KPF_THP), opt.size / getpagesize(),
	   "guest memory is huge pages");
	v = vcpu_create(vm);
	vcpu_init(v);
	/* The replaced page may be the next page that is allocated: it must have tags, too. */
	vm_tag_fill(v, opt.seed);
	is(vm_slot(vm, 1, GUEST_DATA, vm->data, opt.size, KVM_MEM_LOG_DIRTY_PAGES), 0,
	   "dirty logging: the blocks are write-protected");
}

CASE(remap,
     "tags of others in a page that the VMM replaces during a permission fault")
{
	unsigned int tried = 0, fresh_pages = 0;
	u64 stale = 0;

	prepare();
	leave_tags(2 * opt.size, MADV_HUGEPAGE);
	for (at = 0; at < opt.size; at += huge, tried++) {
		/* The fresh page is not always a part of one of these huge pages. */
		leave_tags(LEFT * PAGE, MADV_NOHUGEPAGE);
		fresh_pages += race();
		stale += vcpu_cmd(&vm->vcpu[0], CMD_TAG_READ, GUEST_DATA + at, GUEST_DATA + at + PAGE);
	}
	is(fresh_pages, tried, "each page is replaced while its permission fault waits");
	is(stale, 0, "replaced during a permission fault: no tags of others");
	vm_destroy(vm);
	return 0;
}

/* The guest must not get a page that cannot hold tags, not even in a permission fault. */
CASE(remapfile,
     "a page of --file, which cannot hold tags, given to the guest in a permission fault")
{
	prepare();
	file = open(opt.file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, huge))
		die("%s: %s", opt.file, errno_name(errno));
	is(race(), true, "a file is mapped while a permission fault waits");
	is_text(errno_name(ran), "EFAULT", "a file is mapped during a permission fault: KVM_RUN");
	close(file);
	vm_destroy(vm);
	return 0;
}
