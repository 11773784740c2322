// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that waits for ever in an ioctl: userfaultfd watches the memory of its buffer, and nobody
 * fills it. Prints "ready PID FD", then obeys lines on stdin and answers each with one line:
 *
 *   mte          KVM_ENABLE_CAP(KVM_CAP_ARM_MTE), before there is a vCPU -> mte
 *   list         creates a vCPU; KVM_GET_REG_LIST        -> list N: tag registers in it
 *   init         KVM_ARM_VCPU_INIT of a vCPU with such a buffer          -> init, when it waits
 *   idreg        KVM_GET_ONE_REG of ID_AA64PFR1_EL1 with such a buffer   -> idreg, when it waits
 *   rgsr         the same for a tag register (GCR_EL1)                   -> rgsr, when it waits
 *   reads        reads that tag register all the time    -> reads, after the first read
 *   gone         waits until the register is gone        -> gone N: reads with another error
 *
 * It does not end by itself: kill it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"

#define PAGE	65536UL

struct call {
	int fd;
	unsigned long req;
	void *arg;
};

static int uffd;
static struct vm *vm;

static void *watched_page(void)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register reg = {
		.range = { (u64)p, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	if (p == MAP_FAILED || ioctl(uffd, UFFDIO_REGISTER, &reg))
		die("UFFDIO_REGISTER: %s", errno_name(errno));
	return p;
}

static void *waiter(void *arg)
{
	struct call *c = arg;

	ioctl(c->fd, c->req, c->arg);
	die("the ioctl has returned");
	return NULL;
}

/* Returns when a thread waits in the ioctl. */
static void wait_in(int fd, unsigned long req, void *arg)
{
	struct pollfd fds = { .fd = uffd, .events = POLLIN };
	static struct call c;
	struct uffd_msg msg;
	pthread_t t;

	c = (struct call){ fd, req, arg };
	if (pthread_create(&t, NULL, waiter, &c))
		die("pthread_create");
	if (poll(&fds, 1, -1) != 1 || read(uffd, &msg, sizeof(msg)) != sizeof(msg))
		die("userfaultfd: %s", errno_name(errno));
}

static struct vcpu *any_vcpu(void)
{
	struct vcpu *v;

	if (vm->nr_vcpus)
		return &vm->vcpu[0];
	v = vcpu_create(vm);
	if (vcpu_try_init(v, 0))
		die("KVM_ARM_VCPU_INIT");
	return v;
}

static void wait_for_reg(u64 id)
{
	static struct kvm_one_reg reg;

	reg.id = id;
	reg.addr = (u64)watched_page();
	wait_in(any_vcpu()->fd, KVM_GET_ONE_REG, &reg);
}

static unsigned long nr_read, nr_gone, nr_bad;

static void *reader(void *arg)
{
	u64 val;

	for (;;) {
		int err = reg_get(arg, mte_reg_id[0], &val);

		__atomic_add_fetch(!err ? &nr_read : err == -ENOENT ? &nr_gone : &nr_bad, 1,
				   __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void wait_for_count(const unsigned long *n)
{
	while (!__atomic_load_n(n, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static void start_reading(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, reader, any_vcpu()))
		die("pthread_create");
	wait_for_count(&nr_read);
}

static int listed(void)
{
	struct kvm_reg_list *l = reg_list(any_vcpu());
	int i, n = 0;

	for (i = 0; i < MTE_REGS; i++)
		n += reg_listed(l, mte_reg_id[i]);
	return n;
}

static void obey(const char *line)
{
	if (!strcmp(line, "mte") && !vm_enable_mte(vm)) {
		printf("mte\n");
	} else if (!strcmp(line, "list")) {
		printf("list %d\n", listed());
	} else if (!strcmp(line, "init")) {
		wait_in(vcpu_create(vm)->fd, KVM_ARM_VCPU_INIT, watched_page());
		printf("init\n");
	} else if (!strcmp(line, "idreg")) {
		wait_for_reg(REG_PFR1);
		printf("idreg\n");
	} else if (!strcmp(line, "rgsr")) {
		wait_for_reg(mte_reg_id[0]);
		printf("rgsr\n");
	} else if (!strcmp(line, "reads")) {
		start_reading();
		printf("reads\n");
	} else if (!strcmp(line, "gone")) {
		wait_for_count(&nr_gone);
		printf("gone %lu\n", __atomic_load_n(&nr_bad, __ATOMIC_SEQ_CST));
	} else {
		printf("unknown\n");
	}
}

CASE(stuck,
     "no points: waits in ioctls for ever, as it is told on stdin")
{
	struct uffdio_api api = { .api = UFFD_API };
	char line[128];

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		die("userfaultfd: %s", errno_name(errno));
	vm = vm_create();
	printf("ready %d %d\n", getpid(), vm->fd);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		obey(line);
		fflush(stdout);
	}
	return 0;
}
