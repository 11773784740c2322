// SPDX-License-Identifier: GPL-2.0-only
/* Random calls of KVM_ARM_MTE_COPY_TAGS. */
#include <errno.h>
#include <limits.h>

#include "check.h"
#include "fuzz.h"
#include "uapi.h"

#define PAGE	HOST_PAGE

static unsigned long whole, partial, refused;

static void *random_buffer(char *arena, u64 *s)
{
	void *odd[] = { NULL, (void *)-1L, FUZZ_KERNEL, (void *)1, arena + 4 * FUZZ_SECTION };

	if (fuzz_rnd(s) % 8 == 0)
		return FUZZ_ONE_OF(s, odd);
	/* A write to an address in the arena never goes past its end: nothing is mapped there. */
	return arena + fuzz_rnd(s) % (4 * FUZZ_SECTION);
}

static void random_copy(struct kvm_arm_copy_mte_tags *c, char *arena, u64 *s)
{
	const u64 lengths[] = { 0, PAGE, PAGE, 2 * PAGE, 16 * PAGE, FUZZ_SIZE, INT_MAX & -PAGE,
				(u64)INT_MAX + 1, 1UL << 32, -PAGE, 1, PAGE + 16 };
	const u64 flags[] = { 0, 0, 1, 1, 1, 2, 3, 1UL << 63, 1UL << 32 };
	const u64 offsets[] = { 0, PAGE, FUZZ_SIZE - PAGE, FUZZ_SIZE, -PAGE, 8, -FUZZ_TARGET - PAGE,
				1UL << 40 };

	c->flags = FUZZ_ONE_OF(s, flags);
	c->length = fuzz_rnd(s) % 8 ? FUZZ_ONE_OF(s, lengths) : fuzz_rnd(s) >> fuzz_rnd(s) % 64;
	c->guest_ipa = FUZZ_TARGET;
	c->guest_ipa += fuzz_rnd(s) % 2 ? FUZZ_ONE_OF(s, offsets) :
					  fuzz_rnd(s) % (FUZZ_SIZE / PAGE) * PAGE;
	/* The canary and the guest's code are only read. */
	if (c->flags == 1 && fuzz_rnd(s) % 4 == 0)
		c->guest_ipa = fuzz_rnd(s) % 2 ? GUEST_DATA : GUEST_CODE;
	c->addr = random_buffer(arena, s);
	c->reserved[0] = fuzz_rnd(s) % 16 == 0;
	c->reserved[1] = fuzz_rnd(s) % 16 == 0 ? fuzz_rnd(s) : 0;
}

static bool is_invalid(const struct kvm_arm_copy_mte_tags *c)
{
	return c->reserved[0] || c->reserved[1] || c->flags > 1 || c->length % PAGE ||
	       c->guest_ipa % PAGE || c->length > INT_MAX;
}

static bool can_be(const struct kvm_arm_copy_mte_tags *c, long r)
{
	if (is_invalid(c))
		return r == -EINVAL;
	if (r == -EBUSY)
		return c->flags == KVM_ARM_TAGS_TO_GUEST;
	if (r < 0)
		return r == -EFAULT && c->length;
	return r % PAGE == 0 && (u64)r <= c->length && (r || !c->length);
}

static u64 least(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* From memory that no one touches, the answer follows from how much of the buffer is mapped. */
static bool is_exact(const struct kvm_arm_copy_mte_tags *c, char *arena, long r)
{
	u64 at = (char *)c->addr - arena, room = 0, want;

	if (is_invalid(c) || c->flags != KVM_ARM_TAGS_FROM_GUEST || c->guest_ipa != GUEST_DATA)
		return true;
	if (at < FUZZ_SECTION || (at >= 3 * FUZZ_SECTION && at < 4 * FUZZ_SECTION))
		room = FUZZ_SECTION - at % FUZZ_SECTION;
	want = least(least(c->length, FUZZ_SIZE), room / TAGS_PER_PAGE * PAGE);
	return r == (want || !c->length ? (long)want : -EFAULT);
}

/**
 * fuzz_copy() - one call of KVM_ARM_MTE_COPY_TAGS with random fields, or with a bad pointer
 * @vm: the VM
 * @arena: where buffers lie
 * @s: state of the random numbers
 */
void fuzz_copy(struct vm *vm, char *arena, u64 *s)
{
	struct kvm_arm_copy_mte_tags c, *odd[] = {
		NULL, FUZZ_KERNEL, (void *)(arena + FUZZ_SECTION), (void *)(arena + FUZZ_SECTION - 8),
		(void *)(arena + 4 * FUZZ_SECTION - 40),
	};
	int r;

	if (fuzz_rnd(s) % 32 == 0) {
		r = tags_ioctl(vm->fd, FUZZ_ONE_OF(s, odd));
		if (r != -EFAULT)
			fuzz_wrong("an argument that cannot be read", 0, 0, r);
		return;
	}
	random_copy(&c, arena, s);
	r = tags_ioctl(vm->fd, &c);
	__atomic_fetch_add(r < 0 ? &refused : (u64)r < c.length ? &partial : &whole, 1,
			   __ATOMIC_RELAXED);
	if (!can_be(&c, r) || !is_exact(&c, arena, r))
		fuzz_wrong("COPY_TAGS: length, flags", c.length, c.flags, r);
}

/**
 * fuzz_copy_report() - print how many copies were whole, in part, refused
 */
void fuzz_copy_report(void)
{
	diag("copies: %lu whole, %lu in part, %lu refused", whole, partial, refused);
}
