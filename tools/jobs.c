// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts programs, reads what they say, and notices when they end, or when a signal asks to
 * stop.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs.h"
#include "tags.h"

/* How often a program is asked to stop, in milliseconds. */
#define AGAIN	1000
/* Ends a program: nobody else sends it. */
#define ENDS	SIGUSR1

static int signals = -1;
static sigset_t before;

/**
 * jobs_begin - from now on, signals that ask to stop are counted
 */
void jobs_begin(void)
{
	signals = signals_open(&before);
}

static void use_as(int fd, int as)
{
	if (fd >= 0 && dup2(fd, as) < 0)
		_exit(END_ERROR);
}

static void become(const struct start *how, int lines)
{
	int err;

	/* A shell's background job ignores SIGINT, and this program stops others with it. */
	signal(SIGINT, how->stays ? SIG_IGN : SIG_DFL);
	signal(ENDS, SIG_DFL);
	/*
	 * A terminal, timeout(1) and systemd send them to all: the parent stops what has to be
	 * stopped.
	 */
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (how->plain)
		setenv("LC_ALL", "C", 1);
	if (how->quiet) {
		lines = open("/dev/null", O_RDWR | O_CLOEXEC);
		use_as(lines, STDOUT_FILENO);
		use_as(lines, STDERR_FILENO);
	}
	use_as(how->in, STDIN_FILENO);
	if (how->reads)
		use_as(lines, STDERR_FILENO);
	use_as(how->reads && how->out < 0 ? lines : how->out, STDOUT_FILENO);
	if (how->run)
		exit(how->run(how->arg));
	execvp(how->argv[0], how->argv);
	err = errno;
	complain("%s: %s", how->argv[0], strerror(err));
	_exit(err == ENOENT ? END_RUN_NOT_FOUND : END_RUN_CANNOT);
}

/**
 * jobs_add - start a program
 * @jobs: the programs
 * @job: filled
 * @how: how to start it
 */
void jobs_add(struct jobs *jobs, struct job *job, const struct start *how)
{
	const char *where = job->where;
	int lines[2] = { -1, -1 };

	if (how->reads && pipe2(lines, O_CLOEXEC)) {
		complain("pipe: %s", strerror(errno));
		exit(END_ERROR);
	}
	flush_output();
	*job = (struct job){ .out = lines[0], .where = where, .pid = fork() };
	if (job->pid < 0) {
		complain("fork: %s", strerror(errno));
		exit(END_ERROR);
	}
	if (!job->pid)
		become(how, lines[1]);
	if (lines[1] >= 0)
		close(lines[1]);
	if (job->out >= 0)
		fcntl(job->out, F_SETFL, O_NONBLOCK);
	jobs->job[jobs->nr++] = job;
}

static bool ends_with(const char *line, const char *text)
{
	size_t len = strlen(line), end = strlen(text);

	return len >= end && !strcmp(line + len - end, text);
}

/* The program has escaped its text for a terminal, but another host may send anything. */
static void show_line(const char *where, char *line)
{
	char *next;

	fputs("kvm-mte: ", stderr);
	if (where) {
		put_safely(stderr, where);
		fputs(": ", stderr);
	}
	while ((next = strchr(line, '\\'))) {
		*next = '\0';
		put_safely(stderr, line);
		putc('\\', stderr);
		line = next + 1;
	}
	put_safely(stderr, line);
	putc('\n', stderr);
}

static void take_line(struct job *job)
{
	static const char ours[] = "kvm-mte: ";
	char *line = job->line;

	job->line[job->len] = '\0';
	job->len = 0;
	if (!strncmp(line, ours, sizeof(ours) - 1))
		line += sizeof(ours) - 1;
	if (ends_with(line, ": " SAYS_WAITS_FOR_VM) || ends_with(line, ": " SAYS_WAITS_FOR_END))
		job->said |= SAID_READY;
	if (ends_with(line, ": " SAYS_HELD))
		job->said |= SAID_READY | SAID_HELD;
	if (ends_with(line, ": " SAYS_GONE))
		job->said &= ~SAID_HELD;
	show_line(job->where, line);
}

/* A line that is too long is cut into several. */
static void take_text(struct job *job, const char *text, size_t len)
{
	for (; len; text++, len--) {
		if (*text != '\n' && *text != '\r')
			job->line[job->len++] = *text;
		if (job->len && (*text == '\n' || *text == '\r' ||
				 job->len == sizeof(job->line) - 1))
			take_line(job);
	}
}

static void read_lines(struct job *job)
{
	char text[512];
	ssize_t got;

	while (job->out >= 0) {
		got = read(job->out, text, sizeof(text));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got > 0) {
			take_text(job, text, got);
			continue;
		}
		close(job->out);
		job->out = -1;
	}
}

/* A child of the program may live on, and keep its output open: do not wait for that. */
static void reap(struct job *job)
{
	int status = W_EXITCODE(END_ERROR, 0);
	pid_t pid = job->ended ? 0 : waitpid(job->pid, &status, WNOHANG);

	if (!pid || (pid < 0 && errno != ECHILD))
		return;
	job->ended = true;
	job->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	read_lines(job);
	/* If it was killed, its last line is not complete. */
	if (job->len && WIFEXITED(status))
		take_line(job);
	if (job->out >= 0)
		close(job->out);
	job->out = -1;
}

static void take_signals(struct jobs *jobs)
{
	size_t i;

	jobs->stops += signals_read(signals);
	for (i = 0; i < jobs->nr; i++)
		reap(jobs->job[i]);
}

/**
 * jobs_wait - wait until a program has said something or ended, a signal has come, or a
 * second is over
 * @jobs: the programs
 */
void jobs_wait(struct jobs *jobs)
{
	struct pollfd fds[1 + ARRAY_SIZE(jobs->job)];
	size_t i;

	fds[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
	for (i = 0; i < jobs->nr; i++)
		fds[i + 1] = (struct pollfd){ .fd = jobs->job[i]->out, .events = POLLIN };
	if (poll(fds, jobs->nr + 1, AGAIN) <= 0)
		return;
	for (i = 0; i < jobs->nr; i++) {
		if (fds[i + 1].revents)
			read_lines(jobs->job[i]);
	}
	take_signals(jobs);
}

/**
 * jobs_drop - forget a program that has ended
 * @jobs: the programs
 * @job: one of them
 */
void jobs_drop(struct jobs *jobs, struct job *job)
{
	size_t i;

	for (i = 0; i < jobs->nr; i++) {
		if (jobs->job[i] == job) {
			jobs->job[i] = jobs->job[--jobs->nr];
			return;
		}
	}
}

/**
 * jobs_run - run a program until it ends, while the others run on
 * @jobs: the others; a signal that asks to stop is sent on to the program
 * @how: how to start it
 * @patience: after so many of these signals the program is ended; 0: it is never ended
 *
 * Return: its exit status.
 */
int jobs_run(struct jobs *jobs, const struct start *how, int patience)
{
	struct job job = { .where = NULL };
	int stops = jobs->stops;

	jobs_add(jobs, &job, how);
	while (!job.ended) {
		jobs_wait(jobs);
		if (jobs->stops > stops)
			job_stop(&job);
		if (patience && jobs->stops >= stops + patience)
			job_end(&job);
	}
	jobs_drop(jobs, &job);
	return job.status;
}

/**
 * job_end - end a program
 * @job: the program
 */
void job_end(const struct job *job)
{
	if (job->pid > 0 && !job->ended)
		kill(job->pid, ENDS);
}

/**
 * job_may_be_asked - has a program not been asked to stop for some time?
 * @job: the program
 *
 * It may not be able to stop yet, so it is asked again from time to time.
 *
 * Return: true if it may be asked now.
 */
bool job_may_be_asked(struct job *job)
{
	if (job->ended || (job->asked && now_ms() - job->asked < AGAIN))
		return false;
	job->asked = now_ms();
	return true;
}

/**
 * job_stop - ask a program to stop what it does, with SIGINT
 * @job: the program
 */
void job_stop(struct job *job)
{
	if (job_may_be_asked(job))
		kill(job->pid, SIGINT);
}

/**
 * job_has_failed - has a program ended, and failed?
 * @job: the program
 *
 * Return: true if it has.
 */
bool job_has_failed(const struct job *job)
{
	return job->ended && job->status;
}
