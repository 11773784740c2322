/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/kvm_mte: all tags of a VM, read and written from outside its VMM */
#ifndef CARRY_H
#define CARRY_H

#include <stddef.h>

#include "../../include/tags_uapi.h"
#include "kvm.h"

#define CARRY_CHUNK	(8UL << 20)

/**
 * struct carried - the tags of a VM
 * @page: those 4 KiB of its memory that have a tag
 * @nr: how many
 */
struct carried {
	struct kvm_mte_page *page;
	size_t nr;
};

int carry_file(void);
int carry_open_name(int fd, const char *name, u32 mode);
int carry_open(int fd, struct vm *vm, u32 mode);
int carry_ranges(int fd, struct kvm_mte_range *range, u32 max);
int carry_read(int fd, u64 ipa, u64 size, struct carried *to);
int carry_write(int fd, u64 ipa, u64 size, const struct kvm_mte_page *page, u32 nr);
int carry_all_out(int fd, struct carried *to);
int carry_all_in(int fd, const struct carried *from);
size_t carry_wrong(const struct carried *c, u64 start, u64 end, u64 seed);
void carry_free(struct carried *c);

#endif
