// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte restore.  The VM is stopped or held until its tags are in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs.h"

/* It is not known whether FILE.tags.new belongs to FILE: FILE may be of an earlier save. */
static int check_tags(struct archive *a)
{
	const char *const words[] = { "tags", "check", NULL };
	int fd, null, end;

	if (!access(a->part, F_OK)) {
		complain("%s: it is left from a save that has failed. If %s is of that save, restore it by hand with these tags; otherwise remove these tags",
			 a->part, a->file);
		return END_ERROR;
	}
	fd = open(a->tags, O_RDONLY | O_CLOEXEC);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || null < 0)
		return archive_cannot(a->tags);
	end = archive_run(a, words, fd, null);
	close(fd);
	close(null);
	return end ? END_ERROR : archive_binding(a, false);
}

/* A guest whose tags are not in must not run. */
static int hold(struct archive *a)
{
	int err = write_word(a->vm->fd, "hold", "1");

	a->stopped |= !err;
	if (!err)
		return END_OK;
	complain_of(a->vm, "it cannot be held: %s", strerror(-err));
	return END_ERROR;
}

/* The VM has not run.  --incoming tries again if it is busy for a moment. */
static int load_tags(struct archive *a)
{
	const char *const words[] = { "tags", "load", "--incoming", "--", a->vm->dir, NULL };
	int fd = open(a->tags, O_RDONLY | O_CLOEXEC);
	int end;

	if (fd < 0)
		return archive_cannot(a->tags);
	end = archive_run(a, words, fd, -1);
	close(fd);
	return end ? END_ERROR : END_OK;
}

static bool has_vm(const char *name)
{
	bool has = false;
	struct vms vms;
	size_t i;

	vms_read(&vms);
	for (i = 0; i < vms.nr; i++)
		has |= vms.vm[i].name && !strcmp(vms.vm[i].name, name);
	vms_free(&vms);
	return has;
}

/* virsh has failed.  What libvirt has created all the same has no tags, and must not run. */
static bool hold_what_is_there(const char *name)
{
	bool has = false;
	struct vms vms;
	size_t i;
	int err;

	vms_read(&vms);
	for (i = 0; i < vms.nr; i++) {
		if (!vms.vm[i].name || strcmp(vms.vm[i].name, name))
			continue;
		has = true;
		err = write_word(vms.vm[i].fd, "hold", "1");
		complain_of(&vms.vm[i], "not restored: it is there without its tags, %s: end it",
			    err ? "and cannot be held" : "and held");
	}
	vms_free(&vms);
	return has;
}

/* virsh leaves it paused, so it can be held before it runs. */
static int restore_by_virsh(struct archive *a)
{
	const char *const words[] = { "restore", "--file", a->file, "--paused", NULL };
	bool was_there = has_vm(a->which);

	if (claim_name(a->which))
		return END_ERROR;
	if (virsh_run(&a->jobs, words, a->options)) {
		/* What runs was started by somebody else. */
		if (!was_there && has_vm(a->which) &&
		    domain_runs(&a->jobs, a->which) <= 0 && hold_what_is_there(a->which))
			return END_ERROR;
		if (a->jobs.stops)
			complain("%s: interrupted: if the domain is there, it is paused, and has no tags: end it",
				 a->which);
		return END_ERROR;
	}
	a->stopped = true;
	return archive_find(a) ? END_ERROR : hold(a);
}

/* A guest that runs must not be held. */
static int check_incoming(struct archive *a)
{
	char status[32];

	if (qmp_status(a->qmp, status, sizeof(status)))
		return END_ERROR;
	if (!strcmp(status, "inmigrate"))
		return END_OK;
	complain("%s: QEMU does not wait for a guest, it is %s; start it with \"-incoming defer\"",
		 a->which, status);
	return END_ERROR;
}

/* QEMU may let the guest run as soon as all is read. */
static int restore_by_qmp(struct archive *a)
{
	int fd = open(a->file, O_RDONLY | O_CLOEXEC);
	int end;

	if (fd < 0)
		return archive_cannot(a->file);
	end = archive_find(a);
	if (!end)
		end = claim_vm(a->vm);
	if (!end)
		end = check_incoming(a);
	if (!end)
		end = hold(a);
	if (!end)
		end = archive_transfer(a, "migrate-incoming", fd);
	close(fd);
	return end;
}

/**
 * archive_restore - restore a VM and its tags
 * @a: what was asked for
 *
 * Return: exit status.
 */
int archive_restore(struct archive *a)
{
	char *name = NULL;
	int end;

	jobs_begin();
	end = check_tags(a);
	if (!end && !a->qmp) {
		name = image_domain(&a->jobs, a->file);
		a->which = name;
		end = name && domain_has_clear_name(name) ? END_OK : END_ERROR;
	}
	if (!end)
		end = a->qmp ? restore_by_qmp(a) : restore_by_virsh(a);
	if (!end)
		end = load_tags(a);
	if (end && a->stopped && (!a->vm || vm_is_there(a->vm)))
		complain("%s: not restored, so it does not run", a->which);
	if (!end && !a->paused && archive_resume(a)) {
		complain("%s: its tags are in, but it is paused", a->which);
		end = END_ERROR;
	}
	if (!end) {
		put_safely(stdout, a->which);
		puts(": restored with its tags");
	}
	free(name);
	return end;
}
