// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of ranges of a guest's memory: memory slots, and ranges that join slots that touch.
 */
#include <stdlib.h>

#include "tags.h"

static int by_ipa(const void *a, const void *b)
{
	const struct kvm_mte_range *x = a, *y = b;

	return (x->ipa > y->ipa) - (x->ipa < y->ipa);
}

/**
 * ranges_sort - sort a list by IPA
 * @ranges: the list
 */
void ranges_sort(struct ranges *ranges)
{
	if (ranges->nr)
		qsort(ranges->range, ranges->nr, sizeof(*ranges->range), by_ipa);
}

/**
 * ranges_merge - join ranges that touch
 * @sorted: the ranges, sorted
 *
 * Return: the result; the caller calls ranges_free().
 */
struct ranges ranges_merge(const struct ranges *sorted)
{
	struct ranges merged = {
		.range = need(calloc(sorted->nr + 1, sizeof(*merged.range))),
	};
	struct kvm_mte_range *last = NULL;
	size_t i;

	for (i = 0; i < sorted->nr; i++) {
		if (last && last->ipa + last->size == sorted->range[i].ipa) {
			last->size += sorted->range[i].size;
		} else {
			last = &merged.range[merged.nr++];
			*last = sorted->range[i];
		}
	}
	return merged;
}

/**
 * ranges_are_valid - is a list sorted and merged, and are there only whole pages in it?
 * @ranges: the list
 *
 * Return: true if so.
 */
bool ranges_are_valid(const struct ranges *ranges)
{
	const struct kvm_mte_range *r;
	uint64_t end = 0;
	size_t i;

	for (i = 0; i < ranges->nr; i++) {
		r = &ranges->range[i];
		if ((r->ipa | r->size) % KVM_MTE_PAGE_SIZE || !r->size)
			return false;
		if (r->ipa + r->size < r->ipa || (i && r->ipa <= end))
			return false;
		end = r->ipa + r->size;
	}
	return ranges->nr;
}

/**
 * ranges_size - size of all ranges together
 * @ranges: the ranges
 *
 * Return: in bytes.
 */
uint64_t ranges_size(const struct ranges *ranges)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < ranges->nr; i++)
		size += ranges->range[i].size;
	return size;
}

/**
 * piece_size - how much of a slot to read or write in one ioctl
 * @ipa: the first byte of the piece
 * @left: size of the slot from @ipa on, in bytes
 *
 * Return: in bytes.  A piece ends at a multiple of ALIGNMENT or at the end of the slot, as
 * the kernel demands.
 */
uint64_t piece_size(uint64_t ipa, uint64_t left)
{
	uint64_t size = PIECE_MAX - ipa % ALIGNMENT;

	return left < size ? left : size;
}

/* The border with this number: range N begins at border 2 * N, and ends at 2 * N + 1. */
static uint64_t border(const struct ranges *ranges, size_t nr)
{
	const struct kvm_mte_range *r = &ranges->range[nr / 2];

	if (nr / 2 >= ranges->nr)
		return UINT64_MAX;
	return nr % 2 ? r->ipa + r->size : r->ipa;
}

/**
 * ranges_differ - do two lists cover different memory?
 * @a: a list, sorted and merged
 * @b: another one
 * @ipa: set to the first IPA that is in one of them only, if there is one
 *
 * Return: true if they do.
 */
bool ranges_differ(const struct ranges *a, const struct ranges *b, uint64_t *ipa)
{
	uint64_t in_a, in_b;
	size_t i;

	for (i = 0; i < 2 * a->nr || i < 2 * b->nr; i++) {
		in_a = border(a, i);
		in_b = border(b, i);
		if (in_a == in_b)
			continue;
		*ipa = in_a < in_b ? in_a : in_b;
		return true;
	}
	return false;
}

/**
 * ranges_free - free a list
 * @ranges: the list; it is empty then
 */
void ranges_free(struct ranges *ranges)
{
	free(ranges->range);
	ranges->range = NULL;
	ranges->nr = 0;
}
