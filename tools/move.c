// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte migrate: the steps.
 *
 *	save, load	"tags save --at-end" here, its output piped to "tags load --incoming"
 *			at the destination; both say that they wait
 *	mover		virsh, or a child that talks to QEMU's monitor: migrates the VM
 *	end_source()	QEMU: ends the VMM here.  libvirt has done so
 *	save, load	the tags follow
 *	resume_there()	libvirt: lets the guest run at the destination
 *
 * virsh leaves the guest paused, so it cannot run before "tags load" holds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs.h"
#include "tags.h"

/**
 * struct move - what the steps of a migration share
 * @m: what was asked for
 * @vms: the VMs here
 * @vm: the one that is migrated
 * @pidfd: its process
 * @jobs: the programs that run
 * @save: "tags save"
 * @load: "tags load"
 * @mover: migrates the VM
 * @stops: signals that came before the guest had left
 * @unknown: it is not known whether it has left
 * @warned: a message has said that one more signal gives up its tags
 */
struct move {
	struct migrate *m;
	struct vms vms;
	const struct vm *vm;
	int pidfd;
	struct jobs jobs;
	struct job save;
	struct job load;
	struct job mover;
	int stops;
	bool unknown;
	bool warned;
};

static const char *there(const struct move *move)
{
	return peer_name(&move->m->peer);
}

static bool has_left(const struct move *move)
{
	return process_ends(move->pidfd, 0);
}

static bool tags_have_failed(const struct move *move)
{
	return job_has_failed(&move->save) || job_has_failed(&move->load);
}

/*
 * The load ends when it has read what there is of the stream.  As long as it has no VM, it
 * does not read.
 */
static void give_up(const struct move *move)
{
	job_end(&move->save);
	if (!(move->load.said & SAID_HELD))
		job_end(&move->load);
}

/* The load ends by itself when it finds that nobody writes the stream any more. */
static void end_tags(struct move *move)
{
	int stops = move->jobs.stops;

	job_end(&move->save);
	while (!move->save.ended || !move->load.ended) {
		jobs_wait(&move->jobs);
		if (move->jobs.stops > stops)
			job_end(&move->load);
	}
}

static int not_migrated(struct move *move, const char *why)
{
	end_tags(move);
	complain("%s: not migrated: %s. It %s here", move->m->which, why,
		 move->mover.status == QMP_STOPPED ? "does not run, but is" : "goes on");
	return END_ERROR;
}

static void start_tags(struct move *move)
{
	const char *const save[] = { "tags", "save", "--at-end", "--", move->vm->dir, NULL };
	const char *const load[] = { "tags", "load", "--incoming", "--", move->m->name, NULL };
	struct start how = { .in = -1, .reads = true, .stays = true };
	int stream[2];

	if (pipe2(stream, O_CLOEXEC)) {
		complain("pipe: %s", strerror(errno));
		exit(END_ERROR);
	}
	how.argv = own_command(save);
	how.out = stream[1];
	jobs_add(&move->jobs, &move->save, &how);
	free(how.argv);
	close(stream[1]);
	how.argv = peer_command(&move->m->peer, load);
	how.in = stream[0];
	how.out = -1;
	jobs_add(&move->jobs, &move->load, &how);
	free(how.argv);
	close(stream[0]);
}

/* With QEMU alone the destination's VM is there already, and can be held before. */
static bool is_ready(const struct move *move)
{
	unsigned int wanted = move->m->qmp ? SAID_HELD : SAID_READY;

	return move->save.said & SAID_READY && move->load.said & wanted;
}

static int wait_until_ready(struct move *move)
{
	while (!is_ready(move)) {
		jobs_wait(&move->jobs);
		if (move->jobs.stops)
			return not_migrated(move, "interrupted");
		if (move->load.ended || move->save.ended)
			return not_migrated(move, "its tags cannot follow");
	}
	/* libvirt will create another VM of this name, which the load would not hold. */
	if (!move->m->qmp && move->load.said & SAID_HELD)
		return not_migrated(move, "a VM of this name was there already");
	return END_OK;
}

static int run_qmp(void *arg)
{
	const struct move *move = arg;

	return qmp_migrate(move->m->qmp, move->m->uri, move->pidfd);
}

static void start_mover(struct move *move)
{
	const char *const words[] = {
		"migrate", "--live", "--suspend", "--domain", move->m->which, "--desturi",
		move->m->uri, NULL
	};
	struct start how = { .arg = move, .in = -1, .out = -1, .stays = move->m->qmp };

	if (move->m->qmp)
		how.run = run_qmp;
	else
		how.argv = virsh_command(words, move->m->options);
	jobs_add(&move->jobs, &move->mover, &how);
	free(how.argv);
}

static const char *mover_failed(const struct move *move)
{
	if (move->jobs.stops)
		return "interrupted";
	return move->m->qmp ? "QEMU has failed" : "virsh has failed";
}

static bool must_stop(struct move *move, bool stops)
{
	if (!stops && !move->mover.ended && tags_have_failed(move))
		complain("%s: its tags cannot follow: the migration is stopped", move->m->which);
	return move->jobs.stops || tags_have_failed(move);
}

/* The mover has failed.  Is the guest here, and does what it did before? */
static bool is_here(struct move *move)
{
	int status = move->mover.status;

	if (move->m->qmp)
		return status == END_ERROR || status == QMP_STOPPED;
	return domain_settles(&move->jobs, move->m->which, move->pidfd) == move->m->runs;
}

/* A migration whose tags cannot follow is stopped. */
static int wait_for_mover(struct move *move)
{
	bool stop = false;

	while (!move->mover.ended) {
		jobs_wait(&move->jobs);
		stop = must_stop(move, stop);
		if (stop && move->m->qmp)
			job_stop(&move->mover);
		else if (stop)
			virsh_abort(&move->jobs, &move->mover, move->m->which);
	}
	jobs_drop(&move->jobs, &move->mover);
	move->mover.status = qmp_cancel_if_killed(&move->jobs, move->m->qmp, move->mover.status);
	if (!move->mover.status)
		return END_OK;
	move->unknown = !is_here(move) && !has_left(move);
	if (has_left(move))
		complain("%s: %s, but it has ended here", move->m->which, mover_failed(move));
	else if (move->unknown)
		complain("%s: %s, and it is not known where the guest is. Its tags are sent when QEMU ends here. If the guest is here, interrupt twice",
			 move->m->which, mover_failed(move));
	else
		return not_migrated(move, mover_failed(move));
	return END_OK;
}

/* Only a second signal gives up the tags of a guest that has left. */
static void wait_for_load(struct move *move)
{
	if (!move->m->qmp && !(move->load.said & SAID_HELD) && !move->load.ended)
		complain("%s: waiting until it is held at %s", move->m->name, there(move));
	while (!move->load.ended) {
		jobs_wait(&move->jobs);
		if (move->jobs.stops > move->stops && !move->warned) {
			move->warned = true;
			complain("%s: %s; interrupt again to give them up", move->m->which,
				 move->unknown ? "its tags wait here" :
				 "it has left this host, and its tags are on their way");
		} else if (move->jobs.stops > move->stops + 1) {
			give_up(move);
		}
	}
}

/* The load has released the VM: so it was the right one, and all tags are in. */
static int resume_there(struct move *move)
{
	const char *const words[] = {
		"--connect", move->m->uri, "resume", "--domain", move->m->name, NULL
	};

	if (move->m->suspended || !virsh_run(&move->jobs, words, NULL))
		return END_OK;
	complain("%s: its tags are in, but it is paused at %s; \"virsh resume %s\" there lets it run",
		 move->m->name, there(move), move->m->name);
	return END_ERROR;
}

/*
 * The guest is at the destination.  libvirt has ended the VMM here.  When QEMU was asked to
 * end, it may do so at any time: the tags are kept until then.
 */
static int end_source(struct move *move)
{
	bool sent = false;
	int end = END_ERROR;

	if (move->mover.status || !move->m->qmp)
		return move->mover.status ? END_ERROR : END_OK;
	if (!tags_have_failed(move) && move->load.said & SAID_HELD)
		end = qmp_quit(move->m->qmp, &sent);
	if (end && sent && !has_left(move))
		complain("%s: waiting until QEMU has ended", move->m->which);
	return sent ? END_OK : END_ERROR;
}

static int tags_lost(const struct move *move)
{
	const char *name = move->m->name;

	if (!has_left(move)) {
		complain("%s: its tags are still here, because QEMU has not ended: end the one at %s, and let this one go on with \"%s\"",
			 move->m->which, there(move), move->m->qmp ? "cont" : "virsh resume");
		return END_ERROR;
	}
	complain("%s: its tags are not all at %s. Where it is held, \"kvm-mte release %s\" and%s a reset of the guest let it start again",
		 name, there(move), name, move->m->qmp ? "" : " \"virsh resume\" and");
	return END_ERROR;
}

static int follow(struct move *move)
{
	int end;

	move->stops = move->jobs.stops;
	end = end_source(move);
	/* The tags stay here, or there is no VM that could get them. */
	if (end && !move->unknown && (!has_left(move) || !(move->load.said & SAID_HELD))) {
		give_up(move);
		end_tags(move);
	}
	wait_for_load(move);
	/* If the load has all tags, the save is about to end. */
	if (move->load.status)
		end_tags(move);
	while (!move->save.ended)
		jobs_wait(&move->jobs);
	if (tags_have_failed(move))
		return tags_lost(move);
	if (move->mover.status)
		complain("%s: its tags are in at %s; look there whether it runs", move->m->name,
			 there(move));
	if (!end && !move->m->qmp)
		end = resume_there(move);
	if (!end) {
		put_safely(stdout, move->m->which);
		fputs(": migrated to ", stdout);
		put_safely(stdout, there(move));
		puts(" with its tags");
	}
	return end;
}

/**
 * migrate_vm - migrate a VM with its tags
 * @m: what was asked for
 *
 * Return: exit status.
 */
int migrate_vm(struct migrate *m)
{
	struct move move = { .m = m, .pidfd = -1 };
	int end;

	jobs_begin();
	end = migrate_find(m, &move.jobs, &move.vms, &move.vm);
	if (!end) {
		move.pidfd = process_open(move.vm);
		end = move.pidfd < 0 ? END_ERROR : END_OK;
	}
	if (!end) {
		move.load.where = there(&move);
		start_tags(&move);
		end = wait_until_ready(&move);
	}
	if (!end) {
		start_mover(&move);
		end = wait_for_mover(&move);
		if (!end)
			end = follow(&move);
	}
	if (move.pidfd >= 0)
		close(move.pidfd);
	vms_free(&move.vms);
	return end;
}
