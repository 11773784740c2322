// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte status: what the module does on this host; if it is not loaded, why_not().
 */
#include <errno.h>
#include <fcntl.h>
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

static void put_vms(void)
{
	size_t i, j, in_state, untracked = 0;
	const char *before = ": ";
	struct vms vms;

	if (vms_read(&vms)) {
		vms_free(&vms);
		return;
	}
	printf("VMs:      %zu", vms.nr);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		for (in_state = j = 0; j < vms.nr; j++)
			in_state += !strcmp(vms.vm[j].state, states[i]);
		if (!in_state)
			continue;
		printf("%s%zu %s", before, in_state, states[i]);
		before = ", ";
	}
	putchar('\n');
	for (j = 0; j < vms.nr; j++)
		untracked += vms.vm[j].untracked > 0;
	if (untracked)
		printf("warning:  %zu migrated or saved by a VMM that does not carry the tags; see the kernel log\n",
		       untracked);
	vms_free(&vms);
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

/**
 * cmd_status - "kvm-mte status"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_status(int argc, char **argv)
{
	char version[32], backend[16];

	if (argc > 1)
		return usage_error("status takes no argument: %s", argv[1]);
	if (!is_loaded())
		return why_not();
	get(version, sizeof(version), "", "version");
	get(backend, sizeof(backend), "", "backend");
	printf("module:   loaded, version %s\nbackend:  %s\n", version, backend);
	put_policy();
	put_vms();
	put_repairs();
	return END_OK;
}
