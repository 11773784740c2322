/* SPDX-License-Identifier: GPL-2.0-only */
/* What a host does to a guest's memory while the guest runs */
#ifndef CHURN_H
#define CHURN_H

#include "kvm.h"

enum churn { CHURN_COMPACT, CHURN_MOVE, CHURN_PAGEOUT, CHURN_SWAPOFF, CHURN_KSM, CHURN_SPLIT,
	     CHURN_OFFLINE };

extern const char *const churn_words[];

void churn_start(unsigned int mask, struct vm *vm, const char *block);
void churn_end(void);
void churn_lift_limit(void);
void churn_swapoff(void);

#endif
