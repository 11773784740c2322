// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte tags save: reads all tags of a VM, and writes the stream.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tags.h"

/* The kernel gets room for at least so many pages. */
#define ROOM_MIN	16

/**
 * struct save - what the steps of a save share
 * @dev: the device
 * @slots: the memory slots, sorted
 * @stream: the stream
 * @progress: --progress
 * @chunk: the chunk that is being filled
 */
struct save {
	struct device dev;
	struct ranges slots;
	struct stream stream;
	struct progress progress;
	struct chunk *chunk;
};

static int stream_failed(struct save *save)
{
	progress_end(&save->progress);
	complain_of(save->dev.vm, "%s", save->stream.why);
	return END_ERROR;
}

static int device_failed(struct save *save, int err)
{
	progress_end(&save->progress);
	return device_complain(&save->dev, err);
}

/*
 * Writes the chunk up to @end.  What it has after that becomes the beginning of the next.
 * Only pages after the last multiple of ALIGNMENT can be left: fewer than ROOM_MIN.
 */
static int flush(struct save *save, uint64_t end)
{
	struct chunk *chunk = save->chunk;
	uint64_t rest = chunk->ipa + chunk->size - end;
	uint32_t all = chunk->nr;

	while (chunk->nr && chunk->page[chunk->nr - 1].ipa >= end)
		chunk->nr--;
	chunk->size = end - chunk->ipa;
	if (chunk_put(&save->stream, chunk))
		return stream_failed(save);
	memmove(chunk->page, chunk->page + chunk->nr, (all - chunk->nr) * sizeof(*chunk->page));
	chunk->nr = all - chunk->nr;
	chunk->ipa = end;
	chunk->size = rest;
	return END_OK;
}

/* The kernel adds the tags of a part of a slot at the end of the chunk. */
static int read_piece(struct save *save, uint64_t ipa, uint64_t size, uint64_t *end)
{
	struct chunk *chunk = save->chunk;
	struct kvm_mte_read piece = {
		.ipa = ipa,
		.size = size,
		.pages = (uintptr_t)(chunk->page + chunk->nr),
		.max = CHUNK_PAGES - chunk->nr,
	};
	int err = device_ioctl(&save->dev, KVM_MTE_READ, &piece);

	if (err)
		return device_failed(save, err);
	if (piece.ipa <= ipa || piece.ipa > ipa + size || piece.nr > CHUNK_PAGES - chunk->nr) {
		stream_bad(&save->stream, "the kernel has not read what it was asked for");
		return stream_failed(save);
	}
	*end = piece.ipa;
	chunk->nr += piece.nr;
	chunk->size += piece.ipa - ipa;
	progress_add(&save->progress, piece.ipa - ipa, piece.nr);
	return END_OK;
}

static int read_slot(struct save *save, const struct kvm_mte_range *slot)
{
	uint64_t ipa = slot->ipa, left;
	struct chunk *chunk = save->chunk;
	int end = END_OK;

	while (!end && ipa < slot->ipa + slot->size) {
		left = slot->ipa + slot->size - ipa;
		end = read_piece(save, ipa, piece_size(ipa, left), &ipa);
		if (!end && (chunk->nr > CHUNK_PAGES - 2 * ROOM_MIN ||
			     chunk->size > CHUNK_MAX - PIECE_MAX))
			end = flush(save, ipa & ~(ALIGNMENT - 1));
	}
	return end;
}

/* The slots of a range follow each other. */
static int read_range(struct save *save, const struct kvm_mte_range *range,
		      const struct kvm_mte_range **slot)
{
	const struct kvm_mte_range *end = save->slots.range + save->slots.nr;
	struct chunk *chunk = save->chunk;

	chunk->ipa = range->ipa;
	chunk->size = 0;
	chunk->nr = 0;
	for (; *slot < end && (*slot)->ipa < range->ipa + range->size; (*slot)++) {
		if (read_slot(save, *slot))
			return END_ERROR;
	}
	return chunk->size ? flush(save, chunk->ipa + chunk->size) : END_OK;
}

static int save_ranges(struct save *save)
{
	const struct kvm_mte_range *slot = save->slots.range;
	struct ranges merged = ranges_merge(&save->slots);
	size_t i;

	if (!ranges_are_valid(&merged)) {
		complain_of(save->dev.vm, merged.nr ? "its memory slots are not valid" :
						      "it has no memory");
		ranges_free(&merged);
		return END_ERROR;
	}
	if (stream_create(&save->stream, STDOUT_FILENO, &merged))
		return stream_failed(save);
	progress_begin(&save->progress, ranges_size(&merged));
	for (i = 0; i < merged.nr; i++) {
		if (read_range(save, &merged.range[i], &slot))
			return END_ERROR;
	}
	return chunk_put_end(&save->stream) ? stream_failed(save) : END_OK;
}

/* Ends also if nobody will read the stream: the kernel keeps the VM's memory meanwhile. */
static int wait_for_end(struct save *save)
{
	struct pollfd fds[] = {
		{ .fd = save->dev.fd, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};

	complain_of(save->dev.vm, SAYS_WAITS_FOR_END);
	while (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
		if (errno == EINTR)
			continue;
		complain_of(save->dev.vm, "cannot wait: %s", strerror(errno));
		return END_ERROR;
	}
	if (fds[0].revents)
		return END_OK;
	complain_of(save->dev.vm, "cannot write: %s", strerror(EPIPE));
	return END_ERROR;
}

static int save_vm(struct save *save, const struct vm *vm, bool at_end)
{
	int err, end;

	end = device_open(&save->dev, at_end ? KVM_MTE_SAVE_AT_END : KVM_MTE_SAVE);
	if (end)
		return end;
	err = device_take(&save->dev, vm);
	if (!err && at_end && wait_for_end(save))
		return END_ERROR;
	if (!err)
		err = device_ranges(&save->dev, &save->slots);
	if (err)
		return device_failed(save, err);
	return save_ranges(save);
}

/**
 * tags_save - "kvm-mte tags save"
 * @which: names the VM
 * @at_end: --at-end
 * @progress: --progress
 *
 * Return: exit status.
 */
int tags_save(const char *which, bool at_end, bool progress)
{
	struct save save = { .dev.fd = -1, .progress.on = progress };
	const struct vm *vm;
	struct vms vms;
	int end;

	/* The error of write() says more. */
	signal(SIGPIPE, SIG_IGN);
	save.chunk = need(malloc(sizeof(*save.chunk)));
	end = need_vms(&vms);
	if (!end) {
		vm = find_vm(&vms, which);
		end = vm ? save_vm(&save, vm, at_end) : END_ERROR;
	}
	progress_end(&save.progress);
	device_close(&save.dev);
	ranges_free(&save.slots);
	stream_free(&save.stream);
	free(save.chunk);
	vms_free(&vms);
	return end;
}
