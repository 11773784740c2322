// SPDX-License-Identifier: GPL-2.0-only
/* What /dev/kvm_mte refuses: root may be wrong, and a VM must never run with wrong tags. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "carry.h"
#include "client.h"

#define MIB	(1UL << 20)

static void refuses_users(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (chmod("/dev/" KVM_MTE_DEVICE, 0666) || setuid(1))
			_exit(1);
		_exit(carry_file() == -EPERM ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "not root: EPERM, also with access to the file");
	is(chmod("/dev/" KVM_MTE_DEVICE, 0600), 0, "its mode is what it was");
}

static void before_open(struct vm *vm)
{
	struct kvm_mte_open how = { .mode = KVM_MTE_SAVE, .reserved = 1 };
	struct kvm_mte_range range;
	struct carried c = { 0 };
	int fd = carry_file();

	is(carry_ranges(fd, &range, 1), -ENOTCONN, "KVM_MTE_RANGES without a VM");
	is(carry_read(fd, GUEST_DATA, MIB, &c), -ENOTCONN, "KVM_MTE_READ without a VM");
	is(carry_write(fd, GUEST_DATA, MIB, NULL, 0), -ENOTCONN, "KVM_MTE_WRITE without a VM");
	is(ioctl(fd, KVM_MTE_RELEASE) ? -errno : 0, -ENOTCONN, "KVM_MTE_RELEASE without a VM");
	is(carry_open(fd, vm, 0), -EINVAL, "mode 0");
	is(carry_open(fd, vm, KVM_MTE_LOAD_INCOMING + 1), -EINVAL, "a mode that does not exist");
	is(carry_open_name(fd, "1-1", KVM_MTE_SAVE), -ENOENT, "a VM that does not exist");
	is(carry_open_name(fd, "", KVM_MTE_SAVE), -ENOENT, "a VM without a name");
	is(ioctl(fd, KVM_MTE_OPEN, &how) ? -errno : 0, -EINVAL, "a reserved field");
	memset(how.vm, 'x', sizeof(how.vm));
	how.reserved = 0;
	is(ioctl(fd, KVM_MTE_OPEN, &how) ? -errno : 0, -EINVAL, "a name without an end");
	is(ioctl(fd, KVM_MTE_OPEN, NULL) ? -errno : 0, -EFAULT, "no argument");
	is(carry_open(fd, vm, KVM_MTE_LOAD), -EBUSY, "a load into a VM that is not held");
	is(carry_open(fd, vm, KVM_MTE_LOAD_INCOMING), -EBUSY, "an incoming VM that has run");
	is_text(module_read(vm, "hold"), "0", "after that the VM is not held");
	close(fd);
	free(c.page);
}

static void *spin(void *arg)
{
	vcpu_cmd(arg, CMD_SPIN);
	return NULL;
}

/*
 * An open can succeed if the vCPU has not entered the guest: before its thread has come to that, or
 * after an earlier open has held it. Then the VM is held, so it is stopped.
 */
static int busy_opens(struct vm *vm, int wanted)
{
	int i, busy = 0, fd;

	for (i = 0; i < 1000 && busy < wanted; i++) {
		fd = carry_file();
		busy += carry_open(fd, vm, KVM_MTE_SAVE) == -EBUSY;
		close(fd);
		usleep(10000);
	}
	return busy;
}

static void while_running(struct vm *vm)
{
	pthread_t t;
	int fd;

	vm->vcpu[0].mb->stop = 0;
	pthread_create(&t, NULL, spin, &vm->vcpu[0]);
	is(busy_opens(vm, 5), 5, "a save of a running VM: EBUSY");
	__atomic_store_n(&vm->vcpu[0].mb->stop, 1, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	fd = carry_file();
	is(carry_open(fd, vm, KVM_MTE_SAVE), 0, "a save of a stopped VM");
	close(fd);
}

static void without_mte(void)
{
	struct vm *vm = vm_off(1);
	int fd = carry_file();

	is(carry_open(fd, vm, KVM_MTE_SAVE), -EINVAL, "a VM without MTE: a save");
	is(carry_open(fd, vm, KVM_MTE_SAVE_AT_END), -EINVAL, "a VM without MTE: a save at its end");
	is(carry_open(fd, vm, KVM_MTE_LOAD_INCOMING), -EINVAL, "a VM without MTE: a load");
	close(fd);
	vm_destroy(vm);
}

static void one_at_a_time(struct vm *vm)
{
	int fd = carry_file(), other = carry_file();

	is(carry_open(fd, vm, KVM_MTE_LOAD), 0, "the VM is held: a load");
	is(carry_open(fd, vm, KVM_MTE_LOAD), -EEXIST, "the same file again");
	is(carry_open(other, vm, KVM_MTE_LOAD), -EBUSY, "a second load");
	is(carry_open(other, vm, KVM_MTE_SAVE), -EBUSY, "a save during a load");
	is(carry_open(other, vm, KVM_MTE_SAVE_AT_END), -EBUSY, "a save at its end during a load");
	close(fd);
	is_text(module_read(vm, "hold"), "1", "after a load that did not end the VM is held");
	is(carry_open(other, vm, KVM_MTE_SAVE), 0, "a save after the load");
	is(carry_write(other, GUEST_DATA, MIB, NULL, 0), -EINVAL, "KVM_MTE_WRITE during a save");
	is(ioctl(other, KVM_MTE_RELEASE) ? -errno : 0, -EINVAL, "KVM_MTE_RELEASE during a save");
	close(other);
}

static void ranges(int fd, struct vm *vm)
{
	struct kvm_mte_range range[2] = { 0 };
	struct carried c = { 0 };
	struct kvm_mte_read small = { .ipa = GUEST_DATA, .size = MIB, .max = 0 };
	u64 end = vm_data_end(vm);

	is(carry_ranges(fd, range, 1), 2, "KVM_MTE_RANGES with too little room: the number");
	is(range[0].size, 0, "and no range");
	is(carry_read(fd, GUEST_DATA, 0, &c), 0, "nothing to read");
	is(carry_read(fd, GUEST_DATA + 16, MIB, &c), -EINVAL, "not whole pages");
	is(carry_read(fd, GUEST_DATA - HOST_PAGE, MIB, &c), -EINVAL, "from before a range");
	is(carry_read(fd, end - HOST_PAGE, 2 * HOST_PAGE, &c), -EINVAL, "beyond a range");
	is(carry_read(fd, end, HOST_PAGE, &c), -EINVAL, "outside of the ranges");
	is(carry_read(fd, GUEST_DATA, -HOST_PAGE, &c), -EINVAL, "a size that overflows");
	is(carry_read(fd, -HOST_PAGE, 2 * HOST_PAGE, &c), -EINVAL, "an end that overflows");
	is(ioctl(fd, KVM_MTE_READ, &small) ? -errno : 0, -EINVAL, "no room for a page");
	is(carry_write(fd, GUEST_DATA, 0, NULL, 0), -EINVAL, "nothing to write");
	is(carry_write(fd, end, HOST_PAGE, NULL, 0), -EINVAL, "a write outside of the ranges");
	is(carry_write(fd, GUEST_DATA, MIB, NULL, 1), -EFAULT, "no array");
	free(c.page);
}

static void records(int fd)
{
	struct kvm_mte_page *p = calloc(3, sizeof(*p));
	struct kvm_mte_write write = { .ipa = GUEST_DATA, .size = MIB, .pages = (u64)p, .reserved = 1 };

	is(ioctl(fd, KVM_MTE_WRITE, &write) ? -errno : 0, -EINVAL, "a reserved field");
	p[0].ipa = GUEST_DATA + 4096;
	p[1].ipa = GUEST_DATA + 4096;
	is(carry_write(fd, GUEST_DATA, MIB, p, 2), -EINVAL, "a page twice");
	p[1].ipa = GUEST_DATA;
	is(carry_write(fd, GUEST_DATA, MIB, p, 2), -EINVAL, "pages in the wrong order");
	p[1].ipa = GUEST_DATA + 4096 + 16;
	is(carry_write(fd, GUEST_DATA, MIB, p, 2), -EINVAL, "a page that is not aligned");
	p[0].ipa = GUEST_DATA - 4096;
	is(carry_write(fd, GUEST_DATA, MIB, p, 1), -EINVAL, "a page before the memory");
	p[0].ipa = GUEST_DATA + MIB;
	is(carry_write(fd, GUEST_DATA, MIB, p, 1), -EINVAL, "a page after the memory");
	p[0].ipa = ~0UL;
	is(carry_write(fd, GUEST_DATA, MIB, p, 1), -EINVAL, "a page at the end of the address space");
	free(p);
}

static void slots(int fd, struct vm *vm)
{
	struct carried c = { 0 };
	u64 end = vm_data_end(vm);
	void *more = mem_map(opt.mem, 2 * MIB, NULL);

	if (vm_slot(vm, 2, end, more, 2 * MIB, 0))
		die("a third slot");
	is(ioctl(fd, KVM_MTE_RELEASE) ? -errno : 0, -ESTALE, "a new slot: no release");
	is_text(module_read(vm, "hold"), "1", "and the VM stays held");
	is(carry_read(fd, GUEST_DATA, MIB, &c), 0, "a slot that did not change can be read");
	is(carry_read(fd, end, MIB, &c), -EINVAL, "the new one only after KVM_MTE_RANGES");
	is(carry_ranges(fd, NULL, 0), 3, "KVM_MTE_RANGES");
	is(carry_read(fd, end, MIB, &c), 0, "now it can be read");
	if (vm_slot(vm, 2, end, more, 0, 0))
		die("the slot cannot be removed");
	is(carry_read(fd, end, MIB, &c), -ESTALE, "a slot that is gone");
	is(carry_ranges(fd, NULL, 0), 2, "KVM_MTE_RANGES again");
	munmap(more, 2 * MIB);
	free(c.page);
}

static void postcopy(int fd, struct vm *vm)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (u64)vm->data, MIB },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct carried c = { 0 };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg))
		die("userfaultfd: %s", errno_name(errno));
	is(carry_read(fd, GUEST_DATA, 2 * MIB, &c), -EBUSY, "memory with a userfaultfd: a read");
	is(carry_write(fd, GUEST_DATA, 2 * MIB, NULL, 0), -EBUSY,
	   "memory with a userfaultfd: a write");
	is(carry_read(fd, GUEST_DATA + MIB, MIB, &c), 0, "and the memory after it");
	close(uffd);
	is(carry_read(fd, GUEST_DATA, MIB, &c), 0, "when the userfaultfd is closed");
	free(c.page);
}

static void gone(int fd)
{
	struct kvm_mte_page page = { .ipa = GUEST_DATA + MIB };
	struct carried c = { 0 };

	is(carry_read(fd, GUEST_DATA, 2 * MIB, &c), -EFAULT, "memory that is not mapped: a read");
	is(carry_write(fd, GUEST_DATA, 2 * MIB, &page, 1), -EFAULT, "and a write");
	is(carry_write(fd, GUEST_DATA, 2 * MIB, NULL, 0), -EFAULT, "and a write of zeros");
	free(c.page);
}

/* A VMM creates VMs just to try KVM, and closes them. */
static void throw_away(void)
{
	struct vm *vm = vm_ready(1);
	char path[128];
	int fd = carry_file();

	module_vm_path(vm, "", path, sizeof(path));
	is(carry_open(fd, vm, KVM_MTE_LOAD_INCOMING), 0, "a VM that is thrown away: a load");
	vm_destroy(vm);
	is(access(path, F_OK), -1, "a VM that is thrown away: it goes");
	is(carry_ranges(fd, NULL, 0), -ENODEV, "a VM that is thrown away: KVM_MTE_RANGES");
	close(fd);
}

CASE(carrybad,
     "arguments and states that /dev/kvm_mte must refuse; a VM that runs after a load that failed")
{
	struct vm *vm;
	int fd;

	module_needed();
	refuses_users();
	without_mte();
	throw_away();
	vm = vm_ready(1);
	vm_tag_fill(&vm->vcpu[0], opt.seed);
	before_open(vm);
	while_running(vm);
	is(module_write(vm, "hold", "1\n", 2), 0, "the VM can be held");
	one_at_a_time(vm);
	fd = carry_file();
	is(carry_open(fd, vm, KVM_MTE_LOAD), 0, "a load");
	is(carry_ranges(fd, NULL, 0), 2, "its ranges");
	ranges(fd, vm);
	records(fd);
	slots(fd, vm);
	postcopy(fd, vm);
	munmap(vm->data + MIB, MIB);
	gone(fd);
	close(fd);
	is_text(module_read(vm, "hold"), "1", "the VM is still held");
	vm_destroy(vm);
	return 0;
}
