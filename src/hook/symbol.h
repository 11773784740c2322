/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of kernel functions that are not exported. */
#ifndef _KVM_MTE_SYMBOL_H
#define _KVM_MTE_SYMBOL_H

/**
 * struct symbol - a kernel function to find
 * @name: its name in kallsyms
 * @address: where to store the address
 * @optional: if the function is missing or its name is not unique, store 0
 * @purpose: of an optional function: what does not happen without it, for the log
 */
struct symbol {
	const char *name;
	unsigned long *address;
	bool optional;
	const char *purpose;
};

/* Functions that the engine itself calls.  One walk finds them and the table's functions. */
#define HOOK_SYMBOLS_MAX	1
unsigned int hook_symbols(struct symbol *symbols);

int symbols_find(const struct symbol *symbols, unsigned int nr);

#endif /* _KVM_MTE_SYMBOL_H */
