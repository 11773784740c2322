/* SPDX-License-Identifier: GPL-2.0-only */
/* References on the on-demand hooks: armed while there is one, and some seconds longer. */
#ifndef _KVM_MTE_ONDEMAND_H
#define _KVM_MTE_ONDEMAND_H

#include <linux/types.h>

#include "hook/hook.h"

int ondemand_get(enum hook_when when, bool again);
void ondemand_get_more(enum hook_when when);
void ondemand_put(enum hook_when when);
bool ondemand_possible(void);
void ondemand_close(void);
void ondemand_exit(void);

#endif /* _KVM_MTE_ONDEMAND_H */
