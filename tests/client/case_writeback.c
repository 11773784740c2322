// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that zswap keeps and then writes to the disk. They come to the swap cache decompressed,
 * not read from the disk, and from there to the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "swapping.h"

#define PAGE		HOST_PAGE
#define JUNK		(1UL << 20)
#define TRIES		1000
#define ZSWAP		"/sys/module/zswap/parameters/"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die("%s: %s", path, errno_name(errno));
	close(fd);
}

/* When a page comes to a full pool, zswap writes an old one back. */
static void write_back(long want)
{
	char *junk = mmap(NULL, JUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long before = counter("zswap.written_back_pages"), now = 0;
	size_t at;
	int i;

	if (junk == MAP_FAILED)
		die("out of memory");
	set(ZSWAP "max_pool_percent", "0");
	for (i = 0; i < TRIES && now < want; i++) {
		for (at = 0; at < JUNK; at += PAGE) {
			junk[at] = i;
			madvise(junk + at, PAGE, MADV_PAGEOUT);
		}
		now = counter("zswap.written_back_pages") - before;
	}
	munmap(junk, JUNK);
	diag("zswap has written back %ld pages", now);
	ok(now >= want, "zswap writes pages back");
}

CASE(writeback,
     "tags lost in pages that zswap has written back; the host must have a swap disk")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	long out, read, loaded, before;

	set("/proc/sys/vm/page-cluster", "0");
	set(ZSWAP "max_pool_percent", "20");
	set(ZSWAP "enabled", "1");
	vcpu_cmd(v, CMD_PRESS_FILL, GUEST_DATA, vm_data_end(v->vm), opt.seed, 1);
	before = counter("zswap.stored_pages");
	out = page_out(v->vm);
	ok(counter("zswap.stored_pages") - before > out / 2, "zswap has most of it");
	write_back(out / 4);

	read = counter("pswpin");
	loaded = counter("frontswap.loads");
	is(vcpu_cmd(v, CMD_PRESS_VERIFY, GUEST_DATA, vm_data_end(v->vm), opt.seed, 1), 0,
	   "written back: wrong tags");
	is(v->mb->ret[1], 0, "written back: wrong words");
	is(in_swap(v->vm), 0, "all pages are back");
	read = counter("pswpin") - read;
	loaded = counter("frontswap.loads") - loaded;
	diag("of %ld pages %ld were read, %ld came from zswap", out, read, loaded);
	ok(out - read - loaded > 0, "some were neither read nor loaded: they came from the swap cache");
	vm_destroy(v->vm);
	return 0;
}
