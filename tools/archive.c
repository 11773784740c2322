// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte save, kvm-mte restore: a VM in a file, by libvirt or by QEMU's monitor, and its
 * tags in FILE.tags.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs.h"
#include "tags.h"

static char *with_suffix(const char *file, const char *suffix)
{
	char *name;

	if (asprintf(&name, "%s%s", file, suffix) < 0)
		name = NULL;
	return need(name);
}

/**
 * archive_cannot - print that a file cannot be opened or written
 * @file: its name; the reason is in errno
 *
 * Return: END_ERROR.
 */
int archive_cannot(const char *file)
{
	complain("%s: %s", file, strerror(errno));
	return END_ERROR;
}

/**
 * archive_find - find the VM that @a->which names
 * @a: @a->vm is set
 *
 * Return: exit status.
 */
int archive_find(struct archive *a)
{
	int end = need_vms(&a->vms);

	if (end)
		return end;
	a->vm = find_vm(&a->vms, a->which);
	if (!a->vm)
		return END_ERROR;
	qmp_expect(a->vm);
	return END_OK;
}

/**
 * archive_virsh - run a command of virsh for the domain
 * @a: the domain
 * @command: the command
 *
 * Return: exit status.
 */
int archive_virsh(struct archive *a, const char *command)
{
	const char *const words[] = { command, "--domain", a->which, NULL };

	return virsh_run(&a->jobs, words, NULL);
}

/**
 * archive_run - run this program, with a file as its input or output
 * @a: the program is added to its jobs
 * @words: its arguments, NULL at the end
 * @in: its input, or -1
 * @out: its output, or -1
 *
 * Return: its exit status.
 */
int archive_run(struct archive *a, const char *const *words, int in, int out)
{
	struct start how = { .argv = own_command(words), .in = in, .out = out, .reads = true };
	struct job job = { .where = NULL };

	jobs_add(&a->jobs, &job, &how);
	free(how.argv);
	while (!job.ended) {
		jobs_wait(&a->jobs);
		if (a->jobs.stops)
			job_end(&job);
	}
	jobs_drop(&a->jobs, &job);
	return job.status;
}

/**
 * archive_resume - let the VM run
 * @a: it is stopped
 *
 * Return: exit status.
 */
int archive_resume(struct archive *a)
{
	return a->qmp ? qmp_once(a->qmp, "cont") : archive_virsh(a, "resume");
}

/**
 * struct transfer - arguments of transfer()
 * @path: socket of QEMU's monitor
 * @command: migrate, migrate-incoming
 * @is_save: the command is migrate
 * @fd: the file
 */
struct transfer {
	const char *path;
	const char *command;
	bool is_save;
	int fd;
};

static int transfer(void *arg)
{
	const struct transfer *t = arg;

	int end = qmp_transfer(t->path, t->command, t->fd);

	return end == QMP_LOST && t->is_save ? qmp_cancel(t->path) : end;
}

/**
 * archive_transfer - let QEMU write or read the file
 * @a: the VM
 * @command: migrate, migrate-incoming
 * @fd: the file
 *
 * Return: exit status.
 */
int archive_transfer(struct archive *a, const char *command, int fd)
{
	struct transfer t = {
		.path = a->qmp, .command = command, .fd = fd, .is_save = !strcmp(command, "migrate")
	};
	struct start how = { .run = transfer, .arg = &t, .in = -1, .out = -1, .stays = true };
	int status = jobs_run(&a->jobs, &how, 0);

	if (t.is_save)
		status = qmp_cancel_if_killed(&a->jobs, a->qmp, status);
	return status ? END_ERROR : END_OK;
}

static int add_binding(void *arg)
{
	const struct archive *a = arg;

	return binding_add(a->part, a->new);
}

static int check_binding(void *arg)
{
	const struct archive *a = arg;

	return binding_check(a->tags, a->file);
}

/**
 * archive_binding - bind the tags to the file, or check that they belong to it
 * @a: the files
 * @is_save: bind them
 *
 * Reads the whole file.  A signal ends the reading.
 *
 * Return: exit status.
 */
int archive_binding(struct archive *a, bool is_save)
{
	struct start how = { .arg = a, .in = -1, .out = -1 };

	how.run = is_save ? add_binding : check_binding;
	return jobs_run(&a->jobs, &how, 0) ? END_ERROR : END_OK;
}

static int parse(struct archive *a, int argc, char **argv, bool is_save)
{
	static const struct option options[] = {
		{ "qmp", required_argument, NULL, 'q' },
		{ "paused", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 }
	};
	const char *command = is_save ? "save" : "restore";
	int c, nr;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == '?')
			return more_than_help();
		if (c == 'p' && is_save)
			return usage_error("save: no such option: --paused");
		if (c == 'q')
			a->qmp = optarg;
		else
			a->paused = true;
	}
	argv += optind;
	argc -= optind;
	nr = is_save || a->qmp ? 2 : 1;
	if (argc < nr)
		return usage_error("%s: %s", command, nr - argc == 2 ? "which VM?" : "which file?");
	if (argc > nr && (a->qmp || strcmp(argv[nr], "--")))
		return usage_error("%s: one %s only: %s", command, is_save ? "VM" : "file", argv[nr]);
	a->which = nr == 2 ? argv[0] : NULL;
	a->file = argv[nr - 1];
	a->options = argc > nr ? argv + nr + 1 : NULL;
	return END_OK;
}

static int run(int argc, char **argv, bool is_save)
{
	struct archive a = { .pidfd = -1 };
	int end = parse(&a, argc, argv, is_save);

	if (end)
		return end;
	a.tags = with_suffix(a.file, ".tags");
	a.part = with_suffix(a.file, ".tags.new");
	a.new = with_suffix(a.file, ".new");
	end = is_save ? archive_save(&a) : archive_restore(&a);
	if (a.pidfd >= 0)
		close(a.pidfd);
	vms_free(&a.vms);
	free(a.tags);
	free(a.part);
	free(a.new);
	return end;
}

/**
 * cmd_save - "kvm-mte save"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_save(int argc, char **argv)
{
	return run(argc, argv, true);
}

/**
 * cmd_restore - "kvm-mte restore"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_restore(int argc, char **argv)
{
	return run(argc, argv, false);
}
