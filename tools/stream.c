// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stream of a VM's tags, version 1.
 *
 * All numbers are little-endian.  Nothing is padded.  Sizes and addresses are in bytes.  A
 * page has 4096 bytes on all hosts.  Checksums are CRC-32 as in zlib and gzip.
 *
 * A stream is a header, chunks, and an end, with nothing after it.  Only in FILE.tags something
 * follows: binding.c.
 *
 *	header:
 *	 0	8	"KVM-TAGS"
 *	 8	4	version: 1
 *	12	4	size of the header: 28 + 16 * N
 *	16	4	number of ranges, N: 1 to 1048576
 *	20	4	0
 *	24	16 * N	ranges of memory, each: 8 first address (IPA), 8 size
 *	...	4	checksum of the header before this
 *
 *	chunk:
 *	 0	4	"CHNK"
 *	 4	4	number of pages in it, N: 0 to 4096
 *	 8	8	first address that it covers
 *	16	8	size of what it covers: at most 2^40
 *	24	132 * N	pages, each: 4 index, 128 tags
 *	...	4	checksum of the chunk before this
 *
 *	end:
 *	 0	4	"DONE"
 *	 4	4	checksum of all before the end, without the checksums in it
 *	 8	8	number of pages in all chunks
 *	16	8	size of all ranges
 *	24	4	checksum of the end before this
 *
 * Ranges are whole pages, sorted by address, and do not touch.  They are the memory slots of
 * the VM that are not read-only; slots that touch are one range.
 *
 * The chunks cover all ranges, in the order of addresses, without gaps.  A chunk covers a
 * part of one range.  It ends at a multiple of 64 KiB or at the end of its range.
 *
 * A page's index counts pages from the chunk's first address, from 0.  Pages in a chunk are
 * sorted and have no duplicates.  All tags of pages that are left out are zero.  A byte has
 * two tags; the tag of the lower address is in its low four bits.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tags.h"

#define MAGIC		"KVM-TAGS"
#define VERSION_NR	1
#define HEAD_SIZE	24
#define CRC_SIZE	4
#define RANGE_SIZE	16

/**
 * put_le32 - store a number as 4 bytes, little-endian
 * @to: where; need not be aligned
 * @value: the number
 */
void put_le32(unsigned char *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

/**
 * put_le64 - store a number as 8 bytes, little-endian
 * @to: where; need not be aligned
 * @value: the number
 */
void put_le64(unsigned char *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

/**
 * get_le32 - load a number of 4 bytes, little-endian
 * @from: where; need not be aligned
 *
 * Return: the number.
 */
uint32_t get_le32(const unsigned char *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

/**
 * get_le64 - load a number of 8 bytes, little-endian
 * @from: where; need not be aligned
 *
 * Return: the number.
 */
uint64_t get_le64(const unsigned char *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

/**
 * stream_bad - note what is wrong with a stream
 * @stream: the stream; the first note stays
 * @fmt: printf() style
 *
 * Return: -1.
 */
int stream_bad(struct stream *stream, const char *fmt, ...)
{
	va_list args;

	if (stream->why)
		return -1;
	va_start(args, fmt);
	if (vasprintf(&stream->why, fmt, args) < 0)
		stream->why = NULL;
	va_end(args);
	need(stream->why);
	return -1;
}

/**
 * stream_send - write a part of a stream, with its checksum
 * @stream: the stream
 * @data: the part, and room for the checksum
 * @size: in bytes, with the checksum
 *
 * Return: 0; -1 with @stream->why.
 */
int stream_send(struct stream *stream, unsigned char *data, size_t size)
{
	ssize_t put;

	put_le32(data + size - CRC_SIZE, crc32(0, data, size - CRC_SIZE));
	stream->crc = crc32(stream->crc, data, size - CRC_SIZE);
	stream->bytes += size;
	while (size) {
		put = write(stream->fd, data, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return stream_bad(stream, "cannot write: %s", strerror(errno));
		data += put;
		size -= put;
	}
	return 0;
}

/* Hours may pass before the stream comes. */
static int wait_for_data(struct stream *stream)
{
	struct pollfd fds[] = {
		{ .fd = stream->pidfd, .events = POLLIN },
		{ .fd = stream->fd, .events = POLLIN },
	};

	if (stream->pidfd < 0)
		return 0;
	while (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
		;
	if (fds[0].revents)
		return stream_bad(stream, "the VM's process has ended");
	return 0;
}

/**
 * stream_fetch - read a part of a stream
 * @stream: the stream
 * @data: buffer
 * @size: in bytes
 *
 * Return: 0; -1 with @stream->why.
 */
int stream_fetch(struct stream *stream, void *data, size_t size)
{
	size_t have = 0;
	ssize_t got;

	while (have < size) {
		if (wait_for_data(stream))
			return -1;
		got = read(stream->fd, (char *)data + have, size - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return stream_bad(stream, "cannot read the stream: %s", strerror(errno));
		if (!got)
			return stream_bad(stream, "the stream ends early");
		have += got;
		stream->bytes += got;
	}
	return 0;
}

/**
 * stream_has_ended - is there nothing more to read, or only what binds it to a file?
 * @stream: the stream
 *
 * Return: 0; -1 with @stream->why if there is something.
 */
int stream_has_ended(struct stream *stream)
{
	unsigned char more[BINDING_SIZE + 1];
	size_t have = 0;
	ssize_t got;

	do {
		if (wait_for_data(stream))
			return -1;
		got = read(stream->fd, more + have, sizeof(more) - have);
		have += got > 0 ? got : 0;
	} while ((got > 0 && have < sizeof(more)) || (got < 0 && errno == EINTR));
	if (got < 0)
		return stream_bad(stream, "cannot read the stream: %s", strerror(errno));
	if (!have || (have == BINDING_SIZE && binding_is_valid(more)))
		return 0;
	return stream_bad(stream, "there is more after the stream's end");
}

static void init(struct stream *stream, int fd)
{
	memset(stream, 0, sizeof(*stream));
	stream->fd = fd;
	stream->pidfd = -1;
}

static void begin(struct stream *stream)
{
	stream->at = 0;
	stream->next = stream->ranges.range[0].ipa;
}

/**
 * stream_create - begin to write a stream
 * @stream: set up; the caller calls stream_free(), also after an error
 * @fd: where to write
 * @ranges: the memory, sorted and merged; the stream gets the list
 *
 * Return: 0; -1 with @stream->why.
 */
int stream_create(struct stream *stream, int fd, const struct ranges *ranges)
{
	size_t size = HEAD_SIZE + ranges->nr * RANGE_SIZE + CRC_SIZE;
	unsigned char *header = need(calloc(1, size)), *p = header + HEAD_SIZE;
	size_t i;
	int err;

	init(stream, fd);
	stream->ranges = *ranges;
	begin(stream);
	memcpy(header, MAGIC, 8);
	put_le32(header + 8, VERSION_NR);
	put_le32(header + 12, size);
	put_le32(header + 16, ranges->nr);
	for (i = 0; i < ranges->nr; i++, p += RANGE_SIZE) {
		put_le64(p, ranges->range[i].ipa);
		put_le64(p + 8, ranges->range[i].size);
	}
	err = stream_send(stream, header, size);
	free(header);
	return err;
}

static int check_head(struct stream *stream, const unsigned char *head)
{
	uint32_t nr = get_le32(head + 16);

	if (memcmp(head, MAGIC, 8))
		return stream_bad(stream, "this is no stream of tags");
	if (get_le32(head + 8) != VERSION_NR)
		return stream_bad(stream, "the stream has version %u, this kvm-mte knows %u",
				  get_le32(head + 8), VERSION_NR);
	if (!nr || nr > RANGES_MAX || get_le32(head + 20) ||
	    get_le32(head + 12) != HEAD_SIZE + nr * RANGE_SIZE + CRC_SIZE)
		return stream_bad(stream, "the stream's header is damaged");
	return 0;
}

static int read_ranges(struct stream *stream, const unsigned char *head)
{
	size_t i, nr = get_le32(head + 16), size = nr * RANGE_SIZE;
	unsigned char *rest = need(malloc(size + CRC_SIZE)), *p = rest;
	struct ranges *ranges = &stream->ranges;

	if (stream_fetch(stream, rest, size + CRC_SIZE)) {
		free(rest);
		return -1;
	}
	stream->crc = crc32(crc32(0, head, HEAD_SIZE), rest, size);
	if (stream->crc != get_le32(rest + size)) {
		free(rest);
		return stream_bad(stream, "the stream's header is damaged");
	}
	ranges->range = need(calloc(nr, sizeof(*ranges->range)));
	ranges->nr = nr;
	for (i = 0; i < nr; i++, p += RANGE_SIZE) {
		ranges->range[i].ipa = get_le64(p);
		ranges->range[i].size = get_le64(p + 8);
	}
	free(rest);
	if (!ranges_are_valid(ranges))
		return stream_bad(stream, "the stream's header has ranges that are not valid");
	return 0;
}

/**
 * stream_open - read a stream's header
 * @stream: set up; the caller calls stream_free(), also after an error
 * @fd: where to read
 *
 * Return: 0; -1 with @stream->why.
 */
int stream_open(struct stream *stream, int fd)
{
	unsigned char head[HEAD_SIZE];
	int pidfd = stream->pidfd;

	init(stream, fd);
	stream->pidfd = pidfd;
	if (stream_fetch(stream, head, sizeof(head)) || check_head(stream, head) ||
	    read_ranges(stream, head))
		return -1;
	begin(stream);
	return 0;
}

/**
 * stream_free - free what a stream has
 * @stream: the stream
 */
void stream_free(struct stream *stream)
{
	ranges_free(&stream->ranges);
	free(stream->wire);
	free(stream->why);
	stream->wire = NULL;
	stream->why = NULL;
}
