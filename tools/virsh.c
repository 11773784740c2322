// SPDX-License-Identifier: GPL-2.0-only
/*
 * virsh: what kvm-mte asks of libvirt.  virsh finds libvirt as always: by
 * LIBVIRT_DEFAULT_URI, or for root the system's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs.h"

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
 * @jobs: what runs meanwhile
 * @words: its arguments, NULL at the end
 * @options: more of them, NULL at the end; may be NULL
 *
 * Return: its exit status.
 */
int virsh_run(struct jobs *jobs, const char *const *words, char **options)
{
	struct start how = { .argv = virsh_command(words, options), .in = -1, .out = -1 };
	int status = jobs_run(jobs, &how);

	free(how.argv);
	return status;
}

static void abort_job(struct jobs *jobs, const char *domain)
{
	const char *const words[] = { "domjobabort", "--domain", domain, NULL };
	struct start how = {
		.argv = virsh_command(words, NULL), .in = -1, .out = -1, .quiet = true
	};

	jobs_run(jobs, &how);
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

/* Only in the C locale are virsh's words known. */
static void become(const char *const *words, int out)
{
	char **argv = virsh_command(words, NULL);
	int err;

	setenv("LC_ALL", "C", 1);
	dup2(out, STDOUT_FILENO);
	execvp(argv[0], argv);
	err = errno;
	complain("virsh: %s", strerror(err));
	_exit(END_RUN_NOT_FOUND);
}

/**
 * virsh_text - what a command of virsh prints
 * @words: its arguments, NULL at the end
 *
 * Return: the text; the caller frees it.  NULL if virsh has failed, and has said why.
 */
char *virsh_text(const char *const *words)
{
	int fds[2], status = -1;
	size_t size = 0, len;
	char *text = NULL;
	FILE *from;
	pid_t pid;

	pid = pipe(fds) ? -1 : fork();
	if (pid < 0) {
		complain("virsh: %s", strerror(errno));
		return NULL;
	}
	if (!pid) {
		close(fds[0]);
		become(words, fds[1]);
	}
	close(fds[1]);
	from = need(fdopen(fds[0], "r"));
	len = getdelim(&text, &size, '\0', from) > 0 ? strlen(text) : 0;
	fclose(from);
	waitpid(pid, &status, 0);
	if (!status && len)
		return text;
	free(text);
	return NULL;
}

/**
 * domain_runs - does a domain run?
 * @domain: its name
 *
 * Return: 1 if it does; 0 if it is paused, or in another state; -1, after an error message,
 * if that is not known.
 */
int domain_runs(const char *domain)
{
	const char *const words[] = { "domstate", "--domain", domain, NULL };
	char *state = virsh_text(words);
	int runs;

	if (!state)
		return -1;
	runs = !strncmp(state, "running", strlen("running"));
	free(state);
	return runs;
}

/* Also returns true if that is not known. */
static bool has_job(const char *domain)
{
	const char *const words[] = { "domjobinfo", "--domain", domain, NULL };
	static const char type[] = "Job type:", none[] = "None";
	char *info = virsh_text(words), *at = info ? strstr(info, type) : NULL;
	bool has;

	if (at)
		at += sizeof(type) - 1;
	has = !at || strncmp(at + strspn(at, " "), none, sizeof(none) - 1);
	free(info);
	return has;
}

/**
 * domain_settles - abort what libvirt may still do with a domain, and wait until it is done
 * @jobs: what runs meanwhile
 * @domain: its name
 * @pidfd: its process, from process_open()
 *
 * virsh may be gone, or the connection to libvirt, and libvirt goes on.
 *
 * Return: as domain_runs(), also without a message.
 */
int domain_settles(struct jobs *jobs, const char *domain, int pidfd)
{
	int runs;

	while (!process_ends(pidfd, 0)) {
		runs = domain_runs(domain);
		if (runs < 0)
			return -1;
		if (!has_job(domain))
			return domain_runs(domain);
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
 * @file: the file
 *
 * libvirt's XML has the domain's name first.
 *
 * Return: the name; the caller frees it.  NULL after an error message.
 */
char *image_domain(const char *file)
{
	const char *const words[] = { "save-image-dumpxml", "--file", file, NULL };
	char *xml = virsh_text(words), *name, *end;

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
