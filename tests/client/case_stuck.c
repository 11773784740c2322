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
 *   create       a child waits in KVM_CREATE_VM: tests/fixtures/mmaplock (which must be loaded) holds
 *                its mmap_lock                -> create PID, when the child has its mmap_lock held
 *   dirty        KVM_GET_DIRTY_LOG with such a buffer, with slots_lock held -> dirty, when it waits
 *   redist       the address of the vGIC's redistributors: waits for slots_lock, with kvm->lock
 *                held                         -> redist, when the thread has started
 *   reset        KVM_ARM_VCPU_INIT: waits for kvm->lock -> reset, when the thread has started
 *   map          a thread maps memory: waits for mmap_lock, which tests/fixtures/mmaplock holds
 *                                            -> map, before the lock is taken
 *   run          KVM_RUN, with the vCPU's stolen time in such memory        -> run, when it waits
 *
 * It does not end by itself: kill it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Starts a thread that calls an ioctl, and waits there. */
static void start(int fd, unsigned long req, void *arg)
{
	struct call *c = malloc(sizeof(*c));
	pthread_t t;

	if (!c)
		die("out of memory");
	*c = (struct call){ fd, req, arg };
	if (pthread_create(&t, NULL, waiter, c))
		die("pthread_create");
}

/* Returns when the thread waits in the ioctl. */
static void wait_in(int fd, unsigned long req, void *arg)
{
	struct pollfd fds = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	start(fd, req, arg);
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

#define HELD	"/sys/module/mmaplock/parameters/held"

/* Between the two calls the child must not fault: the lock is held for reading only. */
static pid_t create_in_child(void)
{
	int fd = open(HELD, O_WRONLY), dev = kvm_dev();
	pid_t pid;

	if (fd < 0)
		die("%s: %s", HELD, errno_name(errno));
	pid = fork();
	if (!pid) {
		if (write(fd, "1", 1) == 1)
			ioctl(dev, KVM_CREATE_VM, 0);
		_exit(0);
	}
	close(fd);
	return pid;
}

static int go[2];

static void *mapper(void *unused)
{
	int fd = open(HELD, O_WRONLY);
	char c;

	if (read(go[0], &c, 1) == 1 && write(fd, "1", 1) == 1)
		mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)unused;
	return NULL;
}

/* Until the lock is free the process cannot fault, so it answers first. */
static void map_later(void)
{
	pthread_t t;

	if (pipe(go) || pthread_create(&t, NULL, mapper, NULL))
		die("a thread");
	printf("map\n");
	fflush(stdout);
	if (write(go[1], "", 1) != 1)
		die("a pipe");
}

#define LOGGED_IPA	0x40000000UL

static void read_dirty_log(void)
{
	static struct kvm_dirty_log log;
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || vm_slot(vm, 0, LOGGED_IPA, p, PAGE, KVM_MEM_LOG_DIRTY_PAGES))
		die("a logged slot");
	log.dirty_bitmap = watched_page();
	wait_in(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

/* Waits for slots_lock only for vCPUs that exist. */
static void set_redist(void)
{
	static u64 dist = 0x8000000, redist = 0x80a0000;
	static struct kvm_device_attr attr = {
		.group = KVM_DEV_ARM_VGIC_GRP_ADDR,
		.attr = KVM_VGIC_V3_ADDR_TYPE_REDIST,
		.addr = (u64)&redist,
	};
	struct kvm_device_attr dist_attr = {
		.group = KVM_DEV_ARM_VGIC_GRP_ADDR,
		.attr = KVM_VGIC_V3_ADDR_TYPE_DIST,
		.addr = (u64)&dist,
	};
	struct kvm_create_device dev = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };

	vcpu_create(vm);
	if (kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, &dev) ||
	    kvm_ioctl(dev.fd, KVM_SET_DEVICE_ATTR, &dist_attr))
		die("a vGIC");
	start(dev.fd, KVM_SET_DEVICE_ATTR, &attr);
}

static void init_vcpu(void)
{
	static struct kvm_vcpu_init init;

	if (kvm_ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init))
		die("KVM_ARM_PREFERRED_TARGET");
	start(vm->vcpu[0].fd, KVM_ARM_VCPU_INIT, &init);
}

/* KVM itself writes the stolen time at the beginning of KVM_RUN. */
static void run_with_stolen_time(void)
{
	u64 ipa = LOGGED_IPA;
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VCPU_PVTIME_CTRL,
		.attr = KVM_ARM_VCPU_PVTIME_IPA,
		.addr = (u64)&ipa,
	};
	struct vcpu *v = any_vcpu();

	if (vm_slot(vm, 0, ipa, watched_page(), PAGE, 0))
		die("a slot");
	if (kvm_ioctl(v->fd, KVM_SET_DEVICE_ATTR, &attr))
		die("KVM_ARM_VCPU_PVTIME_IPA");
	wait_in(v->fd, KVM_RUN, NULL);
}

static int listed(void)
{
	struct kvm_reg_list *l = reg_list(any_vcpu());
	int i, n = 0;

	for (i = 0; i < MTE_REGS; i++)
		n += reg_listed(l, mte_reg_id[i]);
	return n;
}

static bool obey_locks(const char *line)
{
	if (!strcmp(line, "map")) {
		map_later();
		return true;
	}
	if (!strcmp(line, "dirty"))
		read_dirty_log();
	else if (!strcmp(line, "redist"))
		set_redist();
	else if (!strcmp(line, "reset"))
		init_vcpu();
	else if (!strcmp(line, "run"))
		run_with_stolen_time();
	else
		return false;
	printf("%s\n", line);
	return true;
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
	} else if (!strcmp(line, "create")) {
		printf("create %d\n", create_in_child());
	} else if (!obey_locks(line)) {
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
