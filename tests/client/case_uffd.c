// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory that is filled when the guest touches it, as in post-copy migration. Fresh pages
 * must come to the guest without tags, whatever tags they had. Tags that the guest sets must stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"

#define PAGE	HOST_PAGE

static int uffd, quit[2];
static u64 copied, zeroed;
static char *base;

static void must(int r, const char *what)
{
	if (r)
		die("%s: %s", what, errno_name(errno));
}

static void watch(void *p, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (u64)p, size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	must(uffd < 0, "userfaultfd");
	must(ioctl(uffd, UFFDIO_API, &api), "UFFDIO_API");
	must(ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
}

/* Every fourth page is a zero page, the others are copied: a word in each, as vm_touch() does. */
static void place(u64 hva)
{
	static u64 page[HOST_PAGE_MAX / 8] __attribute__((aligned(HOST_PAGE_MAX)));
	u64 at = hva - (u64)base;
	struct uffdio_copy copy = { .dst = hva, .src = (u64)page, .len = PAGE };
	struct uffdio_zeropage zero = { .range = { hva, PAGE } };
	bool shared = mem_is_shared(opt.mem);

	/* Counted first: the guest goes on as soon as the page is there. */
	if (at / PAGE % 4 == 3 && !shared) {
		zeroed++;
		must(ioctl(uffd, UFFDIO_ZEROPAGE, &zero) && errno != EEXIST, "UFFDIO_ZEROPAGE");
		return;
	}
	page[0] = (GUEST_DATA + at) ^ opt.seed;
	copied++;
	must(ioctl(uffd, UFFDIO_COPY, &copy) && errno != EEXIST, "UFFDIO_COPY");
}

static void *serve(void *arg)
{
	struct pollfd fds[2] = { { uffd, POLLIN }, { quit[0], POLLIN } };
	struct uffd_msg msg;

	for (;;) {
		poll(fds, 2, -1);
		if (fds[1].revents)
			return arg;
		if (read(uffd, &msg, sizeof(msg)) == sizeof(msg) && msg.event == UFFD_EVENT_PAGEFAULT)
			place(msg.arg.pagefault.address & ~(PAGE - 1));
	}
}

/* Leaves tags in memory that is then free. Its next owner must not see them. */
static void leave_tags(void)
{
	void *p = mem_map_tagged(MEM_ANON4K, opt.size + (4UL << 20));

	host_tag_fill(p, opt.size + (4UL << 20), opt.seed + 1);
	munmap(p, opt.size + (4UL << 20));
}

static u64 wrong_words(struct vcpu *v)
{
	u64 bad = 0, a, v0;

	for (a = 0; a < opt.size; a += PAGE) {
		v0 = a / PAGE % 4 == 3 && !mem_is_shared(opt.mem) ? 0 : (GUEST_DATA + a) ^ opt.seed;
		bad += *(u64 *)(v->vm->data + a) != v0;
	}
	return bad;
}

CASE(uffd,
     "old tags in, or tags lost from, pages that userfaultfd places")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	pthread_t server;

	base = v->vm->data;
	must(pipe(quit), "pipe");
	watch(base, opt.size);
	leave_tags();
	if (pthread_create(&server, NULL, serve, NULL))
		die("pthread_create");
	is(vm_tag_count(v), 0, "pages placed by userfaultfd have no tags");
	is(copied + zeroed, opt.size / PAGE, "all of them were placed by userfaultfd");
	is(wrong_words(v), 0, "they hold what was placed");
	vm_tag_fill(v, opt.seed);
	is(vm_tag_verify(v, opt.seed), 0, "tags that the guest then sets stay");

	must(madvise(base, opt.size, mem_is_shared(opt.mem) ? MADV_REMOVE : MADV_DONTNEED), "madvise");
	copied = zeroed = 0;
	is(vm_tag_count(v), 0, "given up and placed again: no tags");
	is(copied + zeroed, opt.size / PAGE, "all of them were placed again");
	close(quit[1]);
	pthread_join(server, NULL);
	close(uffd);
	vm_destroy(v->vm);
	return 0;
}
