/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What "kvm-mte migrate", "save" and "restore" share.
 *
 * migrate.c	migrate: the command line
 * move.c	migrate: the steps
 * archive.c	save and restore: the command lines, and what both do
 * archive_save.c, archive_restore.c	their steps
 * peer.c	the destination: its host in a URI, and how to run a command there
 * virsh.c	libvirt's virsh
 * qmp.c	a connection to QEMU's monitor
 * monitor.c	the commands for it
 * reply.c	the monitor's JSON
 * jobs.c	programs that run at once
 * signals.c	signals that ask to stop
 * process.c	the end of a VM's process
 * claim.c	a VM, or a domain, for this program alone
 */
#ifndef KVM_MTE_JOBS_H
#define KVM_MTE_JOBS_H

#include <signal.h>
#include <sys/types.h>

#include "kvm-mte.h"

/* What a job has said: bits. */
#define SAID_READY	1	/* it waits for the VM, or for the VM's end */
#define SAID_HELD	2	/* it holds the VM */

/**
 * struct job - a program that was started
 * @pid: its process; 0 before it is started
 * @out: read its lines from here; -1 if they are not read, or after its end
 * @where: printed before its lines; NULL if it runs on this host
 * @ended: it has ended
 * @status: then its exit status; 128 and more: killed by a signal
 * @said: SAID_...
 * @line: the line that it is writing
 * @len: its length
 * @asked: when it was asked to stop, in milliseconds; 0: it was not
 */
struct job {
	pid_t pid;
	int out;
	const char *where;
	bool ended;
	int status;
	unsigned int said;
	char line[2048];
	size_t len;
	long long asked;
};

/**
 * struct jobs - programs that run at once
 * @job: the programs
 * @nr: number of programs
 * @stops: how often a signal has asked to stop
 */
struct jobs {
	struct job *job[4];
	size_t nr;
	int stops;
};

/**
 * struct start - how to start a job
 * @run: a function to run in a child process; NULL to execute @argv
 * @arg: argument of @run
 * @argv: program and arguments, NULL at the end
 * @in: its standard input; -1: that of this process
 * @out: its standard output; -1: that of this process, or with @reads the same as its
 *	standard error
 * @reads: its standard error is read, line by line
 * @stays: SIGINT does not end it: a terminal sends it to all.  A function may catch it
 * @quiet: its output and its errors are thrown away
 * @plain: in the C locale: only there are virsh's words known
 */
struct start {
	int (*run)(void *arg);
	void *arg;
	char **argv;
	int in;
	int out;
	bool reads;
	bool stays;
	bool quiet;
	bool plain;
};

/* jobs.c */
void jobs_begin(void);
void jobs_add(struct jobs *jobs, struct job *job, const struct start *how);
void jobs_wait(struct jobs *jobs);
void jobs_drop(struct jobs *jobs, struct job *job);
int jobs_run(struct jobs *jobs, const struct start *how, int patience);
void job_end(const struct job *job);
bool job_may_be_asked(struct job *job);
void job_stop(struct job *job);
bool job_has_failed(const struct job *job);

/* signals.c */
int signals_open(sigset_t *before);
int signals_read(int fd);

/* process.c */
int process_open(const struct vm *vm);
bool process_ends(int pidfd, int patience);

/* claim.c */
int claim_vm(const struct vm *vm);
int claim_whole_vm(const struct vm *vm);
int claim_name(const char *name);
int claim_domain(struct jobs *jobs, const struct vm *vm);

/**
 * struct peer - the destination
 * @host: the host; NULL: this one
 * @port: port of its SSH server, from a URI; NULL if it is not given
 * @rsh: --rsh: how to run a command there; NULL: ssh
 * @script: from peer_command(): runs @rsh
 * @command: from peer_command(): for the shell there
 */
struct peer {
	char *host;
	char *port;
	const char *rsh;
	char *script;
	char *command;
};

/* peer.c */
bool peer_from_uri(struct peer *peer, const char *uri);
const char *peer_name(const struct peer *peer);
char **peer_command(struct peer *peer, const char *const *words);
char **own_command(const char *const *words);
void peer_free(struct peer *peer);

/* virsh.c */
bool domain_has_clear_name(const char *name);
char **virsh_command(const char *const *words, char **options);
char *virsh_text(struct jobs *jobs, const char *const *words);
int virsh_run(struct jobs *jobs, const char *const *words, char **options);
int virsh_run_job(struct jobs *jobs, const char *const *words, char **options, const char *domain);
void virsh_abort(struct jobs *jobs, struct job *virsh, const char *domain);
int domain_runs(struct jobs *jobs, const char *domain);
int domain_has_job(struct jobs *jobs, const char *domain);
int domain_settles(struct jobs *jobs, const char *domain, int pidfd);
char *image_domain(struct jobs *jobs, const char *file);

/**
 * struct qmp - a connection to QEMU's monitor
 * @fd: the socket
 * @from: replies
 * @reply: the last reply
 * @size: size of that buffer
 */
struct qmp {
	int fd;
	FILE *from;
	char *reply;
	size_t size;
};

/* reply.c */
int reply_get(const char *reply, const char *path, char *value, size_t size);

/* Instead of an exit status. */
#define QMP_LOST	100	/* the connection is lost: it is not known what QEMU has done */
#define QMP_STOPPED	101	/* it has failed, and the guest does not run */

/* qmp.c */
void qmp_expect(const struct vm *vm);
int qmp_open(struct qmp *qmp, const char *path);
int qmp_call(struct qmp *qmp, const char *command, const char *arguments);
int qmp_send_fd(struct qmp *qmp, int fd);
void qmp_close(struct qmp *qmp);

/* monitor.c */
bool qmp_can_answer(const char *uri);
int qmp_cancel(const char *path);
int qmp_cancel_if_killed(struct jobs *jobs, const char *path, int status);
int qmp_migrate(const char *path, const char *uri, int pidfd);
int qmp_quit(const char *path, bool *sent);
int qmp_once(const char *path, const char *command);
int qmp_status(const char *path, char *status, size_t size);
int qmp_transfer(const char *path, const char *command, int fd);

/**
 * struct migrate - a migration
 * @peer: the destination
 * @which: names the VM on the command line
 * @name: names it at the destination
 * @uri: where it goes
 * @qmp: socket of QEMU's monitor; NULL with libvirt
 * @options: more options for virsh, NULL at the end
 * @runs: with libvirt: the guest runs before the migration
 * @suspended: with libvirt: the guest stays paused at the destination
 */
struct migrate {
	struct peer peer;
	const char *which;
	const char *name;
	const char *uri;
	const char *qmp;
	char **options;
	bool runs;
	bool suspended;
};

/* migrate.c, move.c */
int migrate_find(struct migrate *m, struct jobs *jobs, struct vms *vms, const struct vm **vm);
int migrate_vm(struct migrate *m);

/**
 * struct archive - what the steps share
 * @vms: the VMs
 * @vm: the one that is saved or restored
 * @jobs: the programs that run
 * @which: names the VM on the command line
 * @file: has its memory and devices
 * @tags: has its tags
 * @part: has the tags until the save is complete
 * @made_part: this program has created @part
 * @tags_saved: all tags are in @part
 * @new: with QEMU's monitor: has the memory and devices until the save is complete
 * @qmp: socket of QEMU's monitor; NULL with libvirt
 * @options: more options for virsh, NULL at the end
 * @paused: it does not run after it was restored
 * @stopped: it was restored, and is paused or held
 * @ran: it ran before it was saved
 * @holds: this program holds the VM
 * @pidfd: the process of the one that is saved
 * @complete: all of it is in @file, and QEMU may have ended
 */
struct archive {
	struct vms vms;
	const struct vm *vm;
	struct jobs jobs;
	const char *which;
	const char *file;
	char *tags;
	char *part;
	bool made_part;
	bool tags_saved;
	char *new;
	const char *qmp;
	char **options;
	bool paused;
	bool stopped;
	bool ran;
	bool holds;
	int pidfd;
	bool complete;
};

/* archive.c */
int archive_cannot(const char *file);
int archive_find(struct archive *a);
int archive_virsh(struct archive *a, const char *command);
int archive_run(struct archive *a, const char *const *words, int in, int out);
int archive_resume(struct archive *a);
int archive_binding(struct archive *a, bool is_save);
int archive_transfer(struct archive *a, const char *command, int fd);

/* archive_save.c, archive_restore.c */
int archive_save(struct archive *a);
int archive_restore(struct archive *a);

#endif /* KVM_MTE_JOBS_H */
