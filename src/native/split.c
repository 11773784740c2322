// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages that are split.  Many functions lead there and the compiler moves
 * them into each other, but all of them tell the memory controller when no mapping
 * is left, all references are frozen and interrupts are off, just before the pages
 * get the first one's flag (mm/huge_memory.c:__split_huge_page(), and later
 * __split_unmapped_folio()).  So nobody else can be at the tags.
 *
 * The page allocator tells of pages that are no huge pages, and nobody's yet.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>

#include "native.h"

COMPAT_WATCH_SPLIT
{
	if (PageCompound(COMPAT_SPLIT_HEAD))
		native_complete_tags(COMPAT_SPLIT_HEAD,
				     compound_nr(COMPAT_SPLIT_HEAD));
}
