// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands for QEMU's monitor.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"

/* How often to look whether a migration has ended, in milliseconds. */
#define INTERVAL	100
/* How long QEMU may take to end after its monitor is gone, in milliseconds. */
#define PATIENCE	1000

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static int has_failed(struct qmp *qmp, const char *status)
{
	char why[512];

	if (reply_get(qmp->reply, "return.error-desc", why, sizeof(why)) == 1)
		complain("QEMU: migrate: %s: %s", status, why);
	else
		complain("QEMU: migrate: %s", status);
	return END_ERROR;
}

static bool is_under_way(const char *status)
{
	static const char *const words[] = {
		"", "none", "setup", "active", "device", "cancelling", "wait-unplug"
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(status, words[i]))
			return true;
	}
	return false;
}

/* Waits until the migration has ended; a signal cancels it. */
static int wait_for_migration(struct qmp *qmp)
{
	bool cancelled = false;
	char status[32];
	int end;

	for (;;) {
		if (stopped && !cancelled) {
			cancelled = true;
			end = qmp_call(qmp, "migrate_cancel", NULL);
			if (end == QMP_LOST)
				return end;
		}
		end = qmp_call(qmp, "query-migrate", NULL);
		if (end)
			return QMP_LOST;
		reply_get(qmp->reply, "return.status", status, sizeof(status));
		if (!strcmp(status, "completed"))
			return END_OK;
		if (cancelled && !*status)
			return has_failed(qmp, "not begun");
		if (!strcmp(status, "failed") || !strcmp(status, "cancelled"))
			return has_failed(qmp, status);
		if (!is_under_way(status)) {
			complain("QEMU: migrate: %s: tags cannot travel so", status);
			if (cancelled)
				return QMP_LOST;
			stopped = 1;
		}
		poll(NULL, 0, INTERVAL);
	}
}

/* Runs in a process of its own. */
static int begin(struct qmp *qmp, const char *path)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	return qmp_open(qmp, path);
}

static int call_with_uri(struct qmp *qmp, const char *command, const char *uri)
{
	char *text;
	size_t size;
	FILE *to = need(open_memstream(&text, &size));
	int end;

	fputs("{\"uri\": ", to);
	put_json(to, uri);
	putc('}', to);
	fclose(to);
	end = qmp_call(qmp, command, need(text));
	free(text);
	return end;
}

/*
 * Only with a return path does QEMU wait until the destination has all of the guest, and
 * notice that it refuses the guest.  Without one, "completed" says only that all was sent.
 * With pause-before-switchover it waits for a command before it stops the guest.
 */
static int set_capabilities(struct qmp *qmp, bool on)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "{\"capabilities\": [{\"capability\": \"return-path\", \"state\": %s}, {\"capability\": \"pause-before-switchover\", \"state\": false}]}",
		 on ? "true" : "false");
	return qmp_call(qmp, "migrate-set-capabilities", text);
}

/**
 * qmp_can_answer - can the destination answer to a migration to a URI?
 * @uri: the URI
 *
 * Return: true if it can: false for a file or a pipe.
 */
bool qmp_can_answer(const char *uri)
{
	return !strncmp(uri, "tcp:", 4) || !strncmp(uri, "unix:", 5) ||
	       !strncmp(uri, "vsock:", 6);
}

/* After a migration has failed. */
static int look_whether_it_runs(struct qmp *qmp)
{
	char status[32];
	int end = qmp_call(qmp, "query-status", NULL);

	if (end)
		return QMP_LOST;
	reply_get(qmp->reply, "return.status", status, sizeof(status));
	if (!strcmp(status, "running"))
		return END_ERROR;
	complain("QEMU: the guest does not run: %s", status);
	return QMP_STOPPED;
}

/**
 * qmp_cancel - cancel a migration after the connection was lost
 * @path: the monitor's socket
 *
 * The migration may go on.  If QEMU says that it is complete, that may be an earlier one, or
 * the destination may have failed since: only an administrator can know.
 *
 * Return: END_ERROR if it has failed, after an error message; QMP_LOST, QMP_STOPPED.
 */
int qmp_cancel(const char *path)
{
	struct qmp qmp;
	int end = qmp_open(&qmp, path);

	stopped = true;
	if (!end)
		end = wait_for_migration(&qmp) == END_ERROR ? END_OK : QMP_LOST;
	end = end ? QMP_LOST : look_whether_it_runs(&qmp);
	qmp_close(&qmp);
	return end;
}

static int run_cancel(void *path)
{
	return qmp_cancel(path);
}

/**
 * qmp_cancel_if_killed - cancel a migration if the process that waited for it was killed
 * @jobs: what runs meanwhile
 * @path: the monitor's socket; NULL if libvirt has migrated it
 * @status: exit status of the process
 *
 * Return: @status, or as qmp_cancel().
 */
int qmp_cancel_if_killed(struct jobs *jobs, const char *path, int status)
{
	struct start how = {
		.run = run_cancel, .arg = (void *)path, .in = -1, .out = -1, .stays = true
	};

	return !path || status < 128 ? status : jobs_run(jobs, &how, 0);
}

/**
 * qmp_migrate - migrate, and wait for the end; SIGINT cancels the migration
 * @path: the monitor's socket
 * @uri: where to
 * @pidfd: the VM's process, from process_open()
 *
 * Return: exit status, after an error message; or QMP_LOST, QMP_STOPPED.
 */
int qmp_migrate(const char *path, const char *uri, int pidfd)
{
	struct qmp qmp;
	int end = begin(&qmp, path);

	if (!end)
		end = set_capabilities(&qmp, true);
	if (end) {
		qmp_close(&qmp);
		return END_ERROR;
	}
	end = call_with_uri(&qmp, "migrate", uri);
	if (!end) {
		end = wait_for_migration(&qmp);
		if (end == END_ERROR)
			end = look_whether_it_runs(&qmp);
	}
	qmp_close(&qmp);
	if (end == QMP_LOST && !process_ends(pidfd, PATIENCE))
		end = qmp_cancel(path);
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

	/* A file has no return path.  A migration that has failed may have left it on. */
	if (!end && !strcmp(command, "migrate"))
		end = set_capabilities(&qmp, false);
	if (!end)
		end = qmp_send_fd(&qmp, fd);
	if (!end)
		end = call_with_uri(&qmp, command, "fd:kvm-mte");
	if (!end)
		end = wait_for_migration(&qmp);
	qmp_close(&qmp);
	return end;
}

/**
 * qmp_quit - ask QEMU to end
 * @path: the monitor's socket
 * @sent: set to true if it may end: if it was asked, also if the answer is lost
 *
 * Return: exit status, after an error message.
 */
int qmp_quit(const char *path, bool *sent)
{
	struct qmp qmp;
	int end = qmp_open(&qmp, path);

	*sent = !end;
	if (!end)
		end = qmp_call(&qmp, "quit", NULL);
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
		end = qmp_call(&qmp, command, NULL);
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
		end = qmp_call(&qmp, "query-status", NULL);
	if (!end)
		reply_get(qmp.reply, "return.status", status, size);
	qmp_close(&qmp);
	return end;
}
