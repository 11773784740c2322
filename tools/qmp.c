// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's monitor (QMP) on a UNIX socket.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "jobs.h"

/* In seconds.  A monitor serves one client at a time, and lets others wait. */
#define PATIENCE	60
/* How often to look whether a migration has ended, in milliseconds. */
#define INTERVAL	100

static volatile sig_atomic_t stopped;

static int lost(const char *command)
{
	if (errno == EAGAIN)
		complain("QEMU's monitor does not answer: %s", command);
	else
		complain("QEMU's monitor has closed the connection: %s", command);
	return END_ERROR;
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
 * @name: its argument's name; NULL if it has none
 * @value: the argument, a string
 *
 * Return: exit status, after an error message; the reply is in @qmp->reply.
 */
int qmp_call(struct qmp *qmp, const char *command, const char *name, const char *value)
{
	char *text;
	size_t size;
	FILE *to = need(open_memstream(&text, &size));
	int end;

	fprintf(to, "{\"execute\": \"%s\"", command);
	if (name) {
		fprintf(to, ", \"arguments\": {\"%s\": ", name);
		put_json(to, value);
		putc('}', to);
	}
	fputs("}\n", to);
	fclose(to);
	end = send_all(qmp, need(text), command);
	free(text);
	return end ? end : wait_for_reply(qmp, command, "return");
}

/* Gives QEMU a file, which it then knows as "kvm-mte". */
static int send_fd(struct qmp *qmp, int fd)
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
	end = wait_for_reply(qmp, "greeting", "QMP");
	return end ? end : qmp_call(qmp, "qmp_capabilities", NULL, NULL);
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

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Waits until the migration has ended; a signal cancels it. */
static int wait_for_migration(struct qmp *qmp)
{
	char status[32], why[512];
	bool cancelled = false;
	int end;

	for (;;) {
		if (stopped && !cancelled) {
			cancelled = true;
			end = qmp_call(qmp, "migrate_cancel", NULL, NULL);
			if (end)
				return end;
		}
		end = qmp_call(qmp, "query-migrate", NULL, NULL);
		if (end)
			return end;
		reply_get(qmp->reply, "return.status", status, sizeof(status));
		if (!strcmp(status, "completed"))
			return END_OK;
		if (!strcmp(status, "failed") || !strcmp(status, "cancelled"))
			break;
		poll(NULL, 0, INTERVAL);
	}
	if (reply_get(qmp->reply, "return.error-desc", why, sizeof(why)) == 1)
		complain("QEMU: migrate: %s: %s", status, why);
	else
		complain("QEMU: migrate: %s", status);
	return END_ERROR;
}

/* Runs in a process of its own. */
static int begin(struct qmp *qmp, const char *path)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	return qmp_open(qmp, path);
}

/**
 * qmp_migrate - migrate, and wait for the end; SIGINT cancels the migration
 * @path: the monitor's socket
 * @uri: where to
 *
 * Return: exit status, after an error message.
 */
int qmp_migrate(const char *path, const char *uri)
{
	struct qmp qmp;
	int end = begin(&qmp, path);

	if (!end)
		end = qmp_call(&qmp, "migrate", "uri", uri);
	if (!end)
		end = wait_for_migration(&qmp);
	qmp_close(&qmp);
	return end;
}

/**
 * qmp_transfer - migrate to or from a file, and wait for the end; SIGINT cancels it
 * @path: the monitor's socket
 * @command: migrate, migrate-incoming
 * @fd: the file
 *
 * Return: exit status, after an error message.
 */
int qmp_transfer(const char *path, const char *command, int fd)
{
	struct qmp qmp;
	int end = begin(&qmp, path);

	if (!end)
		end = send_fd(&qmp, fd);
	if (!end)
		end = qmp_call(&qmp, command, "uri", "fd:kvm-mte");
	if (!end)
		end = wait_for_migration(&qmp);
	qmp_close(&qmp);
	return end;
}

/**
 * qmp_once - run a command that has no arguments
 * @path: the monitor's socket
 * @command: the command
 *
 * Return: exit status, after an error message.
 */
int qmp_once(const char *path, const char *command)
{
	struct qmp qmp;
	int end = qmp_open(&qmp, path);

	if (!end)
		end = qmp_call(&qmp, command, NULL, NULL);
	qmp_close(&qmp);
	return end;
}

/**
 * qmp_status - the state of the guest
 * @path: the monitor's socket
 * @status: QEMU's word for it
 * @size: size of that buffer, in bytes
 *
 * Return: exit status, after an error message.
 */
int qmp_status(const char *path, char *status, size_t size)
{
	struct qmp qmp;
	int end = qmp_open(&qmp, path);

	if (!end)
		end = qmp_call(&qmp, "query-status", NULL, NULL);
	if (!end)
		reply_get(qmp.reply, "return.status", status, size);
	qmp_close(&qmp);
	return end;
}
