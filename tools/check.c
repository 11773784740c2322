// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte check: can this host, and a VM, have MTE?  A line for each requirement.  If
 * something cannot be known, the line says "unknown".
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

/**
 * struct check - what was found out about a requirement
 * @verdict: whether it is met
 * @what: the requirement
 * @found: what was found
 * @todo: what to do about it; NULL if there is nothing to do
 */
struct check {
	enum verdict verdict;
	const char *what;
	char *found;
	char *todo;
};

static struct check *checks;
static size_t nr_checks;

/**
 * checked - note what was found out about a requirement
 * @verdict: whether it is met
 * @what: the requirement
 * @todo: what to do about it; NULL if there is nothing to do
 * @fmt: what was found, printf() style
 */
void checked(enum verdict verdict, const char *what, const char *todo, const char *fmt, ...)
{
	struct check *check;
	va_list args;

	checks = need(realloc(checks, (nr_checks + 1) * sizeof(*checks)));
	check = &checks[nr_checks++];
	*check = (struct check){ .verdict = verdict, .what = what };
	va_start(args, fmt);
	if (vasprintf(&check->found, fmt, args) < 0)
		check->found = NULL;
	va_end(args);
	need(check->found);
	check->todo = todo ? need(strdup(todo)) : NULL;
}

/**
 * check_hidden - something could not be read
 *
 * Return: CHECK_ROOT if root could read it here; CHECK_UNKNOWN if not.
 */
enum verdict check_hidden(void)
{
	return geteuid() && !*root ? CHECK_ROOT : CHECK_UNKNOWN;
}

static size_t count(enum verdict verdict)
{
	size_t i, nr = 0;

	for (i = 0; i < nr_checks; i++)
		nr += checks[i].verdict == verdict;
	return nr;
}

static int result(void)
{
	if (count(CHECK_NO))
		return END_NO_MTE;
	if (count(CHECK_ROOT))
		return END_NOT_ROOT;
	return is_loaded() ? END_OK : END_NOT_LOADED;
}

static const char *result_word(int end)
{
	switch (end) {
	case END_OK:
		return "ready";
	case END_NO_MTE:
		return "cannot";
	case END_NOT_ROOT:
		return "not root";
	default:
		return "not loaded";
	}
}

static const char *verdict_word(enum verdict verdict)
{
	static const char * const words[] = {
		[CHECK_OK] = "ok", [CHECK_NO] = "no", [CHECK_INSTALL] = "no",
		[CHECK_UNKNOWN] = "unknown", [CHECK_ROOT] = "unknown",
	};

	return words[verdict];
}

static void put_line(const struct check *check)
{
	printf("%-7s  %s: ", verdict_word(check->verdict), check->what);
	put_safely(stdout, check->found);
	if (check->todo) {
		fputs("\n         -> ", stdout);
		put_safely(stdout, check->todo);
	}
	putchar('\n');
}

static void put_text(int end)
{
	static const char * const sentences[] = {
		[END_OK] = "nothing was found that prevents MTE, and the module is loaded",
		[END_NO_MTE] = "MTE is not possible as it is: see the lines with \"no\"",
		[END_NOT_LOADED] = "nothing was found that prevents MTE; the module is not loaded",
		[END_NOT_ROOT] = "not all could be seen: run this as root",
	};
	size_t i;

	for (i = 0; i < nr_checks; i++)
		put_line(&checks[i]);
	printf("result:  %s: %s\n", result_word(end), sentences[end]);
}

static void put_checks_json(int end)
{
	const struct check *check;

	printf("{\"result\": \"%s\", \"checks\": [", result_word(end));
	for (check = checks; check < checks + nr_checks; check++) {
		fputs(check > checks ? ",\n {" : "\n {", stdout);
		printf("\"verdict\": \"%s\", \"requirement\": ", verdict_word(check->verdict));
		put_json(stdout, check->what);
		fputs(", \"found\": ", stdout);
		put_json(stdout, check->found);
		fputs(", \"todo\": ", stdout);
		put_json(stdout, check->todo);
		printf(", \"needs_root\": %s}",
		       check->verdict == CHECK_ROOT ? "true" : "false");
	}
	puts("\n]}");
}

static void forget(void)
{
	size_t i;

	for (i = 0; i < nr_checks; i++) {
		free(checks[i].found);
		free(checks[i].todo);
	}
	free(checks);
	checks = NULL;
	nr_checks = 0;
}

/* @which: NULL for the host alone */
static int check_all(const char *which)
{
	/* On a machine of another architecture the other checks say nothing. */
	if (!check_cpu())
		return END_OK;
	check_configuration();
	check_kvm();
	check_module();
	if (which)
		return check_vm(which);
	check_vmms();
	return END_OK;
}

static int check(const char *which, bool json)
{
	int end = check_all(which);

	if (!end) {
		end = result();
		if (json)
			put_checks_json(end);
		else
			put_text(end);
	}
	forget();
	return end;
}

/**
 * cmd_check - "kvm-mte check [--json] [VM]"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_check(int argc, char **argv)
{
	bool json;
	int end = take_json_option(argc, argv, &json);

	if (end)
		return end;
	if (optind + 1 < argc)
		return usage_error("check takes one VM: %s", argv[optind + 1]);
	if (!cpu_is_known())
		return END_ERROR;
	return check(optind < argc ? argv[optind] : NULL, json);
}
