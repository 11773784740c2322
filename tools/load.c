// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte tags load: reads the stream, and gives a VM its tags.  The VM is released only
 * after all of the stream was read and found right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tags.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif

/**
 * load_failed - print why a load has failed, and what happens to the VM
 * @load: the load; if @load->stream.why is set, this is the reason
 * @err: a negative errno from the device
 *
 * Return: END_ERROR.
 */
int load_failed(struct load *load, int err)
{
	const struct vm *vm = load->dev.vm;
	long long held;

	progress_end(&load->progress);
	if (load->stream.why)
		complain_of(vm, "%s", load->stream.why);
	else
		device_complain(&load->dev, err);
	if (!read_number(vm->fd, "hold", &held) && held)
		complain_of(vm, "the VM stays held; \"kvm-mte release %s\" lets it run without its tags",
			    vm->dir);
	return END_ERROR;
}

/**
 * load_watch - from now on, stop waiting for the stream if the VM's process ends
 * @load: the load, with a VM
 *
 * Return: 0; -1 with @load->stream.why.
 */
int load_watch(struct load *load)
{
	struct stream *stream = &load->stream;

	if (stream->pidfd >= 0)
		close(stream->pidfd);
	stream->pidfd = syscall(SYS_pidfd_open, (pid_t)load->dev.vm->pid, 0);
	if (stream->pidfd < 0 && errno == ESRCH)
		return stream_bad(stream, "the VM's process has ended");
	return 0;
}

/**
 * load_fits - is the stream's memory that of the VM?
 * @load: the load, with @load->slots and the stream's header
 *
 * Return: true if it is.
 */
bool load_fits(const struct load *load)
{
	struct ranges merged = ranges_merge(&load->slots);
	uint64_t ipa;
	bool fits = !ranges_differ(&load->stream.ranges, &merged, &ipa);

	ranges_free(&merged);
	return fits;
}

/**
 * load_misfit - print how the stream's memory and that of the VM differ
 * @load: load_fits() has returned false for it
 *
 * Return: END_ERROR.
 */
int load_misfit(struct load *load)
{
	struct ranges merged = ranges_merge(&load->slots);
	struct stream *stream = &load->stream;
	uint64_t ipa = 0;

	ranges_differ(&stream->ranges, &merged, &ipa);
	stream_bad(stream, "the stream is of a VM with other memory: %llu bytes in %zu range%s, here %llu in %zu; the first difference is at %#llx",
		   (unsigned long long)ranges_size(&stream->ranges), stream->ranges.nr,
		   stream->ranges.nr == 1 ? "" : "s", (unsigned long long)ranges_size(&merged),
		   merged.nr, (unsigned long long)ipa);
	ranges_free(&merged);
	return load_failed(load, 0);
}

/* Writes the part of the chunk from @ipa on that is in one slot; sets @ipa to its end. */
static int write_piece(struct load *load, const struct kvm_mte_range *slot, uint64_t *ipa,
		       uint32_t *page)
{
	struct chunk *chunk = load->chunk;
	struct kvm_mte_write piece = {
		.ipa = *ipa,
		.size = chunk->ipa + chunk->size - *ipa,
		.pages = (uintptr_t)(chunk->page + *page),
	};
	int err;

	if (piece.size > slot->ipa + slot->size - *ipa)
		piece.size = slot->ipa + slot->size - *ipa;
	piece.size = piece_size(*ipa, piece.size);
	*ipa += piece.size;
	for (; *page < chunk->nr && chunk->page[*page].ipa < *ipa; ++*page)
		piece.nr++;
	err = device_ioctl(&load->dev, KVM_MTE_WRITE, &piece);
	if (err)
		return load_failed(load, err);
	progress_add(&load->progress, piece.size, piece.nr);
	return END_OK;
}

/* The memory fits: each part of a chunk is in a slot. */
static int write_chunk(struct load *load, const struct kvm_mte_range **slot)
{
	uint64_t ipa = load->chunk->ipa, end = ipa + load->chunk->size;
	uint32_t page = 0;

	while (ipa < end) {
		while (ipa >= (*slot)->ipa + (*slot)->size)
			(*slot)++;
		if (write_piece(load, *slot, &ipa, &page))
			return END_ERROR;
	}
	return END_OK;
}

static int write_all(struct load *load)
{
	const struct kvm_mte_range *slot = load->slots.range;
	int got, err;

	progress_begin(&load->progress, ranges_size(&load->slots));
	while ((got = chunk_get(&load->stream, load->chunk)) > 0) {
		if (write_chunk(load, &slot))
			return END_ERROR;
	}
	if (got < 0 || load_is_sure(load))
		return load_failed(load, 0);
	err = device_ioctl(&load->dev, KVM_MTE_RELEASE, NULL);
	if (err)
		return load_failed(load, err);
	progress_end(&load->progress);
	put_vm(stdout, load->dev.vm);
	printf(": released, %llu page%s with tags\n", (unsigned long long)load->stream.pages,
	       load->stream.pages == 1 ? "" : "s");
	return END_OK;
}

/* The VM is not touched before the stream's header is there. */
static int take(struct load *load, const char *which)
{
	int err, end;

	end = need_vms(&load->vms);
	if (end)
		return end;
	load->dev.vm = find_vm(&load->vms, which);
	if (!load->dev.vm)
		return END_ERROR;
	end = device_open(&load->dev, KVM_MTE_LOAD);
	if (end)
		return end;
	if (load_watch(load) || stream_open(&load->stream, STDIN_FILENO))
		return load_failed(load, 0);
	err = device_take(&load->dev, load->dev.vm);
	if (!err)
		err = device_ranges(&load->dev, &load->slots);
	if (err)
		return load_failed(load, err);
	return load_fits(load) ? END_OK : load_misfit(load);
}

/**
 * tags_load - "kvm-mte tags load"
 * @which: names the VM
 * @incoming: --incoming
 * @progress: --progress
 *
 * Return: exit status.
 */
int tags_load(const char *which, bool incoming, bool progress)
{
	struct load load = {
		.which = which, .dev.fd = -1, .stream.pidfd = -1, .progress.on = progress
	};
	int end;

	load.chunk = need(malloc(sizeof(*load.chunk)));
	end = incoming ? take_incoming(&load, which) : take(&load, which);
	if (!end)
		end = write_all(&load);
	device_close(&load.dev);
	ranges_free(&load.slots);
	if (load.stream.pidfd >= 0)
		close(load.stream.pidfd);
	stream_free(&load.stream);
	free(load.chunk);
	vms_free(&load.vms);
	return end;
}
