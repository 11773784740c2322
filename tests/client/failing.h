/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocations of a call that fail, one at a time; needs a kernel with fault injection */
#ifndef FAILING_H
#define FAILING_H

#include <stdbool.h>

#include "kvm.h"

/* What a step works on */
struct scene {
	struct vm *vm;
	struct vcpu *v;
	int fd;
	unsigned char *tags;
};

/**
 * struct step - a call that is repeated until each of its allocations has failed once
 * @name: its name
 * @before: makes a new scene; its allocations do not fail
 * @call: the call; 0 or -errno. After a failure it is called again, and must succeed then
 * @wrong: what is wrong after a call that failed (@failed) or succeeded, or NULL
 * @after: ends the scene
 * @also: an errno that the call may have beside ENOMEM
 * @first: the first allocation to fail, if not 1
 */
struct step {
	const char *name;
	void (*before)(struct scene *s);
	int (*call)(struct scene *s);
	const char *(*wrong)(struct scene *s, bool failed);
	void (*after)(struct scene *s);
	int also;
	unsigned int first;
};

void failing_open(void);
unsigned int failing_count(const struct step *step);
void failing_step(const struct step *step, unsigned int most);

#endif
