// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte check: what could keep the module from hooking the kernel's functions: other
 * owners of these functions, ftrace or kprobes that are switched off.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define LIVEPATCHES	"/sys/kernel/livepatch"
#define KPROBES		"/sys/kernel/debug/kprobes"

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* The names in a directory, sorted, each freed by the caller; -1 if it cannot be read. */
static int names_in(char *path, struct dirent ***names)
{
	int nr = scandir(path, names, not_hidden, alphasort);

	free(path);
	return nr;
}

static void free_names(struct dirent **names, int nr)
{
	while (nr-- > 0)
		free(names[nr]);
	free(names);
}

/* LIVEPATCHES/PATCH/OBJECT/ has an entry "FUNCTION,POSITION" for each patched function. */
static char *clash_in(const char *patch, const char *object, const char *info)
{
	struct dirent **names = NULL;
	char *found = NULL;
	int i, nr = names_in(below_root(LIVEPATCHES "/%s/%s", patch, object), &names);

	for (i = 0; i < nr && !found; i++) {
		names[i]->d_name[strcspn(names[i]->d_name, ",")] = '\0';
		if (info_has(info, "hook", names[i]->d_name))
			found = need(strdup(names[i]->d_name));
	}
	free_names(names, nr);
	return found;
}

/* A function that both the patch and the module want; the caller frees it. */
static char *clash(const char *patch, const char *info)
{
	struct dirent **names = NULL;
	char *found = NULL;
	int i, nr = names_in(below_root(LIVEPATCHES "/%s", patch), &names);

	for (i = 0; i < nr && !found; i++)
		found = clash_in(patch, names[i]->d_name, info);
	free_names(names, nr);
	return found;
}

static void check_livepatches(const char *info)
{
	struct dirent **names = NULL;
	char *function = NULL, *patch = NULL;
	int i, nr = names_in(below_root(LIVEPATCHES), &names);

	for (i = 0; i < nr && !function; i++) {
		function = clash(names[i]->d_name, info);
		if (function)
			patch = names[i]->d_name;
	}
	if (function)
		checked(CHECK_NO, "livepatches", "disable it if you may; there is no other way",
			"%s patches %s, which the module must hook", patch, function);
	else if (nr <= 0)
		checked(CHECK_OK, "livepatches", NULL, "none");
	else if (!info_has(info, "hook", "kvm_arch_destroy_vm"))
		checked(CHECK_UNKNOWN, "livepatches", NULL,
			"%s%s; there is no module that could be asked which functions it hooks",
			names[0]->d_name, nr > 1 ? " and others" : "");
	else
		checked(CHECK_OK, "livepatches", NULL, "%s%s: no function that the module hooks",
			names[0]->d_name, nr > 1 ? " and others" : "");
	free(function);
	free_names(names, nr);
}

/*
 * Can the kernel's ftrace divert calls?  UNKNOWN if it has ftrace, and its configuration is
 * not known.
 */
static enum tribool ftrace_diverts(void)
{
	static const char * const options[] = {
		"CONFIG_DYNAMIC_FTRACE_WITH_REGS", "CONFIG_DYNAMIC_FTRACE_WITH_ARGS",
	};
	char *path = below_root("/proc/sys/kernel/ftrace_enabled");
	bool there = !access(path, F_OK);
	size_t i;

	free(path);
	if (!there)
		return NO;
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (config_has(options[i]) != NO)
			return config_has(options[i]);
	}
	return NO;
}

/* Returns false if hooks are set by kprobes. */
static bool by_ftrace(void)
{
	char *path = below_root("/sys/module/kvm_mte/parameters/hook");
	char word[16];
	int err = read_word(AT_FDCWD, path, word, sizeof(word));

	free(path);
	return ftrace_diverts() != NO && (err || strcmp(word, "kprobe"));
}

static void check_ftrace(void)
{
	char *path = below_root("/proc/sys/kernel/ftrace_enabled");
	long long on;

	if (!by_ftrace())
		checked(CHECK_OK, "ftrace", NULL, "not used: kprobes hook the kernel");
	else if (read_number(AT_FDCWD, path, &on))
		checked(CHECK_UNKNOWN, "ftrace", NULL, "kernel.ftrace_enabled cannot be read");
	else if (!on)
		checked(CHECK_NO, "ftrace", "sysctl kernel.ftrace_enabled=1; or load the module with hook=kprobe",
			"it is switched off (kernel.ftrace_enabled is 0)");
	else if (ftrace_diverts() == YES)
		checked(CHECK_OK, "ftrace", NULL, "it can divert calls, and is on");
	else
		checked(CHECK_UNKNOWN, "ftrace", NULL, "it is on; whether it can divert calls is in the kernel's configuration; if not, kprobes are used");
	free(path);
}

/* ftrace cannot trace it.  If it is missing, the module loads and works without it. */
#define BY_KPROBE	"mtree_load"

/* Does the module need a kprobe at this function? */
static bool needs_kprobe(const char *info, const char *function)
{
	return info_has(info, "hook", function) &&
	       (!by_ftrace() || !strcmp(function, BY_KPROBE));
}

/* A line of the list is "FROM-TO <tab> FUNCTION".  The caller frees the function. */
static char *forbidden(char *list, const char *info)
{
	char *line, *next, *tab;

	for (line = strtok_r(list, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		tab = strrchr(line, '\t');
		if (tab && needs_kprobe(info, tab + 1))
			return need(strdup(tab + 1));
	}
	return NULL;
}

/* With ftrace only VMs with hugetlb memory need a kprobe. */
static void no_kprobes(const char *todo, const char *why)
{
	if (by_ftrace())
		checked(CHECK_UNKNOWN, "kprobes", todo,
			"%s: a VM with hugetlb memory cannot have MTE, any other VM can", why);
	else
		checked(CHECK_NO, "kprobes", todo, "%s", why);
}

static void no_kprobe_at(const char *function)
{
	if (by_ftrace())
		no_kprobes("use other memory for VMs, or another kernel",
			   "the kernel allows none at " BY_KPROBE);
	else
		checked(CHECK_NO, "kprobes", "use a kernel on which ftrace can divert calls",
			"the kernel allows none at %s, which the module must hook", function);
}

static void check_kprobes(const char *info)
{
	char *path, *list, *function;
	long long on;
	int err;

	if (by_ftrace() && !info_has(info, "hook", BY_KPROBE)) {
		checked(CHECK_OK, "kprobes", NULL, "used only to find functions");
		return;
	}
	path = below_root(KPROBES "/enabled");
	err = read_number(AT_FDCWD, path, &on);
	free(path);
	list = read_all(below_root(KPROBES "/blacklist"), NULL);
	function = list ? forbidden(list, info) : NULL;
	if (err || !list)
		checked(check_hidden(), "kprobes", geteuid() ? NULL : "mount debugfs",
			KPROBES " cannot be read");
	else if (!on)
		no_kprobes("echo 1 > " KPROBES "/enabled",
			   "they are switched off (" KPROBES "/enabled is 0)");
	else if (function)
		no_kprobe_at(function);
	else
		checked(CHECK_OK, "kprobes", NULL, "they are on, and allowed where the module needs them");
	free(function);
	free(list);
}

/**
 * check_hooks - check what could keep the module from hooking functions
 * @info: what modinfo says of the module; may be NULL
 */
void check_hooks(const char *info)
{
	check_livepatches(info);
	check_ftrace();
	check_kprobes(info);
}
