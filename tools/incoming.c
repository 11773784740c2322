// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte tags load --incoming: waits for a VM that is about to receive a guest, and takes
 * it before it can run.
 *
 * The VM is there before the stream is, and before all its memory is: a VMM creates vCPUs
 * before memory slots, and the slots of devices come with the guest's state.  A VMM also
 * creates VMs only to look what KVM can do, and destroys them at once.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tags.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif

/* In seconds. */
#define INTERVAL	1.0
/* A VM without vCPUs, or without the right memory, will have them soon. */
#define INTERVAL_SHORT	0.05
/* A VMM may be in an ioctl of a vCPU, while it sets the VM up: then the VM cannot be held. */
#define INTERVAL_BUSY	0.2
#define BUSY		10000	/* milliseconds */
/* Memory that differs from the stream's is an error if it has not changed for so long. */
#define SETTLED		10000	/* milliseconds */

/* A step may also return, instead of an exit status: not yet; the VM is gone; it is busy. */
#define LATER		-1
#define GONE		-2
#define BUSY_NOW	-3

static const char *wanted;

/* If libvirt has a domain of the name that is wanted, another process's VM is not meant. */
static bool may_be_meant(const struct vm *vm)
{
	long long pid = libvirt_process(vm, wanted);

	return vm->vcpus > 0 && (!pid || pid == vm->pid);
}

/**
 * struct tries - the VM that was tried last
 * @vm: its directory
 * @busy: since when it has been busy; 0 if it was not
 * @no_mte: how often it had no MTE
 * @pidfd: its process, if it had no MTE; otherwise -1
 */
struct tries {
	char vm[64];
	long long busy;
	int no_mte;
	int pidfd;
};

static struct tries tries = { .pidfd = -1 };

static void count_try(const struct vm *vm)
{
	if (!strncmp(tries.vm, vm->dir, sizeof(tries.vm) - 1))
		return;
	snprintf(tries.vm, sizeof(tries.vm), "%s", vm->dir);
	tries.busy = 0;
	tries.no_mte = 0;
	if (tries.pidfd >= 0)
		close(tries.pidfd);
	tries.pidfd = -1;
}

/* A VM that never had MTE is gone.  If its process has ended too, no other VM will come. */
static bool process_has_ended(void)
{
	struct pollfd process = { .fd = tries.pidfd, .events = POLLIN };

	return tries.pidfd >= 0 && poll(&process, 1, 0) > 0;
}

/* A VM without MTE may get it before it runs. */
static void say_no_mte(const struct vm *vm)
{
	if (++tries.no_mte == 1)
		tries.pidfd = syscall(SYS_pidfd_open, (pid_t)vm->pid, 0);
	if (tries.no_mte == 2)
		complain_of(vm, "has no MTE yet; waiting until it is on");
}

static bool is_busy_for_a_moment(void)
{
	if (!tries.busy)
		tries.busy = now_ms();
	return now_ms() - tries.busy < BUSY;
}

static int try_take(struct load *load, const struct vm *vm)
{
	int err, end;

	if (load->dev.fd < 0) {
		end = device_open(&load->dev, KVM_MTE_LOAD_INCOMING);
		if (end)
			return end;
	}
	count_try(vm);
	err = device_take(&load->dev, vm);
	if (err == -EINVAL)
		say_no_mte(vm);
	if (err != -EBUSY)
		tries.busy = 0;
	else if (is_busy_for_a_moment())
		return BUSY_NOW;
	if (err == -EINVAL || err == -ENOENT || err == -ENODEV)
		return LATER;
	return err ? load_failed(load, err) : END_OK;
}

/*
 * Has the program that would write the stream ended, or the connection to it?  If so, this
 * must not hold a VM: nothing would release it.  If a part of the stream is there, its writer may
 * have ended because it was done.  But if standard error is closed too, the connection is
 * lost.
 */
static bool stream_will_not_come(void)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLRDHUP },
		{ .fd = STDERR_FILENO },
	};
	int left;

	if (poll(fds, ARRAY_SIZE(fds), 0) <= 0 || !(fds[0].revents & (POLLHUP | POLLRDHUP)))
		return false;
	return fds[1].revents & (POLLERR | POLLHUP) ||
	       (!ioctl(STDIN_FILENO, FIONREAD, &left) && !left);
}

static int no_stream(const char *which)
{
	complain("%s: the stream has ended before it began; no VM was held", which);
	return END_ERROR;
}

static int wait_for_vm(struct load *load, const char *which, int uevents)
{
	const struct vm *vm;
	bool said = false;
	int end, nr;

	wanted = which;
	for (;;) {
		vms_free(&load->vms);
		end = need_vms(&load->vms);
		if (end)
			return end;
		nr = find_vms(&load->vms, which, may_be_meant, &vm);
		if (nr < 0)
			return END_ERROR;
		if (stream_will_not_come())
			return no_stream(which);
		if (!vm && process_has_ended()) {
			complain("%s: the VM's process has ended", which);
			return END_ERROR;
		}
		end = vm ? try_take(load, vm) : LATER;
		if (end != LATER && end != BUSY_NOW)
			return end;
		if (!vm && !said)
			complain("%s: " SAYS_WAITS_FOR_VM, which);
		said |= !vm;
		if (end == BUSY_NOW)
			watch_wait(-1, INTERVAL_BUSY);
		else
			watch_wait(uevents, nr && !vm ? INTERVAL_SHORT : INTERVAL);
	}
}

/* Returns true if the stream has begun, or will not come. */
static bool stream_has_begun(const struct stream *stream, double seconds)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = stream->pidfd, .events = POLLIN },
	};

	return poll(fds, ARRAY_SIZE(fds), 1000 * seconds) > 0;
}

static int read_ranges(struct load *load)
{
	const struct vm *vm = load->dev.vm;
	int err, end;

	ranges_free(&load->slots);
	err = device_ranges(&load->dev, &load->slots);
	if (err != -ESTALE)
		return err ? load_failed(load, err) : END_OK;
	/* The VM stays held meanwhile. */
	device_close(&load->dev);
	end = device_open(&load->dev, KVM_MTE_LOAD_INCOMING);
	if (end)
		return end;
	err = device_take(&load->dev, vm);
	return err ? load_failed(load, err) : LATER;
}

/* The stream's header is there. */
static int wait_for_memory(struct load *load)
{
	struct ranges before = { .nr = 0 };
	long long changed = now_ms();
	uint64_t ipa;
	int end;

	for (;;) {
		if (!vm_is_there(load->dev.vm)) {
			end = GONE;
			break;
		}
		end = read_ranges(load);
		if (end > 0 || (!end && load_fits(load)))
			break;
		if (end == LATER || ranges_differ(&before, &load->slots, &ipa))
			changed = now_ms();
		if (now_ms() - changed >= SETTLED) {
			end = load_misfit(load);
			break;
		}
		ranges_free(&before);
		before = load->slots;
		load->slots = (struct ranges){ .nr = 0 };
		poll(NULL, 0, 1000 * INTERVAL_SHORT);
	}
	ranges_free(&before);
	return end;
}

static int wait_for_stream(struct load *load)
{
	struct stream *stream = &load->stream;

	while (!stream->ranges.nr) {
		if (!vm_is_there(load->dev.vm))
			return GONE;
		if (load_is_sure(load))
			return load_failed(load, 0);
		if (stream_has_begun(stream, INTERVAL) && stream_open(stream, STDIN_FILENO))
			return load_failed(load, 0);
	}
	return END_OK;
}

/*
 * The VM is gone.  If its process is about to end too, the guest will not come.  A process
 * that ends destroys its VMs first.
 */
static int look_for_another(struct load *load)
{
	struct pollfd process = { .fd = load->stream.pidfd, .events = POLLIN };

	if (load->stream.pidfd >= 0 && poll(&process, 1, 1000 * INTERVAL) > 0) {
		stream_bad(&load->stream, "the VM's process has ended");
		return load_failed(load, 0);
	}
	complain_of(load->dev.vm, SAYS_GONE);
	device_close(&load->dev);
	return END_OK;
}

/* Takes a VM, and waits for the stream and for the VM's memory. */
static int take_one(struct load *load, const char *which, int uevents)
{
	int end = wait_for_vm(load, which, uevents);

	if (end)
		return end;
	complain_of(load->dev.vm, SAYS_HELD);
	if (load_watch(load))
		return load_failed(load, 0);
	end = wait_for_stream(load);
	return end ? end : wait_for_memory(load);
}

/**
 * take_incoming - wait for a VM, for the stream, and for the VM's memory
 * @load: the load; filled
 * @which: names the VM
 *
 * Return: exit status.
 */
int take_incoming(struct load *load, const char *which)
{
	int uevents = watch_open();
	int end;

	/* If the device cannot be opened, fail now and not when the VM is there. */
	end = device_open(&load->dev, KVM_MTE_LOAD_INCOMING);
	if (!end)
		end = take_one(load, which, uevents);
	while (end == GONE) {
		end = look_for_another(load);
		if (!end)
			end = take_one(load, which, uevents);
	}
	if (uevents >= 0)
		close(uevents);
	return end;
}
