// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection to QEMU's monitor (QMP) on a UNIX socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "jobs.h"

/* In seconds.  A monitor serves one client at a time, and lets others wait. */
#define PATIENCE	60

/* The process that must listen at the socket.  As long as it is 0, each monitor is refused. */
static long long process;

static int lost(const char *command)
{
	if (errno == EAGAIN)
		complain("QEMU's monitor does not answer: %s", command);
	else
		complain("QEMU's monitor has closed the connection: %s", command);
	return QMP_LOST;
}

/* Reads lines until one of them has a value that is waited for. */
static int wait_for_reply(struct qmp *qmp, const char *command, const char *wanted)
{
	char text[512];

	for (;;) {
		errno = 0;
		if (getline(&qmp->reply, &qmp->size, qmp->from) < 0) {
			if (errno != EINTR)
				return lost(command);
			clearerr(qmp->from);
			continue;
		}
		switch (reply_get(qmp->reply, wanted, text, sizeof(text))) {
		case 1:
			return END_OK;
		case -1:
			complain("this is no monitor of QEMU in control mode, or it is pretty-printing");
			return END_ERROR;
		}
		if (reply_get(qmp->reply, "error.desc", text, sizeof(text)) == 1) {
			complain("QEMU: %s: %s", command, text);
			return END_ERROR;
		}
	}
}

static int send_all(struct qmp *qmp, const char *text, const char *command)
{
	size_t len = strlen(text), sent = 0;
	ssize_t nr;

	while (sent < len) {
		nr = send(qmp->fd, text + sent, len - sent, MSG_NOSIGNAL);
		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			return lost(command);
		sent += nr;
	}
	return END_OK;
}

/**
 * qmp_call - run a command of the monitor
 * @qmp: from qmp_open()
 * @command: the command
 * @arguments: its arguments, a JSON object; NULL if it has none
 *
 * Return: exit status, after an error message; the reply is in @qmp->reply.
 */
int qmp_call(struct qmp *qmp, const char *command, const char *arguments)
{
	char *text;
	size_t size;
	FILE *to = need(open_memstream(&text, &size));
	int end;

	fprintf(to, "{\"execute\": \"%s\"", command);
	if (arguments)
		fprintf(to, ", \"arguments\": %s", arguments);
	fputs("}\n", to);
	fclose(to);
	end = send_all(qmp, need(text), command);
	free(text);
	return end ? end : wait_for_reply(qmp, command, "return");
}

/**
 * qmp_send_fd - give QEMU a file, which it then knows as "kvm-mte"
 * @qmp: from qmp_open()
 * @fd: the file
 *
 * Return: exit status, after an error message.
 */
int qmp_send_fd(struct qmp *qmp, int fd)
{
	char text[] = "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"kvm-mte\"}}\n";
	struct iovec data = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = "" };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(qmp->fd, &message, MSG_NOSIGNAL) != sizeof(text) - 1)
		return lost("getfd");
	return wait_for_reply(qmp, "getfd", "return");
}

/**
 * qmp_expect - name the VM that all monitors must belong to
 * @vm: the VM
 */
void qmp_expect(const struct vm *vm)
{
	process = vm->pid;
}

/* A socket knows which process listens. */
static bool is_of_the_vm(int fd, const char *path)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size)) {
		complain("%s: %s", path, strerror(errno));
		return false;
	}
	if (peer.pid == process)
		return true;
	complain("%s: it is not the monitor of this VM: process %d listens there, the VM's is %lld",
		 path, (int)peer.pid, process);
	return false;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/**
 * qmp_open - connect to QEMU's monitor
 * @qmp: filled; the caller calls qmp_close(), also after an error
 * @path: its socket
 *
 * Return: exit status, after an error message.
 */
int qmp_open(struct qmp *qmp, const char *path)
{
	int end;

	*qmp = (struct qmp){ .fd = connect_to(path) };
	if (qmp->fd < 0) {
		complain("%s: %s", path, strerror(errno));
		return END_ERROR;
	}
	qmp->from = need(fdopen(qmp->fd, "r"));
	if (!is_of_the_vm(qmp->fd, path))
		return END_ERROR;
	end = wait_for_reply(qmp, "greeting", "QMP");
	return end ? end : qmp_call(qmp, "qmp_capabilities", NULL);
}

/**
 * qmp_close - end the connection
 * @qmp: from qmp_open()
 */
void qmp_close(struct qmp *qmp)
{
	if (qmp->from)
		fclose(qmp->from);
	free(qmp->reply);
}
