/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LIFE_H
#define LIFE_H

#include "kvm.h"

void life_is(struct vm *vm, const char *state, const char *origin, const char *when);
void life_write(struct vm *vm, bool on, const char *when);
void life_guest(struct vcpu *v, bool on, const char *when);

#endif
