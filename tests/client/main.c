// SPDX-License-Identifier: GPL-2.0
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

static const struct test_case {
	const char *name;
	int (*run)(void);
	const char *catches;
} cases[] = {
	{ "idreg", case_idreg,
	  "a guest or VMM shown the wrong ID_AA64PFR1_EL1.MTE, or able to change it" },
	{ "mteregs", case_mteregs,
	  "GCR, RGSR, TFSR, TFSRE0 missing from or left in a vCPU's registers" },
	{ "regdump", case_regdump,
	  "no points: prints all registers of a fresh vCPU, to be compared" },
	{ "reset", case_reset,
	  "MTE registers that survive a vCPU's reset, or come from another vCPU" },
	{ "tagfill", case_tagfill,
	  "tags that do not stay; leaves tagged pages to the host" },
	{ "tagread", case_tagread,
	  "a new VM that reads tags of earlier owners" },
	{ "stale", case_stale,
	  "tags that go from VM or process to VM or process with the page" },
	{ "give", case_give,
	  "tags in pages that one guest gives up and another gets, or lost in those it keeps" },
	{ "cow", case_cow,
	  "tags lost, or not the guest's own, where the VMM forks, or in the zero pages" },
	{ "uffd", case_uffd,
	  "old tags in, or tags lost from, pages that userfaultfd places" },
	{ "reuse", case_reuse,
	  "tags of the last owner in hugetlb pages that are mapped, or copied to, in part" },
	{ "remap", case_remap,
	  "tags of others in a page that the VMM replaces during a permission fault" },
	{ "copyhang", case_copyhang,
	  "a vCPU that waits for as long as KVM_ARM_MTE_COPY_TAGS does; needs two CPUs" },
	{ "unread", case_unread,
	  "tags lost by a swapoff while memory is PROT_NONE; the host must have swap space" },
	{ "ksm", case_ksm,
	  "pages merged though they have tags, or tags that merged pages share" },
	{ "late", case_late,
	  "tags of earlier owners in the memory of a VM that gets MTE at its reboot" },
	{ "huge", case_huge,
	  "tags lost, or tags of others, where huge pages are split, built or mapped anew" },
	{ "swap", case_swap,
	  "tags lost in swap; the host must have swap space" },
	{ "press", case_press,
	  "tags or words lost while the host squeezes and moves the guest's memory" },
	{ "writeback", case_writeback,
	  "tags lost in pages that zswap has written back; the host must have a swap disk" },
	{ "visible", case_visible,
	  "tags or data lost or stale around the guest's MMU being off" },
	{ "tagcheck", case_tagcheck,
	  "tag checks that do not fault, or fault wrongly, at EL1 and EL0" },
	{ "dcgsw", case_dcgsw,
	  "tag cache maintenance by set/way that is UNDEFINED with MTE" },
	{ "tco", case_tco,
	  "exceptions injected with the wrong PSTATE.TCO" },
	{ "switch", case_switch,
	  "MTE registers mixed up between vCPUs, VMs and host on one CPU" },
	{ "slots", case_slots,
	  "memory that cannot hold tags accepted, or good memory refused" },
	{ "slip", case_slip,
	  "such memory mapped into a slot afterwards and given to the guest" },
	{ "life", case_life,
	  "the knob's states: before the first run, pending, after the guest's reboot" },
	{ "undo", case_undo,
	  "the knob's states: undone, turned off, partly rebooted guests; stats" },
	{ "firstrun", case_firstrun,
	  "what a first KVM_RUN that failed half way leaves in a VM which is then turned on or off" },
	{ "vgicbusy", case_vgicbusy,
	  "ioctls of the VMM's that fail because the VM is turned on and off meanwhile" },
	{ "newvcpu", case_newvcpu,
	  "a vCPU that is created while the VM is turned off, and keeps MTE" },
	{ "hammer", case_hammer,
	  "crashes of the ioctls while hooks come and go" },
	{ "hammerfd", case_hammerfd,
	  "tags cleared under an owner where VMs and a PROT_MTE process share memory" },
	{ "run", case_run,
	  "a guest that does not run at all" },
	{ "badio", case_badio,
	  "bad writes to the knob that change something or get the wrong error" },
	{ "cap", case_cap,
	  "KVM_CAP_ARM_MTE answered or enabled otherwise than mainline and the policy say" },
	{ "caprace", case_caprace,
	  "it enabled while a vCPU is made, or half" },
	{ "copytags", case_copytags,
	  "KVM_ARM_MTE_COPY_TAGS: wrong errors, wrong tags, half copies" },
	{ "copyslots", case_copyslots,
	  "the same at the edges of slots, in holes, read-only, device and file memory" },
	{ "save", case_save,
	  "tags or registers that a VMM cannot read out; leaves them in --file" },
	{ "restore", case_restore,
	  "tags or registers that a new VM does not get back from --file" },
	{ "fuzz", case_fuzz,
	  "the three ioctls with random input, against slots and mappings that come and go" },
	{ "starts", case_starts,
	  "VMs that live for milliseconds, as QEMU makes at each start" },
	{ "dirtylog", case_dirtylog,
	  "VMMs that log dirty memory but do not know of its tags, not counted or counted wrongly" },
	{ "ask", case_ask,
	  "no points: prints what a VMM is told of guest MTE" },
	{ "offered", case_offered,
	  "no points: prints what KVM_CHECK_EXTENSION says on /dev/kvm, asked --rounds times" },
	{ "linger", case_linger,
	  "no points: likewise by a process whose first thread has ended, for each line on stdin" },
	{ "uevents", case_uevents,
	  "no points: counts uevents and obeys lines on stdin" },
	{ "aarch32", case_aarch32,
	  "32-bit vCPUs in a VM with MTE" },
	{ "nested", case_nested,
	  "vCPUs for nested virtualization in a VM with MTE" },
	{ "hold", case_hold,
	  "no points: keeps a VM and obeys lines on stdin" },
	{ "stuck", case_stuck,
	  "no points: waits in ioctls for ever, as it is told on stdin" },
	{ "share", case_share,
	  "no points: likewise for VMs that are hard to find" },
	{ "bench", case_bench,
	  "no points: prints what guests cost on this host, see tests/bench" },
	{ "benchload", case_benchload,
	  "no points: prints what loading and unloading --file costs" },
	{ "hostmte", case_hostmte,
	  "guests that disturb a host process which uses MTE, until stdin ends" },
};

static void usage(void)
{
	fprintf(stderr,
		"usage: client list | client NAME [options]\n"
		"  --enable=none|cap|sysfs|late  how to turn MTE on (none); late: by sysfs, vCPUs are there\n"
		"  --expect=on|off          whether guests have MTE, if not as --enable says\n"
		"  --mem=KIND               anon4k thp anon-shared memfd memfd-private hugetlb2m\n"
		"                           hugetlb2m-shared hugetlb2m-memfd hugetlb1g hugetlb64k\n"
		"                           hugetlb32m private-file shared-file\n"
		"  --policy=request|on|off  what the host's policy is for us (request)\n"
		"  --file=PATH              for save, restore\n"
		"  --span=N[K|M|G]          use only so much of the memory, half at each end (all)\n"
		"  --with=WORD[,WORD...]    what the host does meanwhile: compact move pageout swapoff ksm\n"
		"                           split offline\n"
		"  --block=memoryN          what goes offline then, and on again\n"
		"  --proof=COUNTER:N[,...]  what must have been counted by the end: words of\n"
		"                           /proc/vmstat, zswap.FILE, ksm.FILE\n"
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
	size_t i, n = sizeof(cases) / sizeof(cases[0]);

	if (argc < 2)
		usage();
	if (!strcmp(argv[1], "list")) {
		for (i = 0; i < n; i++)
			printf("%-10s %s\n", cases[i].name, cases[i].catches);
		return 0;
	}
	parse(argc - 1, argv + 1);
	for (i = 0; i < n; i++)
		if (!strcmp(argv[1], cases[i].name))
			return cases[i].run() || checks_failed();
	usage();
}
