/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of "kvm-mte tags" share.
 *
 * tags.c	the command and its options
 * save.c	save: from the device to the stream
 * load.c	load: from the stream to the device
 * incoming.c	load --incoming: waits for the VM and for its memory
 * sure.c	is a load's VM the one that is meant?
 * device.c	/dev/kvm_mte
 * stream.c	the stream's header, and input and output
 * chunk.c	the stream's chunks and its end
 * binding.c	to which file the tags belong
 * ranges.c	lists of ranges of memory
 * crc32.c	checksums
 * progress.c	--progress
 */
#ifndef KVM_MTE_TAGS_H
#define KVM_MTE_TAGS_H

#include <stdint.h>

#include "kvm-mte.h"
#include "../include/tags_uapi.h"

/* The largest number of ranges: more than KVM has memory slots for a VM. */
#define RANGES_MAX	(1 << 20)
/* The largest number of pages in a chunk.  One chunk is in memory at a time. */
#define CHUNK_PAGES	4096
/* The largest memory that one chunk covers, in bytes. */
#define CHUNK_MAX	(1ULL << 40)
/*
 * The largest page of any host.  A chunk ends at a multiple of it or at the end of a range,
 * so that no host has to write a part of a page.
 */
#define ALIGNMENT	0x10000ULL
/* The largest memory for a single call of the kernel, in bytes. */
#define PIECE_MAX	(256ULL << 20)

/* What follows the stream in FILE.tags, in bytes. */
#define BINDING_SIZE	24

/* "kvm-mte migrate" waits for these words, also from another host. */
#define SAYS_WAITS_FOR_END	"waiting until the VM ends"
#define SAYS_WAITS_FOR_VM	"waiting for the VM"
#define SAYS_HELD		"held until its tags are in"
#define SAYS_GONE		"it has ended before the stream came; waiting for another VM"

/**
 * struct ranges - a list of ranges of memory
 * @range: array of ranges
 * @nr: number of ranges
 */
struct ranges {
	struct kvm_mte_range *range;
	size_t nr;
};

/**
 * struct chunk - a part of a range, with all its tags
 * @ipa: first byte
 * @size: in bytes
 * @nr: number of pages in @page
 * @page: pages that have tags, in the order of their IPAs
 */
struct chunk {
	uint64_t ipa;
	uint64_t size;
	uint32_t nr;
	struct kvm_mte_page page[CHUNK_PAGES];
};

/**
 * struct stream - a stream of tags, which is written or read
 * @fd: the file to write to or to read from
 * @pidfd: for reading: end when this process ends; -1 for none
 * @ranges: the memory, from the header
 * @at: index in @ranges of the range that comes next
 * @next: IPA that comes next
 * @chunks: number of chunks so far
 * @pages: number of pages so far
 * @bytes: number of bytes of the stream so far
 * @crc: checksum of all of it so far, without the checksums in it
 * @wire: buffer for a chunk
 * @why: what is wrong; NULL if nothing is
 */
struct stream {
	int fd;
	int pidfd;
	struct ranges ranges;
	size_t at;
	uint64_t next;
	uint64_t chunks;
	uint64_t pages;
	uint64_t bytes;
	uint32_t crc;
	unsigned char *wire;
	char *why;
};

/**
 * struct device - an open /dev/kvm_mte
 * @fd: the file, or -1
 * @vm: its VM; NULL before device_take()
 * @mode: what it was opened for
 * @taken: the kernel has accepted the VM
 * @said: from klog_said()
 */
struct device {
	int fd;
	const struct vm *vm;
	enum kvm_mte_mode mode;
	bool taken;
	size_t said;
};

/**
 * struct progress - what --progress has to know
 * @on: print it
 * @tty: standard error is a terminal
 * @total: size of the memory, in bytes
 * @done: bytes that are done
 * @pages: pages with tags in them
 * @shown: percentage that was printed last; -1 for none
 * @when: time of that, in milliseconds
 */
struct progress {
	bool on;
	bool tty;
	uint64_t total;
	uint64_t done;
	uint64_t pages;
	int shown;
	long long when;
};

/**
 * struct load - what the steps of a load share
 * @which: names the VM on the command line
 * @vms: the VMs
 * @dev: the device, with one of them
 * @slots: its memory slots, sorted
 * @stream: the stream
 * @progress: --progress
 * @chunk: the chunk that is being written
 */
struct load {
	const char *which;
	struct vms vms;
	struct device dev;
	struct ranges slots;
	struct stream stream;
	struct progress progress;
	struct chunk *chunk;
};

/* crc32.c */
uint32_t crc32(uint32_t crc, const void *data, size_t size);

/* ranges.c */
void ranges_sort(struct ranges *ranges);
struct ranges ranges_merge(const struct ranges *sorted);
bool ranges_are_valid(const struct ranges *ranges);
uint64_t piece_size(uint64_t ipa, uint64_t left);
uint64_t ranges_size(const struct ranges *ranges);
bool ranges_differ(const struct ranges *a, const struct ranges *b, uint64_t *ipa);
void ranges_free(struct ranges *ranges);

/* stream.c */
int stream_bad(struct stream *stream, const char *fmt, ...) __printf(2, 3);
int stream_send(struct stream *stream, unsigned char *data, size_t size);
int stream_fetch(struct stream *stream, void *data, size_t size);
int stream_has_ended(struct stream *stream);
int stream_create(struct stream *stream, int fd, const struct ranges *ranges);
int stream_open(struct stream *stream, int fd);
void stream_free(struct stream *stream);
void put_le32(unsigned char *to, uint32_t value);
void put_le64(unsigned char *to, uint64_t value);
uint32_t get_le32(const unsigned char *from);
uint64_t get_le64(const unsigned char *from);

/* chunk.c */
int chunk_put(struct stream *stream, const struct chunk *chunk);
int chunk_put_end(struct stream *stream);
int chunk_get(struct stream *stream, struct chunk *chunk);

/* device.c */
int device_open(struct device *dev, enum kvm_mte_mode mode);
int device_take(struct device *dev, const struct vm *vm);
int device_ranges(struct device *dev, struct ranges *ranges);
int device_ioctl(struct device *dev, unsigned long request, void *argument);
int device_complain(struct device *dev, int err);
void device_close(struct device *dev);

/* binding.c */
bool binding_is_valid(const unsigned char *binding);
int binding_add(const char *tags, const char *file);
int binding_check(const char *tags, const char *file);

/* progress.c */
void progress_begin(struct progress *progress, uint64_t total);
void progress_add(struct progress *progress, uint64_t bytes, uint64_t pages);
void progress_end(struct progress *progress);

/* save.c, load.c, incoming.c */
int tags_save(const char *which, bool at_end, bool progress);
int tags_load(const char *which, bool incoming, bool progress);
int load_failed(struct load *load, int err);
int load_watch(struct load *load);
bool load_fits(const struct load *load);
int load_misfit(struct load *load);
int take_incoming(struct load *load, const char *which);

/* sure.c */
int load_is_sure(struct load *load);
long long libvirt_process(const struct vm *vm, const char *name);

#endif /* KVM_MTE_TAGS_H */
