// SPDX-License-Identifier: GPL-2.0-only
/*
 * peer serve PORT            runs commands for other hosts of the test bed; never returns
 * peer run ADDRESS PORT CMD  runs CMD there by bash, like ssh: with this standard input, output and
 *                            error output, and its exit status. 255: no connection, or it broke.
 *
 * The caller sends the length of CMD, CMD, and then its standard input. The server answers with
 * frames: the number of a stream (1, 2) and bytes for it; the last frame, 0, has the status.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED		255
#define MAX_COMMAND	65536

struct frame {
	uint32_t stream;
	uint32_t bytes;
};

static void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(FAILED);
}

/* Returns 0 if all bytes were read. */
static int read_all(int fd, void *to, size_t len)
{
	ssize_t n;

	for (; len; to = (char *)to + n, len -= n) {
		n = read(fd, to, len);
		if (n <= 0)
			return -1;
	}
	return 0;
}

static int write_all(int fd, const void *from, size_t len)
{
	ssize_t n;

	for (; len; from = (const char *)from + n, len -= n) {
		n = write(fd, from, len);
		if (n <= 0)
			return -1;
	}
	return 0;
}

static int send_frame(int sock, uint32_t stream, const void *data, uint32_t len)
{
	struct frame f = { htonl(stream), htonl(len) };

	return write_all(sock, &f, sizeof(f)) || write_all(sock, data, len);
}

/* The server's part of one connection. */

static pid_t start(int sock, char *command, int out, int err)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (dup2(sock, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(FAILED);
	setsid();
	execlp("bash", "bash", "-c", command, NULL);
	_exit(FAILED);
}

/* Sends both streams until the last process that has them is gone. */
static void relay(int sock, int out, int err)
{
	struct pollfd fds[2] = { { out, POLLIN }, { err, POLLIN } };
	char buf[65536];
	int i, open = 2;
	ssize_t n;

	while (open && poll(fds, 2, -1) > 0) {
		for (i = 0; i < 2; i++) {
			if (!fds[i].revents)
				continue;
			n = read(fds[i].fd, buf, sizeof(buf));
			if (n <= 0) {
				close(fds[i].fd);
				fds[i].fd = -1;
				open--;
			} else if (send_frame(sock, i + 1, buf, n)) {
				return;
			}
		}
	}
}

static void serve_one(int sock)
{
	int out[2], err[2], status;
	char buf[4096], *command;
	uint32_t len;
	pid_t pid;

	if (read_all(sock, &len, sizeof(len)) || ntohl(len) > MAX_COMMAND)
		return;
	len = ntohl(len);
	command = calloc(1, len + 1);
	if (!command || read_all(sock, command, len) ||
	    pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return;
	pid = start(sock, command, out[1], err[1]);
	if (pid < 0)
		return;
	close(out[1]);
	close(err[1]);
	relay(sock, out[0], err[0]);
	if (waitpid(pid, &status, 0) != pid)
		return;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	status = htonl(status);
	send_frame(sock, 0, &status, sizeof(status));
	/* Input that nobody has read would reset the connection, and the last frames would be lost. */
	shutdown(sock, SHUT_WR);
	while (read(sock, buf, sizeof(buf)) > 0)
		;
}

static int serve(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, sock, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, (void *)&a, sizeof(a)) || listen(listener, 16))
		die("listen");
	/* The children of a connection are reaped by init. */
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (sock < 0)
			continue;
		if (!fork()) {
			signal(SIGCHLD, SIG_DFL);
			serve_one(sock);
			_exit(0);
		}
		close(sock);
	}
}

/* The caller's part. */

static pid_t send_input(int sock)
{
	pid_t caller = getpid(), pid = fork();
	char buf[65536];
	ssize_t n;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != caller)
		_exit(0);
	while ((n = read(0, buf, sizeof(buf))) > 0) {
		if (write_all(sock, buf, n))
			break;
	}
	shutdown(sock, SHUT_WR);
	_exit(0);
}

static int receive(int sock)
{
	static char buf[65536];
	struct frame f;
	uint32_t status;

	while (!read_all(sock, &f, sizeof(f)) && ntohl(f.bytes) <= sizeof(buf)) {
		if (read_all(sock, buf, ntohl(f.bytes)))
			break;
		if (!f.stream) {
			memcpy(&status, buf, sizeof(status));
			return ntohl(status);
		}
		write_all(ntohl(f.stream), buf, ntohl(f.bytes));
	}
	fprintf(stderr, "peer: the connection broke\n");
	return FAILED;
}

static int run(const char *address, int port, const char *command)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
	uint32_t len = htonl(strlen(command));
	pid_t pid;

	if (sock < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    connect(sock, (void *)&a, sizeof(a)))
		die("connect");
	if (write_all(sock, &len, sizeof(len)) || write_all(sock, command, strlen(command)))
		die("send");
	pid = send_input(sock);
	status = receive(sock);
	kill(pid, SIGKILL);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(atoi(argv[2]));
	if (argc == 5 && !strcmp(argv[1], "run"))
		return run(argv[2], atoi(argv[3]), argv[4]);
	fprintf(stderr, "usage: peer serve PORT | peer run ADDRESS PORT COMMAND\n");
	return 2;
}
