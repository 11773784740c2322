// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs that are hard to find. Prints "ready" and their names, each <pid>-<fd> as at creation:
 *   one whose descriptor was duplicated, and which another process has, too,
 *   one whose own descriptor is closed; only its vCPU's is open,
 *   one whose descriptor is on its way through a socket, in nobody's table.
 * Then obeys lines on stdin and answers each with one line:
 *   receive    takes the third one out of the socket and gives it a vCPU  -> receive
 *   run        every guest with a vCPU makes hypercalls                   -> run N
 *   quit       or the end of stdin
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

static struct vm *shared, *closed, *sent;
static int sent_as, ends[2];
static pid_t other;

/* Closes a descriptor, but keeps its number in use. */
static void close_but_keep(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, fd) < 0)
		die("/dev/null: %s", errno_name(errno));
	close(null);
}

static void make_shared(void)
{
	shared = vm_ready(1);
	if (dup(shared->fd) < 0 || fcntl(shared->fd, F_DUPFD, 200) < 0)
		die("dup: %s", errno_name(errno));
	other = fork();
	if (other < 0)
		die("fork: %s", errno_name(errno));
	while (!other)
		pause();
}

static union {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
} control;

static struct msghdr *message(void)
{
	static char byte;
	static struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	static struct msghdr msg;

	msg = (struct msghdr){
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	return &msg;
}

static void make_sent(void)
{
	struct msghdr *msg = message();
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	sent = vm_create();
	sent_as = sent->fd;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &sent->fd, sizeof(int));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) || sendmsg(ends[0], msg, 0) != 1)
		die("SCM_RIGHTS: %s", errno_name(errno));
	close_but_keep(sent->fd);
}

static void receive(void)
{
	struct msghdr *msg = message();

	if (recvmsg(ends[1], msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(msg))
		die("SCM_RIGHTS: %s", errno_name(errno));
	memcpy(&sent->fd, CMSG_DATA(CMSG_FIRSTHDR(msg)), sizeof(int));
	vm_load_guest(sent);
	vm_memory(sent, opt.mem, opt.size);
	vcpu_init(vcpu_create(sent));
	printf("receive\n");
}

static void run(void)
{
	unsigned int n = rounds_or(1000);
	u64 sum = vcpu_cmd(&shared->vcpu[0], CMD_HVC, n) + vcpu_cmd(&closed->vcpu[0], CMD_HVC, n);

	if (sent->nr_vcpus)
		sum += vcpu_cmd(&sent->vcpu[0], CMD_HVC, n);
	printf("run %lu\n", sum);
}

CASE(share,
     "no points: keeps VMs that are hard to find, and obeys lines on stdin")
{
	char line[32];

	make_shared();
	closed = vm_ready(1);
	close_but_keep(closed->fd);
	make_sent();
	printf("ready %d-%d %d-%d %d-%d\n", getpid(), shared->fd, getpid(), closed->fd, getpid(),
	       sent_as);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n")) {
		if (!strcmp(line, "receive\n"))
			receive();
		else if (!strcmp(line, "run\n"))
			run();
		else
			printf("unknown\n");
		fflush(stdout);
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return 0;
}
