/* SPDX-License-Identifier: GPL-2.0-only */
/* References on the on-demand hooks.  The hooks are armed while there is a reference. */
#ifndef _KVM_MTE_ONDEMAND_H
#define _KVM_MTE_ONDEMAND_H

#include <linux/types.h>

int ondemand_get(bool again);
void ondemand_get_more(void);
void ondemand_put(void);
bool ondemand_possible(void);
void ondemand_close(void);
void ondemand_exit(void);

#endif /* _KVM_MTE_ONDEMAND_H */
