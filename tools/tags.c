// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte tags: save the tags of a VM's memory, load them, or check what was saved.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tags.h"

static void put_stream(const struct stream *stream)
{
	const struct kvm_mte_range *range;
	size_t i;

	for (i = 0; i < stream->ranges.nr; i++) {
		range = &stream->ranges.range[i];
		printf("range:    %#llx, %llu bytes\n", (unsigned long long)range->ipa,
		       (unsigned long long)range->size);
	}
	printf("memory:   %llu bytes\n", (unsigned long long)ranges_size(&stream->ranges));
	printf("tags:     %llu page%s of %d bytes\n", (unsigned long long)stream->pages,
	       stream->pages == 1 ? "" : "s", KVM_MTE_PAGE_SIZE);
	printf("stream:   %llu bytes, %llu chunk%s\n", (unsigned long long)stream->bytes,
	       (unsigned long long)stream->chunks, stream->chunks == 1 ? "" : "s");
}

static int check(void)
{
	struct chunk *chunk = need(malloc(sizeof(*chunk)));
	struct stream stream = { .pidfd = -1 };
	int got;

	got = stream_open(&stream, STDIN_FILENO);
	if (!got)
		while ((got = chunk_get(&stream, chunk)) > 0)
			;
	if (got)
		complain("%s", stream.why);
	else
		put_stream(&stream);
	stream_free(&stream);
	free(chunk);
	return got ? END_ERROR : END_OK;
}

/**
 * struct options - what was on the command line
 * @at_end: --at-end
 * @incoming: --incoming
 * @progress: --progress
 * @which: names the VM; NULL if there is none
 */
struct options {
	bool at_end;
	bool incoming;
	bool progress;
	const char *which;
};

static int run_save(const struct options *o)
{
	if (isatty(STDOUT_FILENO))
		return usage_error("tags save: stdout is a terminal");
	return tags_save(o->which, o->at_end, o->progress);
}

static int run_load(const struct options *o)
{
	if (isatty(STDIN_FILENO))
		return usage_error("tags load: stdin is a terminal");
	return tags_load(o->which, o->incoming, o->progress);
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "at-end", no_argument, NULL, 'e' },
		{ "incoming", no_argument, NULL, 'i' },
		{ "progress", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'e':
			o->at_end = true;
			break;
		case 'i':
			o->incoming = true;
			break;
		case 'p':
			o->progress = true;
			break;
		default:
			return more_than_help();
		}
	}
	if (optind < argc - 1)
		return usage_error("tags: one VM only: %s", argv[optind + 1]);
	o->which = argv[optind];
	return END_OK;
}

static int run(const char *what, const struct options *o)
{
	bool is_save = !strcmp(what, "save"), is_load = !strcmp(what, "load");

	if (!is_save && !is_load && strcmp(what, "check"))
		return usage_error("tags: not one of save, load, check: %s", what);
	if (o->at_end && !is_save)
		return usage_error("tags %s: no such option: --at-end", what);
	if (o->incoming && !is_load)
		return usage_error("tags %s: no such option: --incoming", what);
	if (is_save || is_load) {
		if (!o->which)
			return usage_error("tags %s: which VM?", what);
		return is_save ? run_save(o) : run_load(o);
	}
	if (o->progress)
		return usage_error("tags check: no such option: --progress");
	if (o->which)
		return usage_error("tags check takes no VM: %s", o->which);
	if (isatty(STDIN_FILENO))
		return usage_error("tags check: stdin is a terminal");
	return check();
}

/**
 * cmd_tags - "kvm-mte tags save|load|check"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_tags(int argc, char **argv)
{
	struct options o = { .which = NULL };
	const char *what;
	int end;

	if (argc < 2)
		return usage_error("tags: save, load or check?");
	what = argv[1];
	argv[1] = argv[0];
	end = parse(argc - 1, argv + 1, &o);
	return end ? end : run(what, &o);
}
