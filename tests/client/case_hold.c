// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM for shell scripts. Prints "ready PID FD", then obeys lines on stdin and answers each
 * with one line:
 *
 *   run          the guest makes hypercalls once         -> run N
 *   spin         the guest makes them until "stop"       -> spin
 *   stop                                                 -> stop N
 *   init         KVM_ARM_VCPU_INIT of every vCPU         -> init
 *   enable 0|1   writes to the VM's knob                 -> enable 0, or enable ERROR
 *   touch        the guest writes to every page          -> touch
 *   tagfill      the guest tags all of its memory        -> tagfill
 *   tagverify    granules that differ from that          -> tagverify N
 *   tagread      granules with a tag                     -> tagread N
 *   unmap        KVM must map all its memory again       -> unmap
 *   idreg        ID_AA64PFR1_EL1.MTE as the guest reads it -> idreg N
 *   gcr          whether GCR_EL1 is UNDEFINED            -> gcr 0|1
 *   within A B   how many of its 4 KiB pages have frame numbers from A to B -> within N
 *   close        ends the VM and keeps its memory        -> close (only "quit" is left then)
 *   quit         or the end of stdin
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

static struct vm *vm;
static pthread_t spinner[GUEST_MAX_VCPUS];
static bool spinning;

static void *spin(void *arg)
{
	vcpu_cmd(arg, CMD_SPIN);
	return NULL;
}

static void start(void)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		vm->vcpu[i].mb->stop = 0;
		pthread_create(&spinner[i], NULL, spin, &vm->vcpu[i]);
	}
	spinning = true;
	printf("spin\n");
}

static void stop(void)
{
	u64 n = 0;
	int i;

	for (i = 0; i < vm->nr_vcpus && spinning; i++) {
		__atomic_store_n(&vm->vcpu[i].mb->stop, 1, __ATOMIC_RELEASE);
		pthread_join(spinner[i], NULL);
		n += vm->vcpu[i].mb->ret[0];
	}
	spinning = false;
	printf("stop %lu\n", n);
}

static void run(void)
{
	unsigned int n = rounds_or(1000);
	u64 sum = 0;
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		sum += vcpu_cmd(&vm->vcpu[i], CMD_HVC, n);
	printf("run %lu\n", sum);
}

static void init(void)
{
	vm_init_all(vm);
	printf("init\n");
}

static void knob(const char *arg)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s\n", arg);

	printf("enable %s\n", errno_name(module_write(vm, "enable", text, n)));
}

static void touch(void)
{
	vm_touch(&vm->vcpu[0]);
	printf("touch\n");
}

static void tagfill(void)
{
	vm_tag_fill(&vm->vcpu[0], opt.seed);
	printf("tagfill\n");
}

static void tagverify(void)
{
	printf("tagverify %lu\n",
	       vcpu_cmd(&vm->vcpu[0], CMD_TAG_VERIFY, GUEST_DATA, vm_data_end(vm), opt.seed));
}

static void tagread(void)
{
	printf("tagread %lu\n", vcpu_cmd(&vm->vcpu[0], CMD_TAG_READ, GUEST_DATA, vm_data_end(vm)));
}

static void unmap(void)
{
	/* The pages stay; KVM is told by its MMU notifier. */
	if (mprotect(vm->data, vm->data_size, PROT_NONE) ||
	    mprotect(vm->data, vm->data_size, PROT_READ | PROT_WRITE))
		die("mprotect: %s", errno_name(errno));
	printf("unmap\n");
}

static void idreg(void)
{
	printf("idreg %lu\n", guest_pfr1(&vm->vcpu[0]) >> PFR1_MTE_SHIFT & 0xf);
}

static void gcr(void)
{
	vcpu_cmd(&vm->vcpu[0], CMD_MTE_GET);
	printf("gcr %lu\n", vm->vcpu[0].mb->ret[MTE_REGS]);
}

static void within(const char *arg)
{
	unsigned long *pfn = calloc(vm->data_size / 4096, sizeof(long)), first, last;
	size_t n = mem_pfns(vm->data, vm->data_size, pfn), i, found = 0;

	if (sscanf(arg, "%lu %lu", &first, &last) != 2)
		die("within: two page frame numbers");
	for (i = 0; i < n; i++)
		found += pfn[i] >= first && pfn[i] <= last;
	free(pfn);
	printf("within %zu\n", found);
}

static void close_vm(void)
{
	/* The mapping stays until the process ends. */
	vm->data = NULL;
	vm_destroy(vm);
	vm = NULL;
	printf("close\n");
}

static const struct {
	const char *word;
	void (*fn)(void);
	bool also_spinning;
} words[] = {
	{ "run", run },
	{ "spin", start },
	{ "stop", stop, true },
	{ "init", init },
	{ "touch", touch },
	{ "tagfill", tagfill },
	{ "tagverify", tagverify },
	{ "tagread", tagread },
	{ "unmap", unmap },
	{ "idreg", idreg },
	{ "gcr", gcr },
	{ "close", close_vm },
};

static void obey(const char *line)
{
	size_t i;

	if (!vm) {
		printf("closed\n");
		return;
	}
	if (!strncmp(line, "enable ", 7)) {
		knob(line + 7);
		return;
	}
	if (!strncmp(line, "within ", 7)) {
		within(line + 7);
		return;
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(line, words[i].word))
			continue;
		if (spinning && !words[i].also_spinning)
			printf("busy\n");
		else
			words[i].fn();
		return;
	}
	printf("unknown\n");
}

CASE(hold,
     "no points: keeps a VM and obeys lines on stdin")
{
	char line[128];

	vm = vm_ready(opt.vcpus);
	printf("ready %d %d\n", getpid(), vm->fd);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, "quit"))
			break;
		obey(line);
		fflush(stdout);
	}
	if (spinning)
		stop();
	if (vm)
		vm_destroy(vm);
	return 0;
}
