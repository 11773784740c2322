// SPDX-License-Identifier: GPL-2.0-only
/*
 * virsh: what kvm-mte asks of libvirt.  virsh finds libvirt as always: by
 * LIBVIRT_DEFAULT_URI, or for root the system's.  virsh may wait for libvirt for ever.  So
 * each command has a number of signals after which it is ended (jobs_run()).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jobs.h"

/* How often libvirt may fail to say whether it does something with a domain. */
#define FAILURES	5

/**
 * virsh_command - a command of virsh
 * @words: its arguments, NULL at the end
 * @options: more of them, NULL at the end; may be NULL
 *
 * Return: program and arguments; the caller frees the array.
 */
char **virsh_command(const char *const *words, char **options)
{
	size_t nr = 0, more = 0;
	char **argv;

	while (words[nr])
		nr++;
	while (options && options[more])
		more++;
	argv = need(calloc(nr + more + 2, sizeof(*argv)));
	argv[0] = "virsh";
	memcpy(argv + 1, words, nr * sizeof(*argv));
	if (more)
		memcpy(argv + 1 + nr, options, more * sizeof(*argv));
	return argv;
}

/**
 * domain_has_clear_name - does a word name a domain, and nothing else?
 * @name: the word
 *
 * virsh takes a number or a UUID for that of another domain, kvm-mte takes numbers for a
 * process or a VM's directory.
 *
 * Return: true if it does; false after an error message.
 */
bool domain_has_clear_name(const char *name)
{
	size_t digits = 0;
	const char *c;

	for (c = name; *c && strchr("0123456789abcdefABCDEF-", *c); c++)
		digits += *c != '-';
	if (*name && name[strspn(name, "0123456789-")] && (*c || digits != 32))
		return true;
	complain("%s: a domain whose name is a number or a UUID may be taken for another one: rename it",
		 name);
	return false;
}

/**
 * virsh_run - run a command of virsh
 * @jobs: what runs meanwhile; a second signal that asks to stop ends virsh
 * @words: its arguments, NULL at the end
 * @options: more of them, NULL at the end; may be NULL
 *
 * Return: its exit status.
 */
int virsh_run(struct jobs *jobs, const char *const *words, char **options)
{
	struct start how = { .argv = virsh_command(words, options), .in = -1, .out = -1 };
	int status = jobs_run(jobs, &how, 2);

	free(how.argv);
	return status;
}

static void abort_job(struct jobs *jobs, const char *domain)
{
	const char *const words[] = { "domjobabort", "--domain", domain, NULL };
	struct start how = {
		.argv = virsh_command(words, NULL), .in = -1, .out = -1, .quiet = true
	};

	jobs_run(jobs, &how, 1);
	free(how.argv);
}

/**
 * virsh_abort - abort what virsh does with a domain, if it can be aborted already
 * @jobs: what runs meanwhile
 * @virsh: does it
 * @domain: the domain
 *
 * virsh itself stops only when ^C is typed in its terminal: it ignores SIGINT.  If it is
 * killed, libvirt may go on.  So it is killed only after a second signal.
 */
void virsh_abort(struct jobs *jobs, struct job *virsh, const char *domain)
{
	if (!job_may_be_asked(virsh))
		return;
	if (jobs->stops > 1)
		job_end(virsh);
	abort_job(jobs, domain);
}

/**
 * virsh_run_job - run a command of virsh that can be aborted
 * @jobs: what runs meanwhile; a signal that asks to stop aborts the command
 * @words: its arguments, NULL at the end
 * @options: more of them, NULL at the end; may be NULL
 * @domain: the domain
 *
 * Return: its exit status.
 */
int virsh_run_job(struct jobs *jobs, const char *const *words, char **options, const char *domain)
{
	struct start how = { .argv = virsh_command(words, options), .in = -1, .out = -1 };
	struct job job = { .where = NULL };

	jobs_add(jobs, &job, &how);
	while (!job.ended) {
		jobs_wait(jobs);
		if (jobs->stops)
			virsh_abort(jobs, &job, domain);
	}
	jobs_drop(jobs, &job);
	free(how.argv);
	return job.status;
}

static char *text_of(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = need(calloc(size + 1, 1));

	if (size > 0 && pread(fd, text, size, 0) == size)
		return text;
	free(text);
	return NULL;
}

/**
 * virsh_text - what a command of virsh prints
 * @jobs: what runs meanwhile; a signal that asks to stop ends virsh
 * @words: its arguments, NULL at the end
 *
 * Return: the text; the caller frees it.  NULL if virsh has failed, and has said why, or if
 * it was interrupted.
 */
char *virsh_text(struct jobs *jobs, const char *const *words)
{
	int fd = memfd_create("virsh", MFD_CLOEXEC);
	struct start how = {
		.argv = virsh_command(words, NULL), .in = -1, .out = fd, .plain = true
	};
	int status = END_ERROR;
	char *text;

	if (fd < 0)
		complain("virsh: %s", strerror(errno));
	else
		status = jobs_run(jobs, &how, 1);
	free(how.argv);
	text = status ? NULL : text_of(fd);
	if (fd >= 0)
		close(fd);
	return text;
}

/**
 * domain_runs - does a domain run?
 * @jobs: what runs meanwhile
 * @domain: its name
 *
 * Return: 1 if it does; 0 if it is paused, or in another state; -1, after an error message,
 * if that is not known.
 */
int domain_runs(struct jobs *jobs, const char *domain)
{
	const char *const words[] = { "domstate", "--domain", domain, NULL };
	char *state = virsh_text(jobs, words);
	int runs;

	if (!state)
		return -1;
	runs = !strncmp(state, "running", strlen("running"));
	free(state);
	return runs;
}

/**
 * domain_has_job - does libvirt save, migrate or copy a domain, or something like that?
 * @jobs: what runs meanwhile
 * @domain: its name
 *
 * Return: 0 or 1; -1 if that is not known.
 */
int domain_has_job(struct jobs *jobs, const char *domain)
{
	const char *const words[] = { "domjobinfo", "--domain", domain, NULL };
	static const char type[] = "Job type:", none[] = "None";
	char *info = virsh_text(jobs, words), *at = info ? strstr(info, type) : NULL;
	int has = -1;

	if (at) {
		at += sizeof(type) - 1;
		has = strncmp(at + strspn(at, " "), none, sizeof(none) - 1) != 0;
	}
	free(info);
	return has;
}

/**
 * domain_settles - abort what libvirt may still do with a domain, and wait until it is done
 * @jobs: what runs meanwhile; a signal that asks to stop ends the wait
 * @domain: its name
 * @pidfd: its process, from process_open()
 *
 * virsh may be gone, or the connection to libvirt, and libvirt goes on.
 *
 * Return: as domain_runs(), also without a message.
 */
int domain_settles(struct jobs *jobs, const char *domain, int pidfd)
{
	int stops = jobs->stops, failures = 0, has;

	while (!process_ends(pidfd, 0) && failures < FAILURES) {
		if (domain_runs(jobs, domain) < 0 || jobs->stops > stops)
			return -1;
		has = domain_has_job(jobs, domain);
		if (!has)
			return domain_runs(jobs, domain);
		if (jobs->stops > stops)
			return -1;
		failures = has < 0 ? failures + 1 : 0;
		abort_job(jobs, domain);
		jobs_wait(jobs);
	}
	return -1;
}

static const struct entity {
	const char *name;
	char is;
} entities[] = {
	{ "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' },
};

/* Replaces libvirt's entities in place; returns false if there is another one. */
static bool decode(char *text)
{
	char *to = text;
	size_t i, len;

	while (*text) {
		if (*text != '&') {
			*to++ = *text++;
			continue;
		}
		for (i = 0; i < ARRAY_SIZE(entities); i++) {
			len = strlen(entities[i].name);
			if (!strncmp(text, entities[i].name, len))
				break;
		}
		if (i == ARRAY_SIZE(entities))
			return false;
		*to++ = entities[i].is;
		text += len;
	}
	*to = '\0';
	return true;
}

/**
 * image_domain - the name of the domain that a file of "virsh save" has
 * @jobs: what runs meanwhile
 * @file: the file
 *
 * libvirt's XML has the domain's name first.
 *
 * Return: the name; the caller frees it.  NULL after an error message.
 */
char *image_domain(struct jobs *jobs, const char *file)
{
	const char *const words[] = { "save-image-dumpxml", "--file", file, NULL };
	char *xml = virsh_text(jobs, words), *name, *end;

	if (!xml)
		return NULL;
	name = strstr(xml, "<name>");
	end = name ? strstr(name, "</name>") : NULL;
	if (end) {
		*end = '\0';
		name = need(strdup(name + strlen("<name>")));
	}
	free(xml);
	if (end && *name && decode(name))
		return name;
	complain("%s: the domain's name is not in what \"virsh save-image-dumpxml\" prints", file);
	if (end)
		free(name);
	return NULL;
}
