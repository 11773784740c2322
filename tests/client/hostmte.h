/* SPDX-License-Identifier: GPL-2.0-only */
/* MTE as the host's own processes use it */
#ifndef HOSTMTE_H
#define HOSTMTE_H

#include <stdbool.h>
#include <stddef.h>

enum host_tcf { HOST_TCF_NONE = 0, HOST_TCF_SYNC = 1, HOST_TCF_ASYNC = 2 };

bool host_mte_present(void);
void host_mte_mode(enum host_tcf tcf, unsigned int allowed);
void *host_tagged_map(size_t size);
void host_tag_fill(void *p, size_t size, unsigned long seed);
size_t host_tag_verify(void *p, size_t size, unsigned long seed);
size_t host_tag_count(void *p, size_t size);
void *host_irg(void *p);
void host_set_tag(void *tagged);
unsigned int host_tag_of(void *p);

#endif
