// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte save.  The tags are saved first, while the VM is stopped, so that no failure leaves
 * a VM whose tags are lost.  They get their name when the VM is saved: as long as a file of
 * an earlier save is there, it keeps its own tags.  The VM is held until it has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs.h"
#include "tags.h"

static int vm_runs(struct archive *a)
{
	char status[32];

	if (!a->qmp)
		return domain_runs(&a->jobs, a->which);
	if (qmp_status(a->qmp, status, sizeof(status)))
		return -1;
	return !strcmp(status, "running");
}

static int pause_vm(struct archive *a)
{
	int runs = vm_runs(a);

	if (runs < 0)
		return END_ERROR;
	a->ran = runs;
	if (!runs)
		return END_OK;
	return a->qmp ? qmp_once(a->qmp, "stop") : archive_virsh(a, "suspend");
}

/* Somebody may let the VM run before its state is saved: then its tags would be old. */
static int hold(struct archive *a)
{
	int err = write_word(a->vm->fd, "hold", "1");

	a->holds = !err;
	if (!err)
		return END_OK;
	complain_of(a->vm, "it cannot be held: %s", strerror(-err));
	return END_ERROR;
}

/* In a directory that everybody may write to, another user may have created this file. */
static int create(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		archive_cannot(file);
	return fd;
}

static int save_tags(struct archive *a)
{
	const char *const words[] = { "tags", "save", "--", a->vm->dir, NULL };
	int fd = create(a->part);
	int end;

	if (fd < 0)
		return END_ERROR;
	a->made_part = true;
	end = archive_run(a, words, -1, fd);
	if (!end && fsync(fd))
		end = archive_cannot(a->part);
	close(fd);
	a->tags_saved = !end;
	return end ? END_ERROR : END_OK;
}

/* Whoever has released the VM, or lets it run, may have changed its tags. */
static int check_stopped(struct archive *a)
{
	int runs = vm_runs(a);
	long long held;

	if (runs > 0)
		complain("%s: somebody has resumed it since its tags were saved", a->which);
	if (runs)
		return END_ERROR;
	if (!read_number(a->vm->fd, "hold", &held) && held)
		return END_OK;
	complain("%s: somebody has released it since its tags were saved", a->which);
	return END_ERROR;
}

static int save_by_virsh(struct archive *a)
{
	const char *const words[] = {
		"save", "--domain", a->which, "--file", a->file, a->ran ? "--running" : NULL, NULL
	};

	return virsh_run_job(&a->jobs, words, a->options, a->which);
}

/* If QEMU was asked to end, the file may be all that is left of the guest. */
static int end_qemu(struct archive *a)
{
	int end = qmp_quit(a->qmp, &a->complete);

	return a->complete ? END_OK : end;
}

static int save_by_qmp(struct archive *a)
{
	int fd = create(a->new);
	int end;

	if (fd < 0)
		return END_ERROR;
	end = archive_transfer(a, "migrate", fd);
	if (!end && fsync(fd))
		end = archive_cannot(a->new);
	close(fd);
	if (!end)
		end = archive_binding(a, true);
	/* Somebody may have released it, and let it run, while QEMU wrote the file. */
	if (!end)
		end = check_stopped(a);
	if (!end)
		end = end_qemu(a);
	if (end && !process_ends(a->pidfd, 0))
		unlink(a->new);
	return end;
}

static int rename_file(const char *from, const char *to)
{
	if (!rename(from, to))
		return END_OK;
	complain("%s: %s; give it the name %s", from, strerror(errno), to);
	return END_ERROR;
}

/* The names must be on the disk too. */
static int sync_directory(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *dir = need(slash ? strndup(file, slash + 1 - file) : strdup("."));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int end = END_OK;

	if (fd < 0 || fsync(fd))
		end = archive_cannot(dir);
	if (fd >= 0)
		close(fd);
	free(dir);
	return end;
}

/* FILE first: "restore" refuses it as long as the tags do not have their name. */
static int name_files(struct archive *a)
{
	if (a->qmp && rename_file(a->new, a->file)) {
		complain("%s: also give %s the name %s", a->which, a->part, a->tags);
		return END_ERROR;
	}
	if (sync_directory(a->file) || rename_file(a->part, a->tags))
		return END_ERROR;
	return sync_directory(a->file);
}

/* QEMU was asked to end: wait for that, or for a signal. */
static bool has_ended(struct archive *a)
{
	int stops = a->jobs.stops;
	bool said = false;

	while (!process_ends(a->pidfd, 0) && a->jobs.stops == stops) {
		jobs_wait(&a->jobs);
		if (!said && !process_ends(a->pidfd, 0))
			complain("%s: waiting until QEMU has ended", a->which);
		said = true;
	}
	return process_ends(a->pidfd, 0);
}

/* The VM is stopped. */
static int save_stopped(struct archive *a)
{
	int end = hold(a);

	if (!end)
		end = save_tags(a);
	if (!end)
		end = check_stopped(a);
	if (!end && a->jobs.stops)
		end = END_ERROR;
	if (!end)
		end = a->qmp ? save_by_qmp(a) : save_by_virsh(a);
	if (end)
		return END_ERROR;
	a->complete = true;
	if (!a->qmp && binding_add(a->part, a->file)) {
		complain("%s: saved in %s, its tags are in %s: restore it by hand", a->which,
			 a->file, a->part);
		return END_ERROR;
	}
	if (name_files(a))
		return END_ERROR;
	if (a->qmp && !has_ended(a)) {
		complain("%s: saved in %s, %s, but QEMU has not ended: end it, and do not let it go on",
			 a->which, a->file, a->tags);
		return END_ERROR;
	}
	put_safely(stdout, a->which);
	fputs(": saved with its tags: ", stdout);
	put_safely(stdout, a->file);
	fputs(", ", stdout);
	put_safely(stdout, a->tags);
	putchar('\n');
	return END_OK;
}

static void not_saved(struct archive *a)
{
	int runs = 0;

	/* virsh may be gone, and libvirt goes on. */
	if (!a->qmp && a->made_part)
		runs = domain_settles(&a->jobs, a->which, a->pidfd);
	if (process_ends(a->pidfd, 0) || !vm_is_there(a->vm)) {
		if (a->tags_saved)
			complain("%s: it has ended; its tags are in %s", a->which, a->part);
		else
			complain("%s: it has ended, and its tags are not saved", a->which);
		return;
	}
	if (runs < 0) {
		complain("%s: it is not known whether it is saved. Its tags are in %s; if it is here, it is paused and held",
			 a->which, a->part);
		return;
	}
	if (a->made_part)
		unlink(a->part);
	if (a->holds && write_word(a->vm->fd, "hold", "0"))
		complain_of(a->vm, "it stays held");
	runs = a->ran ? vm_runs(a) : true;
	if (runs <= 0 && archive_resume(a))
		complain("%s: not saved; %s", a->which, runs ?
			 "it is not known whether it runs" : "it is stopped");
	else
		complain("%s: not saved. It goes on here", a->which);
}

/* It may be all that is left of a guest. */
static bool is_left(const char *file)
{
	if (access(file, F_OK))
		return false;
	complain("%s: it is left from a save that has failed: move it away, or remove it", file);
	return true;
}

/* If migration is refused, KVM refuses the log that QEMU needs for a save, and QEMU aborts. */
static bool migration_is_refused(const struct vm *vm)
{
	char word[16];

	if (read_word(vm->fd, "migration", word, sizeof(word)) || strcmp(word, "refuse"))
		return false;
	complain_of(vm, "not saved: its file migration has \"refuse\", so QEMU would abort: write \"warn\" to it first");
	return true;
}

/**
 * archive_save - save a VM and its tags, and end it
 * @a: what was asked for
 *
 * Return: exit status.
 */
int archive_save(struct archive *a)
{
	int end = archive_find(a);

	if (!end && !a->qmp && (!a->vm->name || strcmp(a->vm->name, a->which))) {
		complain_of(a->vm, "no domain of libvirt has this name: %s", a->which);
		end = END_ERROR;
	}
	if (!end && !a->qmp && !domain_has_clear_name(a->which))
		end = END_ERROR;
	if (end)
		return end;
	if (migration_is_refused(a->vm))
		return END_ERROR;
	jobs_begin();
	end = a->qmp ? claim_whole_vm(a->vm) : claim_domain(&a->jobs, a->vm);
	if (end)
		return end;
	a->pidfd = process_open(a->vm);
	if (a->pidfd < 0)
		return END_ERROR;
	if (is_left(a->part) || (a->qmp && is_left(a->new)))
		return END_ERROR;
	end = pause_vm(a);
	if (!end)
		end = save_stopped(a);
	if (end && !a->complete)
		not_saved(a);
	return end;
}
