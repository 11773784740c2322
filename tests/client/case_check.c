// SPDX-License-Identifier: GPL-2.0-only
/* Tag checks in all modes, at EL1 and EL0. */
#include "client.h"

#define TAG		5UL
#define GRANULE		(GUEST_DATA + 0x40)
#define POINTER(va, tag) (((va) & ~(0xfUL << 56)) | (tag) << 56)
#define RIGHT		POINTER(GRANULE, TAG)
#define WRONG		POINTER(GRANULE, TAG + 1)
#define HIGH_RIGHT	POINTER(GUEST_VA_HIGH | GRANULE, TAG)
#define HIGH_WRONG	POINTER(GUEST_VA_HIGH | GRANULE, TAG + 1)
#define TF0		1
#define TF1		2

#define EC_DABT_LOW	0x24
#define EC_DABT		0x25
#define DFSC_TAG	0x11
#define ESR_WNR		(1 << 6)

#define OLD		0x1111
#define NEW		0x2222

enum outcome { FINE, FAULT, LATER };

struct attempt {
	const char *name;
	u64 addr;
	u64 flags;
	enum outcome outcome;
	u64 tf;			/* LATER: which bit */
	bool asymm;		/* needs asymmetric mode */
};

static const struct attempt attempts[] = {
	{ "unchecked load", WRONG, TCF_NONE, FINE },
	{ "unchecked store", WRONG, TCF_NONE | ACCESS_STORE, FINE },
	{ "sync load, right tag", RIGHT, TCF_SYNC, FINE },
	{ "sync store, right tag", RIGHT, TCF_SYNC | ACCESS_STORE, FINE },
	{ "sync load, wrong tag", WRONG, TCF_SYNC, FAULT },
	{ "sync store, wrong tag", WRONG, TCF_SYNC | ACCESS_STORE, FAULT },
	{ "sync store, wrong tag, TCO set", WRONG, TCF_SYNC | ACCESS_STORE | ACCESS_TCO, FINE },
	{ "sync load, right tag, high address", HIGH_RIGHT, TCF_SYNC, FINE },
	{ "sync load, wrong tag, high address", HIGH_WRONG, TCF_SYNC, FAULT },
	{ "async load, right tag", RIGHT, TCF_ASYNC, FINE },
	{ "async store, right tag", RIGHT, TCF_ASYNC | ACCESS_STORE, FINE },
	{ "async load, wrong tag", WRONG, TCF_ASYNC, LATER, TF0 },
	{ "async store, wrong tag", WRONG, TCF_ASYNC | ACCESS_STORE, LATER, TF0 },
	{ "async store, wrong tag, TCO set", WRONG, TCF_ASYNC | ACCESS_STORE | ACCESS_TCO, FINE },
	{ "async store, wrong tag, high address", HIGH_WRONG, TCF_ASYNC | ACCESS_STORE, LATER,
	  TF1 },
	{ "asymm load, wrong tag", WRONG, TCF_ASYMM, FAULT, 0, true },
	{ "asymm store, wrong tag", WRONG, TCF_ASYMM | ACCESS_STORE, LATER, TF0, true },
	{ "EL0 sync load, right tag", RIGHT, TCF_SYNC | ACCESS_EL0, FINE },
	{ "EL0 sync load, wrong tag", WRONG, TCF_SYNC | ACCESS_EL0, FAULT },
	{ "EL0 sync store, wrong tag", WRONG, TCF_SYNC | ACCESS_EL0 | ACCESS_STORE, FAULT },
	{ "EL0 async store, right tag", RIGHT, TCF_ASYNC | ACCESS_EL0 | ACCESS_STORE, FINE },
	{ "EL0 async store, wrong tag", WRONG, TCF_ASYNC | ACCESS_EL0 | ACCESS_STORE, LATER, TF0 },
};

static void check_fault(struct vcpu *v, const struct attempt *a)
{
	struct exception *e = &v->mb->exc;
	u64 ec = a->flags & ACCESS_EL0 ? EC_DABT_LOW : EC_DABT;

	if (!is(e->count, a->outcome == FAULT, "%s: %s", a->name,
		a->outcome == FAULT ? "one fault" : "no fault") || !e->count)
		return;
	is(ESR_EC(e->esr), ec, "%s: a data abort from the right level", a->name);
	is(e->esr & 0x3f, DFSC_TAG, "%s: a tag check fault", a->name);
	is(!!(e->esr & ESR_WNR), !!(a->flags & ACCESS_STORE), "%s: ESR tells load or store", a->name);
	/* FAR's top bits are UNKNOWN for tag check faults. */
	is(e->far << 8 >> 8, a->addr << 8 >> 8, "%s: FAR is the address", a->name);
}

static void check_tfsr(struct vcpu *v, const struct attempt *a)
{
	u64 tf = a->outcome == LATER ? a->tf : 0;
	bool el0 = a->flags & ACCESS_EL0;

	is(v->mb->ret[1], el0 ? 0 : tf, "%s: TFSR_EL1", a->name);
	is(v->mb->ret[2], el0 ? tf : 0, "%s: TFSRE0_EL1", a->name);
	if (tf)
		is(v->mb->ret[3] | v->mb->ret[4], 0, "%s: the guest has cleared it", a->name);
}

static void try_one(struct vcpu *v, const struct attempt *a)
{
	u64 want = (a->flags & ACCESS_STORE) && a->outcome != FAULT ? NEW : OLD;

	vcpu_cmd(v, CMD_ACCESS, RIGHT, TCF_NONE | ACCESS_STORE, OLD);
	vcpu_cmd(v, CMD_ACCESS, a->addr, a->flags, NEW);
	check_fault(v, a);
	check_tfsr(v, a);
	is(vcpu_cmd(v, CMD_ACCESS, RIGHT, TCF_NONE), want, "%s: memory", a->name);
}

CASE(tagcheck,
     "tag checks that do not fault, or fault wrongly, at EL1 and EL0")
{
	struct vcpu *v = &vm_ready(1)->vcpu[0];
	bool asymm = (guest_pfr1(v) & PFR1_MTE) >= 3UL << PFR1_MTE_SHIFT;
	size_t i;

	vcpu_cmd(v, CMD_TAG_SET, RIGHT);
	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (attempts[i].asymm && !asymm)
			skip("the CPU has no asymmetric mode", "%s", attempts[i].name);
		else
			try_one(v, &attempts[i]);
	}
	vm_destroy(v->vm);
	return 0;
}
