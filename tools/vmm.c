// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's name, from the command line of the process that made the VM.  For QEMU
 * this is what kvm_stat of the kernel's tools/kvm does.
 *
 * The process writes its command line itself and may have anything there: it is a
 * name for people, and proves nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "kvm-mte.h"

/**
 * struct args - a command line
 * @next: what is still to be read
 * @end: behind the last byte
 */
struct args {
	const char *next;
	const char *end;
};

/* The last one may lack its zero, but read_all() has put one behind it. */
static const char *next_arg(struct args *args)
{
	const char *arg = args->next;

	if (arg >= args->end)
		return NULL;
	args->next += strlen(arg) + 1;
	return arg;
}

/*
 * The value of an option, the last if there are several: "--option value" or
 * "--option=value".
 */
static const char *option_value(struct args args, const char *option)
{
	size_t len = strlen(option);
	const char *arg, *value = NULL;

	while ((arg = next_arg(&args))) {
		if (strncmp(arg, option, len))
			continue;
		if (arg[len] == '=')
			value = arg + len + 1;
		else if (!arg[len])
			value = next_arg(&args) ?: value;
	}
	return value;
}

/* A value of QEMU's option lists ends with a comma; two commas are one in it. */
static const char *next_field(const char *text, char *field)
{
	for (; *text; text++) {
		if (*text == ',' && *++text != ',')
			break;
		*field++ = *text;
	}
	*field = '\0';
	return text;
}

/* -name NAME, -name guest=NAME,process=...; the name may also come first, alone. */
static char *qemu_name(const char *value)
{
	char *field = need(malloc(strlen(value) + 1));
	char *name = NULL;

	while (*value) {
		value = next_field(value, field);
		if (!strncmp(field, "guest=", 6)) {
			free(name);
			name = need(strdup(field + 6));
		} else if (!strchr(field, '=')) {
			/* As kvm_stat has it, the plain name wins. */
			free(name);
			name = need(strdup(field));
			break;
		}
	}
	free(field);
	return name;
}

static char *plain_name(const char *value)
{
	return need(strdup(value));
}

/* cloud-hypervisor has no names: that of its socket, without folder and ".sock". */
static char *socket_name(const char *value)
{
	const char *slash;
	char *name, *end;

	if (!strncmp(value, "path=", 5))
		value += 5;
	slash = strrchr(value, '/');
	name = need(strdup(slash ? slash + 1 : value));
	end = strchr(name, ',');
	if (end)
		*end = '\0';
	end = strrchr(name, '.');
	if (end && end != name && !strcmp(end, ".sock"))
		*end = '\0';
	return name;
}

static const struct vmm {
	const char *program;
	const char *option;
	char *(*name)(const char *value);
} vmms[] = {
	{ "crosvm", "--name", plain_name },
	{ "firecracker", "--id", plain_name },
	{ "cloud-hypervisor", "--api-socket", socket_name },
	{ "lkvm", "--name", plain_name },
	/* QEMU, by whatever name; it takes one or two dashes. */
	{ "", "-name", qemu_name },
	{ "", "--name", qemu_name },
};

static char *name_of(struct args args)
{
	const char *program = next_arg(&args) ?: "";
	const char *slash = strrchr(program, '/');
	const char *value;
	size_t i;

	if (slash)
		program = slash + 1;
	for (i = 0; i < ARRAY_SIZE(vmms); i++) {
		if (strncmp(program, vmms[i].program, strlen(vmms[i].program)))
			continue;
		value = option_value(args, vmms[i].option);
		if (value && *value)
			return vmms[i].name(value);
	}
	return NULL;
}

/**
 * guest_name - the name of a process's guest
 * @pid: the process
 *
 * Return: the name, the caller's to free; NULL if it has none, or if the process is
 * gone or hidden.
 */
char *guest_name(long long pid)
{
	struct args args;
	char *text, *name;
	size_t len;

	text = read_all(below_root("/proc/%lld/cmdline", pid), &len);
	if (!text)
		return NULL;
	args.next = text;
	args.end = text + len;
	name = name_of(args);
	free(text);
	if (name && !*name) {
		free(name);
		name = NULL;
	}
	return name;
}
