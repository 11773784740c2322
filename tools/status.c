// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte status: what the module does on this host; if it is not loaded, why_not().
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

static const char * const states[] = { "on", "turning-on", "turning-off", "off" };
static const char * const repairs[] = {
	"thp_split", "block_collapse", "hugetlb_reuse", "hugetlb_partial", "remap_race",
	"swapoff_unreadable", "copy_tags_hang", "device_slots",
	"hugetlb_slots",
};

static const char * const lists[] = { "on", "request", "off" };

static void get(char *word, size_t size, const char *dir, const char *file)
{
	char *path = below_root(MTE_DIR "/%s%s", dir, file);

	if (read_word(AT_FDCWD, path, word, size))
		strcpy(word, "unknown");
	free(path);
}

static int count_lines(const char *list, const char *of)
{
	char *text = read_all(below_root(MTE_POLICY "/%s_%s", list, of), NULL);
	const char *p = text;
	int n = 0;

	while (p && (p = strchr(p, '\n'))) {
		n++;
		p++;
	}
	free(text);
	return n;
}

static void put_policy(void)
{
	char word[16];
	size_t i;
	int n;

	get(word, sizeof(word), "policy/", "default");
	printf("policy:   %s", word);
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		n = count_lines(lists[i], "pids");
		if (n)
			printf("; %s for %d process%s and children", lists[i], n,
			       n > 1 ? "es" : "");
		n = count_lines(lists[i], "cgroups");
		if (n)
			printf("; %s for %d cgroup%s", lists[i], n, n > 1 ? "s" : "");
	}
	putchar('\n');
}

/* The number of VMs in each state, as in states[], and of those with untracked migrations. */
struct counts {
	size_t all;
	size_t in_state[ARRAY_SIZE(states)];
	size_t untracked;
};

static bool count_vms(struct counts *counts)
{
	struct vms vms;
	size_t i, j;
	int err = vms_read(&vms);

	memset(counts, 0, sizeof(*counts));
	counts->all = vms.nr;
	for (j = 0; j < vms.nr; j++) {
		for (i = 0; i < ARRAY_SIZE(states); i++)
			counts->in_state[i] += !strcmp(vms.vm[j].state, states[i]);
		counts->untracked += vms.vm[j].untracked > 0;
	}
	vms_free(&vms);
	return !err;
}

static void put_vms(void)
{
	const char *before = ": ";
	struct counts counts;
	size_t i;

	if (!count_vms(&counts))
		return;
	printf("VMs:      %zu", counts.all);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		if (!counts.in_state[i])
			continue;
		printf("%s%zu %s", before, counts.in_state[i], states[i]);
		before = ", ";
	}
	putchar('\n');
	if (counts.untracked)
		printf("warning:  %zu migrated or saved by a VMM that does not carry the tags; see the kernel log\n",
		       counts.untracked);
}

static void put_repairs(void)
{
	char word[16];
	size_t i;

	fputs("repairs:  ", stdout);
	for (i = 0; i < ARRAY_SIZE(repairs); i++) {
		get(word, sizeof(word), "repairs/", repairs[i]);
		printf("%s%s %s", i ? ", " : "", repairs[i], word);
	}
	putchar('\n');
}

static void put_module(const struct build *loaded)
{
	struct build other;
	bool there = build_installed(&other);

	printf("module:   loaded, version %s; ", loaded->version ?: "unknown");
	if (there)
		printf("installed, version %s\n", other.version ?: "unknown");
	else
		puts("not installed for this kernel");
	if (there && builds_differ(loaded, &other) == YES)
		printf("reload:   due: another build is installed (srcversion %s, loaded %s); when no VM needs the module: rmmod kvm_mte && modprobe kvm_mte\n",
		       other.srcversion ?: "unknown", loaded->srcversion ?: "unknown");
	build_free(&other);
}

static void put_text(void)
{
	struct build loaded;
	char backend[16];

	build_loaded(&loaded);
	put_module(&loaded);
	build_free(&loaded);
	get(backend, sizeof(backend), "", "backend");
	printf("backend:  %s\n", backend);
	put_policy();
	put_vms();
	put_repairs();
}

static void put_build(const struct build *build)
{
	fputs("\"version\": ", stdout);
	put_json(stdout, build->version);
	fputs(", \"srcversion\": ", stdout);
	put_json(stdout, build->srcversion);
}

static void put_word(const char *name, const char *dir, const char *file)
{
	char word[32];

	get(word, sizeof(word), dir, file);
	printf("\"%s\": ", name);
	put_json(stdout, word);
}

static void put_lists_json(void)
{
	size_t i;

	fputs(",\n \"lists\": {", stdout);
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		printf("%s\"%s\": {\"processes\": %d, \"cgroups\": %d}", i ? ", " : "", lists[i],
		       count_lines(lists[i], "pids"), count_lines(lists[i], "cgroups"));
	putchar('}');
}

static void put_vms_json(void)
{
	struct counts counts;
	size_t i;

	count_vms(&counts);
	fputs(",\n \"vms\": {", stdout);
	for (i = 0; i < ARRAY_SIZE(states); i++)
		printf("%s\"%s\": %zu", i ? ", " : "", states[i], counts.in_state[i]);
	printf("}, \"untracked\": %zu", counts.untracked);
}

static void put_loaded_json(const struct build *loaded, enum tribool differ)
{
	size_t i;

	fputs(",\n ", stdout);
	put_build(loaded);
	printf(", \"reload_due\": %s,\n ",
	       differ == YES ? "true" : differ == NO ? "false" : "null");
	put_word("backend", "", "backend");
	fputs(", ", stdout);
	put_word("policy", "policy/", "default");
	fputs(", ", stdout);
	put_word("migration", "policy/", "migration");
	put_lists_json();
	put_vms_json();
	fputs(",\n \"repairs\": {", stdout);
	for (i = 0; i < ARRAY_SIZE(repairs); i++) {
		fputs(i ? ", " : "", stdout);
		put_word(repairs[i], "repairs/", repairs[i]);
	}
	puts("}}");
}

static int put_json_status(void)
{
	struct build loaded = { NULL, NULL }, other;
	bool there = build_installed(&other);

	printf("{\"loaded\": %s, \"installed\": ", is_loaded() ? "true" : "false");
	if (there) {
		putchar('{');
		put_build(&other);
		putchar('}');
	} else {
		fputs("null", stdout);
	}
	if (!is_loaded()) {
		build_free(&other);
		return why_not(true);
	}
	build_loaded(&loaded);
	put_loaded_json(&loaded, there ? builds_differ(&loaded, &other) : NO);
	build_free(&loaded);
	build_free(&other);
	return END_OK;
}

/**
 * cmd_status - "kvm-mte status [--json]"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_status(int argc, char **argv)
{
	bool json;
	int end = take_json_option(argc, argv, &json);

	if (end)
		return end;
	if (optind < argc)
		return usage_error("status takes no argument: %s", argv[optind]);
	if (!is_loaded() && !cpu_is_known())
		return END_ERROR;
	if (json)
		return put_json_status();
	if (!is_loaded())
		return why_not(false);
	put_text();
	return END_OK;
}
