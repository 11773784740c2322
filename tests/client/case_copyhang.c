// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_ARM_MTE_COPY_TAGS waits for its buffer, which userfaultfd watches and nobody fills. A vCPU
 * that touches the page meanwhile must not wait, too: it would spin with a lock of KVM held.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"

/* Well below the time after which the kernel reports a soft lockup. A debug kernel gets more: see patience_ms(). */
#define PATIENCE_MS	10000

static struct vm *vm;
static void *buffer;
static size_t page;
static int copied, touched[2], uffd;
static u64 seen;

static void must(int r, const char *what)
{
	if (r)
		die("%s: %s", what, errno_name(errno));
}

static void watch(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	buffer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (u64)buffer;
	reg.range.len = page;
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	must(uffd < 0, "userfaultfd");
	must(ioctl(uffd, UFFDIO_API, &api), "UFFDIO_API");
	must(ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
}

static void *copy(void *arg)
{
	copied = tags_put(vm, GUEST_DATA, buffer, page);
	return arg;
}

static void *touch(void *arg)
{
	pin_to(1);
	seen = vcpu_cmd(&vm->vcpu[0], CMD_TAG_READ, GUEST_DATA, GUEST_DATA + page);
	if (write(touched[1], "", 1) != 1)
		die("pipe: %s", errno_name(errno));
	return arg;
}

static void serve(void)
{
	struct uffdio_zeropage zero = { .range = { (u64)buffer, page } };

	must(ioctl(uffd, UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE");
}

static int patience_ms(void)
{
	const char *times = getenv("PATIENCE");

	return PATIENCE_MS * (times ? atoi(times) : 1);
}

CASE(copyhang,
     "a vCPU that waits for as long as KVM_ARM_MTE_COPY_TAGS does; needs two CPUs")
{
	struct pollfd done = { .events = POLLIN };
	pthread_t copier, toucher;
	struct uffd_msg msg;

	page = getpagesize();
	pin_to(0);
	must(pipe(touched), "pipe");
	done.fd = touched[0];
	vm = vm_ready(1);
	if (mem_is_hugetlb(opt.mem))
		memset(vm->data, 0, opt.size);
	watch();
	pthread_create(&copier, NULL, copy, NULL);
	must(read(uffd, &msg, sizeof(msg)) != sizeof(msg), "userfaultfd's message");
	is(msg.arg.pagefault.address & ~(page - 1), (u64)buffer, "the copy waits for its buffer");
	pthread_create(&toucher, NULL, touch, NULL);
	ok(poll(&done, 1, patience_ms()) == 1, "a vCPU touches the page meanwhile and goes on");
	serve();
	pthread_join(toucher, NULL);
	pthread_join(copier, NULL);
	is(seen, 0, "it sees no tags of others");
	is(copied, page, "the copy is complete in the end");
	close(uffd);
	vm_destroy(vm);
	return 0;
}
