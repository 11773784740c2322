// SPDX-License-Identifier: GPL-2.0
/*
 * Finds kernel functions that are not exported.
 *
 * kallsyms_lookup_name() is not exported since 5.7, but a kprobe registered by
 * name tells an address.  It answers with the first of several functions of one
 * name, and which one that is says nothing: a name that is not unique is an
 * error.  To know, the kernel's text is walked once, symbol by symbol
 * (kallsyms_on_each_symbol() is compiled only for livepatch on these kernels).
 */
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "symbol.h"

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

static int check_unique(const struct symbol *symbols, unsigned int nr,
			const char *name, unsigned long addr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!*symbols[i].address || *symbols[i].address == addr ||
		    strcmp(symbols[i].name, name))
			continue;
		pr_err("%s: not unique in this kernel\n", name);
		if (!symbols[i].optional)
			return -ENOENT;
		*symbols[i].address = 0;
	}
	return 0;
}

static int walk_text(const struct symbol *symbols, unsigned int nr)
{
	unsigned long addr = lookup_name("_stext"), end = lookup_name("_etext");
	char buf[KSYM_NAME_LEN];
	unsigned long size, offset;
	const char *name;
	char *module;
	int err;

	if (!addr || !end) {
		pr_err("_stext, _etext: not in kallsyms\n");
		return -ENOENT;
	}
	while (addr < end) {
		name = lookup_address(addr, &size, &offset, &module, buf);
		if (!name || size <= offset)
			break;
		err = check_unique(symbols, nr, name, addr - offset);
		if (err)
			return err;
		addr += size - offset;
		cond_resched();
	}
	return 0;
}

/**
 * symbols_find - find the addresses of kernel functions
 * @symbols: names, and where the addresses go
 * @nr: number of @symbols
 *
 * Context: may sleep.  Takes some ten milliseconds: it looks at every symbol of
 * the kernel's text.
 * Return: 0; -ENOENT, with the name in the log, if one is missing or its name
 * is not unique and it is not optional.
 */
int symbols_find(const struct symbol *symbols, unsigned int nr)
{
	unsigned int i;
	int err;

	err = find_kallsyms();
	if (err)
		return err;
	for (i = 0; i < nr; i++) {
		*symbols[i].address = lookup_name(symbols[i].name);
		if (!*symbols[i].address) {
			pr_err("%s: no such function in this kernel\n",
			       symbols[i].name);
			if (!symbols[i].optional)
				return -ENOENT;
		}
	}
	return walk_text(symbols, nr);
}
