// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/kvm_mte for a machine that has none: a library to be preloaded, which answers the
 * ioctls as include/tags_uapi.h says, and is strict about what it is asked.  A request that
 * breaks the contract fails with EDOM.
 *
 * TAGDEV_VMS is the directory of the VMs' directories.  TAGDEV_LOG is the kernel's log.
 * TAGDEV is a directory with files:
 * slots	the memory slots, "IPA SIZE" a line
 * peer		the process that listens at each socket; without this file the kernel says so
 * tags		the tags, "page IPA TAGS" a line, as tagstream.py prints them
 * fail		"NR ERRNO N": the Nth ioctl with this number fails (N is 0: each), and the log gets
 *		a line; if ERRNO is 0, the ioctl does nothing
 * kvm		1 or 0: has KVM guest MTE itself?
 * calls	is written: all ioctls
 * written	is written: the tags
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/kvm.h>

#include "../include/tags_uapi.h"

#define UNIT	0x10000ULL
#define TEXT	8192

static char vm[56], slots_at_open[TEXT];
static int calls[16], vm_fd;

static FILE *file(const char *name, const char *mode)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("TAGDEV"), name);
	return fopen(path, mode);
}

static FILE *vm_file(const char *name, const char *mode)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s", getenv("TAGDEV_VMS"), vm, name);
	return fopen(path, mode);
}

static void vm_word(const char *name, char *word)
{
	FILE *f = vm_file(name, "r");

	*word = '\0';
	if (f && !fgets(word, 16, f))
		*word = '\0';
	if (f)
		fclose(f);
}

static void set_hold(const char *word)
{
	FILE *f = vm_file("hold", "w");

	if (f) {
		fputs(word, f);
		fclose(f);
	}
}

static void slots_text(char *text)
{
	FILE *f = file("slots", "r");

	text[f ? fread(text, 1, TEXT - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
}

/* Calls @each for each slot until it returns true. */
static unsigned int slots(int (*each)(__u64 ipa, __u64 size, void *data), void *data)
{
	unsigned long long ipa, size;
	unsigned int nr = 0;
	char text[TEXT], *p = text;
	int len;

	slots_text(text);
	for (; sscanf(p, "%llx %llx\n%n", &ipa, &size, &len) == 2; p += len, nr++) {
		if (each && each(ipa, size, data))
			return -1;
	}
	return nr;
}

static int contains(__u64 ipa, __u64 size, void *data)
{
	const __u64 *part = data;

	if (part[0] % UNIT && part[0] != ipa)
		return 0;
	if ((part[0] + part[1]) % UNIT && part[0] + part[1] != ipa + size)
		return 0;
	return part[1] && part[0] >= ipa && part[1] <= size && part[0] - ipa <= size - part[1];
}

static int is_in_a_slot(__u64 ipa, __u64 size)
{
	__u64 part[] = { ipa, size };

	return slots(contains, part) == -1U;
}

static int copy(__u64 ipa, __u64 size, void *data)
{
	struct kvm_mte_range **to = data;

	*(*to)++ = (struct kvm_mte_range){ ipa, size };
	return 0;
}

static int do_open(const struct kvm_mte_open *o)
{
	char state[16], hold[16];

	if (*vm)
		return -EEXIST;
	strcpy(vm, o->vm);
	vm_word("state", state);
	vm_word("hold", hold);
	slots_text(slots_at_open);
	if (!*state || !strncmp(state, "off", 3) || (o->mode == KVM_MTE_LOAD && *hold != '1')) {
		*vm = '\0';
		return !*state ? -ENOENT : !strncmp(state, "off", 3) ? -EINVAL : -EBUSY;
	}
	if (o->mode >= KVM_MTE_LOAD)
		set_hold("1\n");
	return o->reserved ? -EDOM : 0;
}

static int do_ranges(struct kvm_mte_ranges *r)
{
	struct kvm_mte_range *to = (void *)(unsigned long)r->ranges;
	unsigned int nr = slots(NULL, NULL);

	if (nr <= r->max)
		slots(copy, &to);
	r->nr = nr;
	return 0;
}

static void tags_of(const char *hex, __u8 *tags)
{
	unsigned int i, byte;

	for (i = 0; i < KVM_MTE_PAGE_TAGS; i++)
		tags[i] = sscanf(hex + 2 * i, "%2x", &byte) == 1 ? byte : 0;
}

/* Reads whole units of 64 KiB: stops where the next might not have room. */
static int do_read(struct kvm_mte_read *r)
{
	struct kvm_mte_page *page = (void *)(unsigned long)r->pages;
	__u64 end = r->ipa + r->size;
	unsigned long long ipa;
	FILE *f = file("tags", "r");
	char hex[2 * KVM_MTE_PAGE_TAGS + 1];
	unsigned int unit = 0;

	if (!is_in_a_slot(r->ipa, r->size) || r->max < 16)
		return -EDOM;
	r->nr = 0;
	while (f && fscanf(f, "page %llx %256s\n", &ipa, hex) == 2) {
		if (ipa < r->ipa || ipa >= end)
			continue;
		if (!r->nr || page[r->nr - 1].ipa / UNIT != ipa / UNIT)
			unit = r->nr;
		if (r->nr == r->max) {
			r->nr = unit;
			end = ipa & ~(UNIT - 1);
			break;
		}
		page[r->nr].ipa = ipa;
		tags_of(hex, page[r->nr++].tags);
	}
	if (f)
		fclose(f);
	r->size -= end - r->ipa;
	r->ipa = end;
	return 0;
}

static int do_write(const struct kvm_mte_write *w)
{
	const struct kvm_mte_page *page = (void *)(unsigned long)w->pages;
	FILE *f = file("written", "a");
	__u64 least = w->ipa;
	unsigned int i, j;

	if (!is_in_a_slot(w->ipa, w->size) || w->reserved || !f)
		return -EDOM;
	for (i = 0; i < w->nr; i++) {
		if (page[i].ipa < least || page[i].ipa >= w->ipa + w->size)
			return -EDOM;
		least = page[i].ipa + KVM_MTE_PAGE_SIZE;
		fprintf(f, "page %#llx ", page[i].ipa);
		for (j = 0; j < KVM_MTE_PAGE_TAGS; j++)
			fprintf(f, "%02x", page[i].tags[j]);
		putc('\n', f);
	}
	fclose(f);
	return 0;
}

static int do_call(unsigned int nr, void *argument)
{
	char now[TEXT];

	if (nr == 0)
		return do_open(argument);
	slots_text(now);
	if (!*vm || strcmp(now, slots_at_open))
		return *vm ? -ESTALE : -ENOTCONN;
	switch (nr) {
	case 1:
		return do_ranges(argument);
	case 2:
		return do_read(argument);
	case 3:
		return do_write(argument);
	case 4:
		set_hold("0\n");
		return 0;
	}
	return -ENOTTY;
}

static void log_call(unsigned int nr, const void *argument)
{
	const struct kvm_mte_open *o = argument;
	const struct kvm_mte_read *r = argument;
	FILE *f = file("calls", "a");

	if (!f)
		return;
	if (nr == 0)
		fprintf(f, "open %s %u\n", o->vm, o->mode);
	else if (nr == 2 || nr == 3)
		fprintf(f, "%s %#llx %#llx\n", nr == 2 ? "read" : "write", r->ipa, r->size);
	else
		fprintf(f, "%s\n", nr == 1 ? "ranges" : "release");
	fclose(f);
}

/* Returns 1 if the ioctl does nothing. */
static int fault(unsigned int nr, const struct kvm_mte_open *o)
{
	FILE *f = file("fail", "r");
	int which = -1, err = 0, n = 0;

	calls[nr]++;
	if (f) {
		if (fscanf(f, "%d %d %d", &which, &err, &n) != 3)
			which = -1;
		fclose(f);
	}
	if ((int)nr != which || (n && calls[nr] != n))
		return 0;
	f = err ? fopen(getenv("TAGDEV_LOG"), "a") : NULL;
	if (f) {
		fprintf(f, "[    1.0] kvm_mte: %s: words about %d\n", nr ? vm : o->vm, err);
		fclose(f);
	}
	return -err ?: 1;
}

/* Returns -1 if KVM itself must be asked. */
static int kvm_answer(unsigned long request)
{
	FILE *f = request == KVM_CHECK_EXTENSION ? file("kvm", "r") : NULL;
	int has = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &has) != 1)
		has = -1;
	fclose(f);
	return has;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int fd, unsigned long request, ...) = dlsym(RTLD_NEXT, "ioctl");
	unsigned int nr = _IOC_NR(request);
	void *argument;
	va_list args;
	int err;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (kvm_answer(request) >= 0)
		return kvm_answer(request);
	if (_IOC_TYPE(request) != KVM_MTE_IOC || nr > 4)
		return next(fd, request, argument);
	log_call(nr, argument);
	err = fault(nr, argument) ?: do_call(nr, argument);
	if (nr == 0 && !err)
		vm_fd = fd;
	errno = err < 0 ? -err : 0;
	return err < 0 ? -1 : 0;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	int (*next)(int fd, int level, int name, void *value, socklen_t *size) =
		dlsym(RTLD_NEXT, "getsockopt");
	int err = next(fd, level, name, value, size);
	FILE *f = name == SO_PEERCRED ? file("peer", "r") : NULL;

	if (!f)
		return err;
	if (fscanf(f, "%d", &((struct ucred *)value)->pid) != 1)
		err = -1;
	fclose(f);
	return err;
}

int close(int fd)
{
	int (*next)(int fd) = dlsym(RTLD_NEXT, "close");

	if (*vm && fd == vm_fd)
		*vm = '\0';
	return next(fd);
}
