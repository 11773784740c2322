// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds kernel functions that are not exported.
 *
 * kallsyms_lookup_name() is not exported since 5.7, but registering a kprobe by name
 * gives its address.  If several functions have one name, kallsyms_lookup_name() returns
 * the first, which may be the wrong one.  So a name that is not unique is an error.  To find
 * that out, the module walks the kernel's text once, symbol by symbol.  It does not use
 * kallsyms_on_each_symbol(): some kernels compile that only for livepatch, and kernels
 * differ in its callback's parameters.  The same walk finds the functions: before 6.2 each
 * look-up by name reads half of the kernel's names on average.
 */
#include <linux/bitmap.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/stringhash.h>

#include "hook/symbol.h"

/* Stands for the address of an optional function whose name is not unique. */
#define AMBIGUOUS	1UL

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

/* Each wanted name sets one bit.  Of all other names one in ten has a set bit by chance. */
#define NAME_BITS	512

static unsigned int name_bit(const char *name)
{
	return full_name_hash(NULL, name, strlen(name)) % NAME_BITS;
}

/* The kernel has a function @name at @addr.  Stores the address if the function is wanted. */
static int take_name(const struct symbol *symbols, unsigned int nr,
		     const char *name, unsigned long addr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (strcmp(symbols[i].name, name))
			continue;
		if (!*symbols[i].address) {
			*symbols[i].address = addr;
			continue;
		}
		pr_err("%s: not unique in this kernel\n", name);
		if (!symbols[i].optional)
			return -ENOENT;
		*symbols[i].address = AMBIGUOUS;
	}
	return 0;
}

static int walk_text(const struct symbol *symbols, unsigned int nr)
{
	unsigned long addr = lookup_name("_stext"), end = lookup_name("_etext");
	DECLARE_BITMAP(wanted, NAME_BITS) = {};
	char buf[KSYM_NAME_LEN];
	unsigned long size, offset;
	unsigned int i;
	const char *name;
	char *module;
	int err;

	if (!addr || !end) {
		pr_err("_stext, _etext: not in kallsyms\n");
		return -ENOENT;
	}
	for (i = 0; i < nr; i++)
		__set_bit(name_bit(symbols[i].name), wanted);
	while (addr < end) {
		name = lookup_address(addr, &size, &offset, &module, buf);
		if (!name || size <= offset)
			break;
		err = test_bit(name_bit(name), wanted) ?
		      take_name(symbols, nr, name, addr - offset) : 0;
		if (err)
			return err;
		addr += size - offset;
		cond_resched();
	}
	return 0;
}

/**
 * symbols_find - find the addresses of kernel functions
 * @symbols: names, and where to store the addresses
 * @nr: number of @symbols
 *
 * Context: may sleep.  Takes tens of milliseconds: it looks at every symbol of
 * the kernel's text.
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
	err = walk_text(symbols, nr);
	if (err)
		return err;
	for (i = 0; i < nr; i++) {
		if (*symbols[i].address == AMBIGUOUS) {
			*symbols[i].address = 0;
			continue;
		}
		/* The walk sees only the first name of an address. */
		if (!*symbols[i].address)
			*symbols[i].address = lookup_name(symbols[i].name);
		if (*symbols[i].address)
			continue;
		pr_err("%s: no such function in this kernel\n", symbols[i].name);
		if (!symbols[i].optional)
			return -ENOENT;
	}
	return 0;
}
