// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hugetlb page that has left its pool with the tags of its last owner, and that is not mapped
 * yet. userfaultfd fills it from memory that nobody provides, so it stays like that. The module
 * cannot tell such a page from one to which a VM's or a process's page is being copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"

static int new_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		die("userfaultfd: %s", errno_name(errno));
	return uffd;
}

static int watch(void *p)
{
	struct uffdio_register reg = {
		.range = { (u64)p, opt.size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = new_uffd();

	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		die("UFFDIO_REGISTER: %s", errno_name(errno));
	return uffd;
}

struct copy {
	int uffd;
	struct uffdio_copy arg;
};

static void *fill(void *arg)
{
	struct copy *c = arg;

	ioctl(c->uffd, UFFDIO_COPY, &c->arg);
	die("the copy has ended");
	return NULL;
}

/* Without --enable=cap the last owner is a process, as on hosts whose KVM has no guest MTE. */
static void tag_pool(void)
{
	struct vm *vm;
	void *p;

	if (opt.enable == ENABLE_NONE) {
		host_mte_mode(HOST_TCF_NONE, 0xfffe);
		p = mem_map_tagged(opt.mem, opt.size);
		host_tag_fill(p, opt.size, opt.seed);
		munmap(p, opt.size);
		return;
	}
	vm = vm_ready(1);
	vm_tag_fill(&vm->vcpu[0], opt.seed);
	vm_destroy(vm);
}

CASE(filled,
     "no points: a page with old tags is being filled, until it is killed")
{
	void *to, *from = mmap(NULL, opt.size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffd_msg msg;
	struct copy c;
	pthread_t t;
	int source;

	tag_pool();
	to = mem_map(opt.mem, opt.size, NULL);
	source = watch(from);
	c = (struct copy){ watch(to), { .dst = (u64)to, .src = (u64)from, .len = opt.size } };
	if (pthread_create(&t, NULL, fill, &c))
		die("pthread_create");
	if (read(source, &msg, sizeof(msg)) != sizeof(msg))
		die("userfaultfd: %s", errno_name(errno));
	printf("waits\n");
	fflush(stdout);
	pause();
	return 0;
}
