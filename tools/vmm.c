// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's name, from the command line of the process that created the VM.  For QEMU
 * this does the same as kvm_stat of the kernel's tools/kvm.
 *
 * The process can change its command line, and may write anything there: the name is for
 * people, and proves nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "kvm-mte.h"

/* In bytes.  What is longer is cut off: names stand in messages and metrics. */
#define NAME_MAX_LEN	256

/**
 * struct args - a command line
 * @next: the next argument
 * @end: end of the command line
 */
struct args {
	const char *next;
	const char *end;
};

/* The last argument may lack its zero byte, but read_all() has added one. */
static const char *next_arg(struct args *args)
{
	const char *arg = args->next;

	if (arg >= args->end)
		return NULL;
	args->next += strlen(arg) + 1;
	return arg;
}

/*
 * The value of an option: "--option value" or "--option=value".  If there are several, the
 * last one.
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

/* Fields of a QEMU option are separated by commas.  Two commas are a comma in a field. */
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

/* -name NAME, or -name guest=NAME,process=...; the first field may also be NAME alone. */
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
			/* As in kvm_stat, the plain name counts. */
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

/* cloud-hypervisor has no names: take its socket's, without the directory and ".sock". */
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
	/* QEMU, whose program may have any name.  It takes one dash or two. */
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

/* A character of UTF-8 is not cut. */
static void shorten(char *name)
{
	size_t len = strnlen(name, NAME_MAX_LEN + 1);

	if (len <= NAME_MAX_LEN)
		return;
	for (len = NAME_MAX_LEN; len > NAME_MAX_LEN - 3 && (name[len] & 0xc0) == 0x80; len--)
		;
	name[len] = '\0';
}

/**
 * guest_name - the name of a process's guest
 * @pid: the process
 *
 * Return: the name; the caller frees it.  NULL if the guest has no name, or if the process
 * has exited or is hidden.
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
	if (name)
		shorten(name);
	if (name && !*name) {
		free(name);
		name = NULL;
	}
	return name;
}
