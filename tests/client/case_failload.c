// SPDX-License-Identifier: GPL-2.0-only
/* Each allocation fails once while the module is loaded, unloaded, or told its policy. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "failing.h"

/* --- the module itself --- */

static char params[32];
static unsigned int hooks_when_loaded;

/* Lines of a file; 0 if there is no such file */
static unsigned int lines(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int n = 0;
	int c;

	if (!f)
		return 0;
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static unsigned int hooks(void)
{
	return lines("/sys/kernel/tracing/enabled_functions") + lines("/sys/kernel/debug/kprobes/list");
}

static int module_load(struct scene *s)
{
	return syscall(SYS_finit_module, s->fd, params, 0) ? -errno : 0;
}

static int module_unload(struct scene *s)
{
	(void)s;
	return syscall(SYS_delete_module, "kvm_mte", O_NONBLOCK) ? -errno : 0;
}

static void open_module(struct scene *s)
{
	s->fd = open(opt.file, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		die("%s: %s", opt.file, errno_name(errno));
}

static void before_load(struct scene *s)
{
	open_module(s);
	s->vm = vm_create();
}

static const char *wrong_load(struct scene *s, bool failed)
{
	if (failed)
		return !access(MODULE_DIR, F_OK) ? "its directory is there" :
		       hooks() ? "hooks are set" : NULL;
	if (hooks() != hooks_when_loaded)
		return "not all hooks are set";
	return strcmp(module_read(s->vm, "state"), "off") ? "it has not found the VM" : NULL;
}

static void after_load(struct scene *s)
{
	vm_destroy(s->vm);
	if (module_unload(s))
		die("the module does not unload");
	close(s->fd);
}

static void before_unload(struct scene *s)
{
	open_module(s);
	if (module_load(s))
		die("the module does not load");
}

static const char *wrong_unload(struct scene *s, bool failed)
{
	(void)s;
	return failed ? NULL : !access(MODULE_DIR, F_OK) || hooks() ? "something of it stays" : NULL;
}

static void after_unload(struct scene *s)
{
	close(s->fd);
}

static int load_nothing(struct scene *s)
{
	return syscall(SYS_finit_module, s->fd, "hook=none", 0) ? -errno : 0;
}

static const struct step refused_load = { "refused", open_module, load_nothing, NULL, after_unload };
static struct step load = { "load", before_load, module_load, wrong_load, after_load };
static const struct step unload = { "unload", before_unload, module_unload, wrong_unload, after_unload };

/* --- policy --- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = read(fd, buf, size - 1);
	r = r < 0 ? -errno : r;
	buf[r < 0 ? 0 : r] = 0;
	close(fd);
	return r < 0 ? r : 0;
}

static int policy_write(struct scene *s)
{
	(void)s;
	return write_file(MODULE_DIR "/policy/default", "on\n");
}

static void policy_back(struct scene *s)
{
	(void)s;
	policy_set_default("request");
}

static const char *wrong_policy(struct scene *s, bool failed)
{
	(void)s;
	return strcmp(policy_default(), failed ? "request" : "on") ? "another policy" : NULL;
}

/* Another process each time: one that has ended leaves the list. */
static void before_list(struct scene *s)
{
	s->fd = fork();
	if (s->fd < 0)
		die("fork: %s", errno_name(errno));
	while (!s->fd)
		pause();
}

static int list_write(struct scene *s)
{
	char text[16];

	snprintf(text, sizeof(text), "%d\n", s->fd);
	return write_file(MODULE_DIR "/policy/on_pids", text);
}

static int list_read(struct scene *s)
{
	char text[4096];

	(void)s;
	return read_file(MODULE_DIR "/policy/on_pids", text, sizeof(text));
}

static const char *wrong_list(struct scene *s, bool failed)
{
	char text[4096];

	if (read_file(MODULE_DIR "/policy/on_pids", text, sizeof(text)))
		return "the list cannot be read";
	return (atoi(text) == s->fd) == failed ? "the list is not as it should be" : NULL;
}

static void after_list(struct scene *s)
{
	kill(s->fd, SIGKILL);
	waitpid(s->fd, NULL, 0);
}

static const struct step policy = { "policy", NULL, policy_write, wrong_policy, policy_back };
static const struct step list = { "list", before_list, list_write, wrong_list, after_list };
static const struct step list_again = { "list, read", before_list, list_read, NULL, after_list };

/* How many hooks there are when all is well, and where the module's own allocations begin */
static void measure(void)
{
	const char *hook = getenv("HOOK");
	struct scene s;

	snprintf(params, sizeof(params), "hook=%s", hook ? hook : "auto");
	before_load(&s);
	if (module_load(&s))
		die("the module does not load");
	hooks_when_loaded = hooks();
	after_load(&s);
	is(hooks(), 0, "nothing is hooked without the module");
	/* Before that, it is the kernel's own work with any module. */
	load.first = failing_count(&refused_load) + 1;
	diag("%u hooks; the kernel itself allocates %u times", hooks_when_loaded, load.first - 1);
}

CASE(failload,
     "allocations that fail while the module (--file) is loaded or unloaded, or told its policy; --rounds of each")
{
	struct scene s;

	failing_open();
	measure();
	failing_step(&load, opt.rounds);
	failing_step(&unload, opt.rounds);
	before_unload(&s);
	failing_step(&policy, opt.rounds);
	failing_step(&list, opt.rounds);
	failing_step(&list_again, opt.rounds);
	is(module_unload(&s), 0, "it unloads");
	after_unload(&s);
	return 0;
}

/* --- the first VM with MTE: for it hooks are set --- */

/* Hooks that no VM needs go some seconds later. */
static void before_first(struct scene *s)
{
	while (hooks() != hooks_when_loaded)
		usleep(100000);
	s->vm = vm_create();
}

static int first(struct scene *s)
{
	return module_enable(s->vm, true);
}

static const char *wrong_first(struct scene *s, bool failed)
{
	return strcmp(module_read(s->vm, "state"), failed ? "off" : "on") ? "the wrong state" : NULL;
}

static void after_first(struct scene *s)
{
	vm_destroy(s->vm);
}

CASE(failfirst,
     "allocations that fail when the first VM gets MTE; --rounds of them")
{
	static const struct step step = { "the first VM", before_first, first, wrong_first, after_first };

	module_needed();
	hooks_when_loaded = hooks();
	failing_open();
	failing_step(&step, opt.rounds);
	return 0;
}
