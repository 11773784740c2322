// SPDX-License-Identifier: GPL-2.0-only
/* A VM that is held: no vCPU enters the guest, and its VMM can still stop, save and end it. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"

static void on_kick(int sig)
{
	(void)sig;
}

static int hold(struct vm *vm, const char *word)
{
	return module_write(vm, "hold", word, strlen(word));
}

/* KVM_RUN once, by a thread that notes the result. */
struct runner {
	struct vcpu *v;
	pthread_t thread;
	pid_t tid;
	int done, result;
};

static void *run_once(void *arg)
{
	struct runner *r = arg;

	__atomic_store_n(&r->tid, gettid(), __ATOMIC_RELEASE);
	r->result = kvm_ioctl(r->v->fd, KVM_RUN, NULL);
	__atomic_store_n(&r->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Whether the thread sleeps in an ioctl. */
static bool sleeps(pid_t tid)
{
	char path[64], state = 0;
	long nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	if (f)
		fclose(f);
	return state == 'S' && nr == SYS_ioctl;
}

/* Returns when the thread waits in KVM_RUN, or has come back from it. */
static void start(struct runner *r, struct vcpu *v)
{
	int i;

	memset(r, 0, sizeof(*r));
	r->v = v;
	if (pthread_create(&r->thread, NULL, run_once, r))
		die("pthread_create");
	for (i = 0; i < 2000; i++) {
		pid_t tid = __atomic_load_n(&r->tid, __ATOMIC_ACQUIRE);

		if (__atomic_load_n(&r->done, __ATOMIC_ACQUIRE) || (tid && sleeps(tid)))
			return;
		usleep(5000);
	}
	die("KVM_RUN neither waits nor ends");
}

static bool done(struct runner *r)
{
	return __atomic_load_n(&r->done, __ATOMIC_ACQUIRE);
}

static void *spin(void *arg)
{
	vcpu_cmd(arg, CMD_SPIN);
	return NULL;
}

static void stops_running(struct vm *vm)
{
	pthread_t t[2];
	int i;

	for (i = 0; i < 2; i++) {
		vm->vcpu[i].mb->stop = 0;
		pthread_create(&t[i], NULL, spin, &vm->vcpu[i]);
	}
	usleep(50000);
	is(hold(vm, "1\n"), 0, "a running VM can be held");
	is_text(module_read(vm, "hold"), "1", "it is held");
	/* Had a vCPU entered the guest again, it would see this and end its command. */
	for (i = 0; i < 2; i++)
		__atomic_store_n(&vm->vcpu[i].mb->stop, 1, __ATOMIC_RELEASE);
	usleep(100000);
	for (i = 0; i < 2; i++)
		is(pthread_tryjoin_np(t[i], NULL), EBUSY, "vCPU %d does not run", i);
	is(hold(vm, "0\n"), 0, "released");
	for (i = 0; i < 2; i++)
		is(pthread_join(t[i], NULL), 0, "vCPU %d goes on", i);
}

static void can_be_left(struct vm *vm)
{
	struct vcpu *v = &vm->vcpu[0];
	struct runner r;

	is(hold(vm, "1\n"), 0, "held");
	start(&r, v);
	is(done(&r), false, "KVM_RUN waits");
	pthread_kill(r.thread, SIGUSR1);
	pthread_join(r.thread, NULL);
	is(r.result, -EINTR, "a signal ends it");
	v->run->immediate_exit = 1;
	is(kvm_ioctl(v->fd, KVM_RUN, NULL), -EINTR, "immediate_exit ends it");
	v->run->immediate_exit = 0;
	is(hold(vm, "0\n"), 0, "released");
}

/*
 * The VMM may save or reset a vCPU after EINTR, so KVM_RUN first completes an MMIO exit, also if
 * the VM is held.
 */
static void completes_mmio(struct vm *vm)
{
	struct vcpu *v = &vm->vcpu[0];
	u64 before;
	int r;

	v->mb->cmd = CMD_NOP;
	r = kvm_ioctl(v->fd, KVM_RUN, NULL);
	if (r || v->run->exit_reason != KVM_EXIT_MMIO)
		die("no MMIO exit");
	before = reg_must_get(v, REG_CORE(regs.pc));
	is(hold(vm, "1\n"), 0, "held at an MMIO exit");
	alarm(1);
	is(kvm_ioctl(v->fd, KVM_RUN, NULL), -EINTR, "KVM_RUN waits until a signal comes");
	is(v->run->exit_reason, KVM_EXIT_INTR, "its exit reason");
	is(reg_must_get(v, REG_CORE(regs.pc)) - before, 4, "the MMIO exit is completed");
	is(hold(vm, "0\n"), 0, "released");
	is(vcpu_cmd(v, CMD_HVC, 3), 3, "the guest goes on after it");
}

static void masked(struct vm *vm)
{
	struct {
		struct kvm_signal_mask mask;
		u64 set;
	} none = { .mask.len = 8 };
	struct runner r;
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	if (kvm_ioctl(vm->vcpu[0].fd, KVM_SET_SIGNAL_MASK, &none))
		die("KVM_SET_SIGNAL_MASK");
	is(hold(vm, "1\n"), 0, "held");
	start(&r, &vm->vcpu[0]);
	is(done(&r), false, "KVM_RUN waits");
	pthread_kill(r.thread, SIGUSR1);
	pthread_join(r.thread, NULL);
	is(r.result, -EINTR, "a signal that is blocked outside of KVM_RUN ends it");
	is(hold(vm, "0\n"), 0, "released");
	kvm_ioctl(vm->vcpu[0].fd, KVM_SET_SIGNAL_MASK, NULL);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
}

CASE(held,
     "a vCPU that enters the guest of a held VM, or that its VMM cannot get back")
{
	struct sigaction act = { .sa_handler = on_kick };
	struct runner r;
	struct vm *vm;

	module_needed();
	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGALRM, &act, NULL);
	vm = vm_ready(2);
	is_text(module_read(vm, "hold"), "0", "a new VM is not held");
	is(hold(vm, "maybe\n"), -EINVAL, "not a boolean");
	is(hold(vm, "0\n"), 0, "a VM that is not held can be released");
	is(hold(vm, "1\n"), 0, "it can be held before it has run");
	is(hold(vm, "1\n"), 0, "twice, too");
	start(&r, &vm->vcpu[0]);
	is(done(&r), false, "its first KVM_RUN waits");
	is(hold(vm, "0\n"), 0, "released");
	pthread_join(r.thread, NULL);
	is(r.result, -EINTR, "a KVM_RUN that waited ends when the VM is released");
	is(vcpu_cmd(&vm->vcpu[0], CMD_HVC, 10), 10, "the next one runs");
	stops_running(vm);
	can_be_left(vm);
	completes_mmio(vm);
	masked(vm);
	is(hold(vm, "1\n"), 0, "held when it is destroyed");
	vm_destroy(vm);
	return 0;
}
