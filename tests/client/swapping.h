/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending memory to the swap space */
#ifndef SWAPPING_H
#define SWAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm.h"

size_t in_swap(struct vm *vm);
size_t swap_spaces(bool off);
size_t page_out(struct vm *vm);

#endif
