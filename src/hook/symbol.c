// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds kernel functions that are not exported.
 *
 * kallsyms_lookup_name() has not been exported since 5.7, but registering a kprobe by
 * name gives its address.  If several functions have one name, kallsyms_lookup_name() returns
 * the first, which may be the wrong one.  So a name that is not unique is an error.  To find
 * that out, the module walks the kernel's text once, symbol by symbol.  It does not use
 * kallsyms_on_each_symbol(): some kernels compile that only for livepatch, and kernels
 * differ in its callback's parameters.  The same walk finds the functions: without sorted
 * names each look-up by name reads half of the kernel's names on average.  Kernels that have
 * their names sorted find all functions of a name by kallsyms_on_each_match_symbol().
 *
 * Only functions in the kernel's text count.  A module may have a function of the same name,
 * and may be unloaded.
 */
#include <linux/bitmap.h>
#include <linux/hash.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <asm/word-at-a-time.h>

#include "hook/compat.h"
#include "hook/symbol.h"

/* Stands for the address of an optional function whose name is not unique. */
#define AMBIGUOUS	1UL

/* kallsyms_on_each_match_symbol() */
typedef int each_match(int (*fn)(void *data, unsigned long addr), const char *name,
		       void *data);
#if COMPAT_HAS_KALLSYMS_MATCH
static_assert(__builtin_types_compatible_p(typeof(kallsyms_on_each_match_symbol), each_match));
#endif

static typeof(kallsyms_lookup_name) *lookup_name;
static typeof(kallsyms_lookup) *lookup_address;

static int find_kallsyms(void)
{
	struct kprobe kp = { .symbol_name = "kallsyms_lookup_name" };
	int err;

	err = register_kprobe(&kp);
	if (err) {
		pr_err("kallsyms_lookup_name: cannot be found (%d): are kprobes and kallsyms on?\n",
		       err);
		return err;
	}
	lookup_name = (void *)kp.addr;
	unregister_kprobe(&kp);

	lookup_address = (void *)lookup_name("kallsyms_lookup");
	if (!lookup_address) {
		pr_err("kallsyms_lookup: no such function in this kernel\n");
		return -ENOENT;
	}
	return 0;
}

/* The beginning of each wanted name sets one bit. */
#define NAME_BITS	512

/* @buf: a buffer of KSYM_NAME_LEN with the name */
static unsigned int name_bit(const char *buf)
{
	static const struct word_at_a_time zero = WORD_AT_A_TIME_CONSTANTS;
	unsigned long word, bits;

	memcpy(&word, buf, sizeof(word));
	/* What follows the end of a shorter name does not count. */
	if (has_zero(word, &bits, &zero))
		word &= zero_bytemask(create_zero_mask(prep_zero_mask(word, bits, &zero)));
	return hash_long(word, ilog2(NAME_BITS));
}

static int not_unique(const struct symbol *symbol)
{
	if (!symbol->optional) {
		pr_err("%s: not unique in this kernel\n", symbol->name);
		return -ENOENT;
	}
	pr_warn("%s: not unique in this kernel; going on without: %s\n", symbol->name,
		symbol->purpose);
	*symbol->address = AMBIGUOUS;
	return 0;
}

static int not_found(const struct symbol *symbol)
{
	if (!symbol->optional) {
		pr_err("%s: no such function in this kernel\n", symbol->name);
		return -ENOENT;
	}
	pr_warn("%s: no such function in this kernel; going on without: %s\n", symbol->name,
		symbol->purpose);
	return 0;
}

/* The kernel has a function @name at @addr.  Stores the address if the function is wanted. */
static int take_name(const struct symbol *symbols, unsigned int nr,
		     const char *name, unsigned long addr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		if (strcmp(symbols[i].name, name))
			continue;
		if (!*symbols[i].address) {
			*symbols[i].address = addr;
			continue;
		}
		err = not_unique(&symbols[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Symbols between two calls of cond_resched() */
#define WALK_STEPS	64

/* No kernel's text is larger: a branch must reach all of it. */
#define MAX_TEXT	SZ_256M

/*
 * The end of the text.  A look-up by name may read all names before it, and _etext is one of
 * the last.  So this tries addresses.
 */
static unsigned long text_end(unsigned long start)
{
	typeof(core_kernel_text) *is_text = (void *)lookup_name("core_kernel_text");
	unsigned long end = start + MAX_TEXT, middle;

	if (!is_text || is_text(end))
		return lookup_name("_etext");
	while (end - start > 1) {
		middle = start + (end - start) / 2;
		if (is_text(middle))
			start = middle;
		else
			end = middle;
	}
	return end;
}

/* Finds the wanted functions in the text from @addr to @end. */
static int walk_text(const struct symbol *symbols, unsigned int nr,
		     unsigned long addr, unsigned long end)
{
	DECLARE_BITMAP(wanted, NAME_BITS) = {};
	char buf[KSYM_NAME_LEN] = "";
	unsigned long size, offset;
	unsigned int i;
	const char *name;
	char *module;
	int err;

	for (i = 0; i < nr; i++) {
		strscpy(buf, symbols[i].name, sizeof(buf));
		__set_bit(name_bit(buf), wanted);
	}
	for (i = 0; addr < end; i++) {
		name = lookup_address(addr, &size, &offset, &module, buf);
		if (!name || size <= offset)
			break;
		err = test_bit(name_bit(buf), wanted) ?
		      take_name(symbols, nr, name, addr - offset) : 0;
		if (err)
			return err;
		addr += size - offset;
		if (!(i % WALK_STEPS))
			cond_resched();
	}
	return 0;
}

/*
 * walk_text() sees only the first name of an address.  A look-up by name sees all names, but
 * also those of modules.
 */
static void find_aliases(const struct symbol *symbols, unsigned int nr,
			 unsigned long start, unsigned long end)
{
	unsigned long addr;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (*symbols[i].address)
			continue;
		addr = lookup_name(symbols[i].name);
		if (addr >= start && addr < end)
			*symbols[i].address = addr;
	}
}

/**
 * struct matches - the functions of a name
 * @start: of the kernel's text
 * @end: of the kernel's text
 * @addr: one of them; 0 if there is none
 * @several: there are more
 */
struct matches {
	unsigned long start;
	unsigned long end;
	unsigned long addr;
	bool several;
};

static int note_match(void *data, unsigned long addr)
{
	struct matches *m = data;

	if (addr < m->start || addr >= m->end)
		return 0;
	m->several |= m->addr && m->addr != addr;
	m->addr = addr;
	return 0;
}

/* The same as walk_text() and find_aliases(), on kernels that have their names sorted. */
static int find_matches(const struct symbol *symbols, unsigned int nr,
			unsigned long addr, unsigned long end, each_match *each)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		struct matches m = { addr, end };

		each(note_match, symbols[i].name, &m);
		*symbols[i].address = m.addr;
		err = m.several ? not_unique(&symbols[i]) : 0;
		if (err)
			return err;
	}
	return 0;
}

static int find_all(const struct symbol *symbols, unsigned int nr)
{
	unsigned long addr = lookup_name("_stext"), end = text_end(addr);
	each_match *each = NULL;
	int err;

	/* Other kernels do not have it, and would read all names to find that out. */
	if (COMPAT_HAS_KALLSYMS_MATCH)
		each = (void *)lookup_name("kallsyms_on_each_match_symbol");
	if (!addr || !end) {
		pr_err("_stext, _etext: not in kallsyms\n");
		return -ENOENT;
	}
	if (each)
		return find_matches(symbols, nr, addr, end, each);
	err = walk_text(symbols, nr, addr, end);
	if (!err)
		find_aliases(symbols, nr, addr, end);
	return err;
}

/**
 * symbols_find - find the addresses of kernel functions
 * @symbols: names, and where to store the addresses
 * @nr: number of @symbols
 *
 * Context: may sleep.  On kernels that do not have their names sorted, this takes tens of
 * milliseconds, because it looks at every symbol of the kernel's text.
 * Return: 0; -ENOENT, with the name in the log, if a function that is not optional is
 * missing or its name is not unique; or the error of register_kprobe().
 */
int symbols_find(const struct symbol *symbols, unsigned int nr)
{
	unsigned int i;
	int err;

	err = find_kallsyms();
	if (err)
		return err;
	for (i = 0; i < nr; i++)
		*symbols[i].address = 0;
	err = find_all(symbols, nr);
	if (err)
		return err;
	for (i = 0; i < nr && !err; i++) {
		if (!*symbols[i].address)
			err = not_found(&symbols[i]);
		else if (*symbols[i].address == AMBIGUOUS)
			*symbols[i].address = 0;
	}
	return err;
}
