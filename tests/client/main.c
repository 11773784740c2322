// SPDX-License-Identifier: GPL-2.0-only
/* A small VMM for exact cases of guest MTE. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

struct options opt = {
	.mem = MEM_ANON4K,
	.size = 16UL << 20,
	.threads = 4,
	.vcpus = 1,
	.seed = 1,
	.file = "/tmp/saved",
};

/* Of the section "cases": see CASE(). */
extern const struct test_case *const __start_cases[], *const __stop_cases[];

static void usage(void)
{
	fprintf(stderr,
		"usage: client list | client NAME [options]\n"
		"  --enable=none|cap|sysfs|late  how to turn MTE on (none); late: by sysfs, vCPUs are there\n"
		"  --expect=on|off          whether guests have MTE, if not as --enable says\n"
		"  --mem=KIND               anon4k thp anon-shared memfd memfd-private hugetlb2m\n"
		"                           hugetlb2m-shared hugetlb2m-memfd hugetlb1g hugetlb64k\n"
		"                           hugetlb32m private-file shared-file\n"
		"  --policy=request|on|off  the host's policy for this process (request)\n"
		"  --file=PATH              for save, restore, remapfile, benchload\n"
		"  --span=N[K|M|G]          use only so much of the memory, half at each end (all)\n"
		"  --with=WORD[,WORD...]    what the host does meanwhile: compact move pageout swapoff ksm\n"
		"                           split offline\n"
		"  --block=memoryN          the memory block that goes offline and online again\n"
		"  --proof=COUNTER:N[,...]  counters that must have grown by N at the end: words of\n"
		"                           /proc/vmstat, zswap.FILE, frontswap.FILE, ksm.FILE\n"
		"  --size=N[K|M|G]  --rounds=N  --threads=N  --vcpus=N  --seed=N  --cpu=N\n");
	exit(2);
}

static unsigned long number(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 0);

	switch (*end) {
	case 'G':
		n <<= 10;
		/* fall through */
	case 'M':
		n <<= 10;
		/* fall through */
	case 'K':
		n <<= 10;
		end++;
	}
	if (end == s || *end)
		usage();
	return n;
}

static int choice(const char *s, const char *const *words)
{
	int i;

	for (i = 0; words[i]; i++)
		if (!strcmp(s, words[i]))
			return i;
	usage();
	return -1;
}

static const char *const enable_words[] = { "none", "cap", "sysfs", "late", NULL };
static const char *const policy_words[] = { "request", "on", "off", NULL };
static const char *const expect_words[] = { "off", "on", NULL };

enum {
	O_ENABLE, O_EXPECT, O_POLICY, O_MEM, O_SIZE, O_ROUNDS, O_THREADS, O_VCPUS, O_SEED, O_CPU,
	O_FILE, O_WITH, O_PROOF, O_SPAN, O_BLOCK
};

static const struct option long_options[] = {
	{ "enable", required_argument, NULL, O_ENABLE },
	{ "expect", required_argument, NULL, O_EXPECT },
	{ "policy", required_argument, NULL, O_POLICY },
	{ "file", required_argument, NULL, O_FILE },
	{ "mem", required_argument, NULL, O_MEM },
	{ "size", required_argument, NULL, O_SIZE },
	{ "rounds", required_argument, NULL, O_ROUNDS },
	{ "threads", required_argument, NULL, O_THREADS },
	{ "vcpus", required_argument, NULL, O_VCPUS },
	{ "seed", required_argument, NULL, O_SEED },
	{ "cpu", required_argument, NULL, O_CPU },
	{ "block", required_argument, NULL, O_BLOCK },
	{ "span", required_argument, NULL, O_SPAN },
	{ "with", required_argument, NULL, O_WITH },
	{ "proof", required_argument, NULL, O_PROOF },
	{ }
};

static void set_memory(const char *s)
{
	int kind = mem_kind(s);

	if (kind < 0)
		usage();
	opt.mem = kind;
}

static void set_churn(char *s)
{
	char *word;

	for (word = strtok(s, ","); word; word = strtok(NULL, ","))
		opt.churn |= 1u << choice(word, churn_words);
}

static void parse_one(int o, int *expect)
{
	switch (o) {
	case O_ENABLE:
		opt.enable = choice(optarg, enable_words);
		break;
	case O_EXPECT:
		*expect = choice(optarg, expect_words);
		break;
	case O_POLICY:
		opt.policy = choice(optarg, policy_words);
		break;
	case O_FILE:
		opt.file = optarg;
		break;
	case O_MEM:
		set_memory(optarg);
		break;
	case O_SIZE:
		opt.size = number(optarg);
		break;
	case O_ROUNDS:
		opt.rounds = number(optarg);
		break;
	case O_THREADS:
		opt.threads = number(optarg);
		break;
	case O_VCPUS:
		opt.vcpus = number(optarg);
		break;
	case O_SEED:
		opt.seed = number(optarg);
		break;
	case O_CPU:
		opt.cpu = number(optarg);
		break;
	case O_BLOCK:
		opt.block = optarg;
		break;
	case O_SPAN:
		opt.span = number(optarg);
		break;
	case O_WITH:
		set_churn(optarg);
		break;
	case O_PROOF:
		opt.proof = optarg;
		break;
	default:
		usage();
	}
}

static void parse(int argc, char **argv)
{
	int o, expect = -1;

	while ((o = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_one(o, &expect);
	if (optind != argc || !opt.size || opt.size % 4096 ||
	    opt.span % 8192 || opt.span > opt.size || opt.size > GUEST_DATA_MAX ||
	    !opt.vcpus || opt.vcpus > GUEST_MAX_VCPUS || !opt.threads)
		usage();
	opt.on = opt.enable != ENABLE_NONE || opt.policy == POLICY_ON;
	if (expect >= 0)
		opt.on = expect;
}

int main(int argc, char **argv)
{
	const struct test_case *const *c;

	if (argc < 2)
		usage();
	if (!strcmp(argv[1], "list")) {
		for (c = __start_cases; c < __stop_cases; c++)
			printf("%-10s %s\n", (*c)->name, (*c)->catches);
		return 0;
	}
	parse(argc - 1, argv + 1);
	for (c = __start_cases; c < __stop_cases; c++)
		if (!strcmp(argv[1], (*c)->name))
			return (*c)->run() || checks_failed();
	usage();
}
