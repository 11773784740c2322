// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tags of a VM that has ended: its process exits, is killed, or lives on. The memory is kept
 * until its tags are read.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "carry.h"
#include "client.h"
#include "swapping.h"

enum ending { EXITS, IS_KILLED, LIVES_ON };

struct child {
	pid_t pid;
	int to, from;
};

struct hello {
	int fd;
	u64 size, swapped;
};

/* The child fills a VM, says so, and waits for a word to end it. */
static void be_child(int in, int out, enum ending ending)
{
	struct vm *vm = vm_ready(1);
	struct hello hello = { vm->fd, vm->data_size, 0 };
	char c;

	vm_tag_fill(&vm->vcpu[0], opt.seed);
	if (opt.churn)
		hello.swapped = page_out(vm);
	if (write(out, &hello, sizeof(hello)) != sizeof(hello))
		_exit(1);
	if (read(in, &c, 1) != 1)
		_exit(1);
	if (ending == LIVES_ON) {
		void *data = vm->data;
		size_t size = vm->data_size;

		/* vm_destroy() also unmaps the memory */
		vm_destroy(vm);
		munmap(data, size);
		if (write(out, "x", 1) != 1)
			_exit(1);
		pause();
	}
	_exit(0);
}

static struct child spawn(enum ending ending)
{
	struct child c;
	int in[2], out[2];

	if (pipe(in) || pipe(out))
		die("pipe");
	c.pid = fork();
	if (!c.pid) {
		close(in[1]);
		close(out[0]);
		be_child(in[0], out[1], ending);
	}
	close(in[0]);
	close(out[1]);
	c.to = in[1];
	c.from = out[0];
	return c;
}

static int readable(int fd, int ms)
{
	struct pollfd p = { fd, POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents & POLLIN;
}

/* A little later, so that the caller waits in poll() then: nothing else may wake it up. */
static void finish(struct child *c, enum ending ending)
{
	if (fork())
		return;
	usleep(200000);
	if (ending == IS_KILLED)
		kill(c->pid, SIGKILL);
	else if (write(c->to, "x", 1) != 1)
		die("the child is gone");
	_exit(0);
}

static void at_end(enum ending ending, const char *what)
{
	struct child c = spawn(ending);
	struct hello hello;
	struct carried tags;
	char name[32], word;
	int fd = carry_file(), status;

	if (read(c.from, &hello, sizeof(hello)) != sizeof(hello))
		die("the child has failed");
	snprintf(name, sizeof(name), "%d-%d", c.pid, hello.fd);
	is(carry_open_name(fd, name, KVM_MTE_SAVE_AT_END), 0, "%s: open", what);
	is(carry_ranges(fd, NULL, 0), -EAGAIN, "%s: not before its end", what);
	is(readable(fd, 0), 0, "%s: and poll() says so", what);
	if (opt.churn)
		ok(hello.swapped > 0, "%s: %lu pages are swapped out", what, hello.swapped);
	finish(&c, ending);
	is(readable(fd, 20000), 1, "%s: poll() tells of its end", what);
	if (ending == LIVES_ON)
		is(readable(c.from, 200), 0, "%s: it waits with its memory", what);
	else
		waitpid(c.pid, &status, 0);
	is(carry_all_out(fd, &tags), 0, "%s: all tags are read", what);
	is(carry_wrong(&tags, GUEST_DATA, GUEST_DATA + hello.size, opt.seed), 0,
	   "%s: tags that differ", what);
	close(fd);
	if (ending == LIVES_ON) {
		is(read(c.from, &word, 1), 1, "%s: it goes on when the file is closed", what);
		kill(c.pid, SIGKILL);
		waitpid(c.pid, &status, 0);
	}
	close(c.to);
	close(c.from);
	carry_free(&tags);
}

/* The child must not wait for a file that nobody reads if it is killed. */
static void killed_while_it_waits(void)
{
	struct child c = spawn(LIVES_ON);
	struct hello hello;
	struct carried tags;
	char name[32];
	int fd = carry_file(), status;

	if (read(c.from, &hello, sizeof(hello)) != sizeof(hello))
		die("the child has failed");
	snprintf(name, sizeof(name), "%d-%d", c.pid, hello.fd);
	is(carry_open_name(fd, name, KVM_MTE_SAVE_AT_END), 0, "killed while it waits: open");
	finish(&c, LIVES_ON);
	is(readable(fd, 20000), 1, "killed while it waits: its VM has ended");
	kill(c.pid, SIGKILL);
	is(waitpid(c.pid, &status, 0), c.pid, "killed while it waits: it ends");
	is(carry_all_out(fd, &tags), 0, "killed while it waits: all tags are read");
	is(carry_wrong(&tags, GUEST_DATA, GUEST_DATA + hello.size, opt.seed), 0,
	   "killed while it waits: tags that differ");
	close(fd);
	close(c.to);
	close(c.from);
	carry_free(&tags);
}

CASE(carryend,
     "tags of a VM that are lost because the VM or its process ends before they are read")
{
	module_needed();
	at_end(EXITS, "its process exits");
	at_end(IS_KILLED, "its process is killed");
	at_end(LIVES_ON, "its process lives on");
	killed_while_it_waits();
	return 0;
}
