// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunks of the stream, and its end: stream.c has the format.  Chunks pass the same
 * checks when they are written and when they are read, so a saved stream can be loaded.
 */
#include <stdlib.h>
#include <string.h>

#include "tags.h"

#define CHUNK		"CHNK"
#define END		"DONE"
#define HEAD_SIZE	24
#define CRC_SIZE	4
#define RECORD_SIZE	(4 + KVM_MTE_PAGE_TAGS)
#define CHUNK_SIZE	(HEAD_SIZE + CHUNK_PAGES * RECORD_SIZE + CRC_SIZE)

static int check_place(struct stream *stream, const struct chunk *chunk)
{
	const struct kvm_mte_range *range = &stream->ranges.range[stream->at];
	uint64_t end = chunk->ipa + chunk->size, range_end;

	if (stream->at == stream->ranges.nr || chunk->ipa != stream->next)
		return stream_bad(stream, "chunk %llu is not the continuation of the one before",
				  (unsigned long long)stream->chunks);
	range_end = range->ipa + range->size;
	if (!chunk->size || chunk->size > CHUNK_MAX || chunk->size > range_end - chunk->ipa ||
	    (end != range_end && end % ALIGNMENT))
		return stream_bad(stream, "chunk %llu has a size that is not valid",
				  (unsigned long long)stream->chunks);
	return 0;
}

static int check_pages(struct stream *stream, const struct chunk *chunk)
{
	uint64_t least = chunk->ipa;
	uint32_t i;

	for (i = 0; i < chunk->nr; i++) {
		if (chunk->page[i].ipa < least)
			return stream_bad(stream, "chunk %llu: its pages are not in order",
					  (unsigned long long)stream->chunks);
		if (chunk->page[i].ipa - chunk->ipa >= chunk->size)
			return stream_bad(stream, "chunk %llu: a page is outside of it",
					  (unsigned long long)stream->chunks);
		least = chunk->page[i].ipa + KVM_MTE_PAGE_SIZE;
	}
	return 0;
}

/* Checks a chunk, and counts it. */
static int account(struct stream *stream, const struct chunk *chunk)
{
	const struct kvm_mte_range *range = &stream->ranges.range[stream->at];

	if (check_place(stream, chunk) || check_pages(stream, chunk))
		return -1;
	stream->chunks++;
	stream->pages += chunk->nr;
	stream->next += chunk->size;
	if (stream->next == range->ipa + range->size && ++stream->at < stream->ranges.nr)
		stream->next = range[1].ipa;
	return 0;
}

static unsigned char *buffer(struct stream *stream)
{
	if (!stream->wire)
		stream->wire = need(malloc(CHUNK_SIZE));
	return stream->wire;
}

/**
 * chunk_put - write a chunk
 * @stream: from stream_create()
 * @chunk: continues the chunk before
 *
 * Return: 0; -1 with @stream->why.
 */
int chunk_put(struct stream *stream, const struct chunk *chunk)
{
	unsigned char *wire = buffer(stream), *p = wire + HEAD_SIZE;
	uint32_t i;

	if (account(stream, chunk))
		return -1;
	memcpy(wire, CHUNK, 4);
	put_le32(wire + 4, chunk->nr);
	put_le64(wire + 8, chunk->ipa);
	put_le64(wire + 16, chunk->size);
	for (i = 0; i < chunk->nr; i++, p += RECORD_SIZE) {
		put_le32(p, (chunk->page[i].ipa - chunk->ipa) / KVM_MTE_PAGE_SIZE);
		memcpy(p + 4, chunk->page[i].tags, KVM_MTE_PAGE_TAGS);
	}
	return stream_send(stream, wire, p - wire + CRC_SIZE);
}

/**
 * chunk_put_end - write the end of a stream
 * @stream: all its memory is covered by chunks
 *
 * Return: 0; -1 with @stream->why.
 */
int chunk_put_end(struct stream *stream)
{
	unsigned char wire[HEAD_SIZE + CRC_SIZE];

	memcpy(wire, END, 4);
	put_le32(wire + 4, stream->crc);
	put_le64(wire + 8, stream->pages);
	put_le64(wire + 16, ranges_size(&stream->ranges));
	return stream_send(stream, wire, sizeof(wire));
}

static int bad_sum(struct stream *stream)
{
	return stream_bad(stream, "chunk %llu is damaged", (unsigned long long)stream->chunks);
}

/* Reads the rest of a chunk or of the end, and checks its sum. */
static int read_rest(struct stream *stream, unsigned char *wire, size_t size)
{
	if (stream_fetch(stream, wire + HEAD_SIZE, size - HEAD_SIZE))
		return -1;
	if (crc32(0, wire, size - CRC_SIZE) != get_le32(wire + size - CRC_SIZE))
		return bad_sum(stream);
	return 0;
}

/* Returns 0: the stream has come to its end, and all of it was right. */
static int read_end(struct stream *stream, unsigned char *wire)
{
	if (read_rest(stream, wire, HEAD_SIZE + CRC_SIZE))
		return -1;
	if (stream->at != stream->ranges.nr)
		return stream_bad(stream, "the stream does not cover all memory");
	if (get_le32(wire + 4) != stream->crc || get_le64(wire + 8) != stream->pages ||
	    get_le64(wire + 16) != ranges_size(&stream->ranges))
		return stream_bad(stream, "the stream's end does not belong to the rest");
	return stream_has_ended(stream);
}

/**
 * chunk_get - read the next chunk
 * @stream: from stream_open()
 * @chunk: filled
 *
 * Return: 1; 0 if the stream has come to its end, and all of it was right; -1 with
 * @stream->why.
 */
int chunk_get(struct stream *stream, struct chunk *chunk)
{
	unsigned char *wire = buffer(stream), *p = wire + HEAD_SIZE;
	size_t size;
	uint32_t i;

	if (stream_fetch(stream, wire, HEAD_SIZE))
		return -1;
	if (!memcmp(wire, END, 4))
		return read_end(stream, wire);
	chunk->nr = get_le32(wire + 4);
	if (memcmp(wire, CHUNK, 4) || chunk->nr > CHUNK_PAGES)
		return bad_sum(stream);
	size = HEAD_SIZE + chunk->nr * RECORD_SIZE + CRC_SIZE;
	if (read_rest(stream, wire, size))
		return -1;
	stream->crc = crc32(stream->crc, wire, size - CRC_SIZE);
	chunk->ipa = get_le64(wire + 8);
	chunk->size = get_le64(wire + 16);
	for (i = 0; i < chunk->nr; i++, p += RECORD_SIZE) {
		chunk->page[i].ipa = chunk->ipa + (uint64_t)get_le32(p) * KVM_MTE_PAGE_SIZE;
		memcpy(chunk->page[i].tags, p + 4, KVM_MTE_PAGE_TAGS);
	}
	return account(stream, chunk) ? -1 : 1;
}
