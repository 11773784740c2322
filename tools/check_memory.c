// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte check VM: can the VM's memory hold tags?  /proc shows what its process has
 * mapped, and not which of that the guest has.  So a file that is mapped is only known to
 * be guest memory if the module or the command line says so.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Smaller mappings are data of programs and libraries. */
#define LARGE	(1ULL << 20)

#define USE_OTHER	"use anonymous memory (memory-backend-ram), or another kind that this kernel allows: troubleshooting.md in the documentation"

/**
 * struct map - a line of /proc/PID/maps
 * @size: in bytes
 * @perms: rwxp
 * @dev: the file system's device, "major:minor" in decimal as in mountinfo
 * @path: the file; empty if there is none
 */
struct map {
	unsigned long long size;
	char perms[8];
	char dev[32];
	char path[4096];
};

static bool parse(const char *line, struct map *map)
{
	unsigned long long from, to;
	unsigned int major, minor;
	int at = 0;

	map->path[0] = '\0';
	if (sscanf(line, "%llx-%llx %7s %*x %x:%x %*u%n", &from, &to, map->perms, &major, &minor,
		   &at) != 5 || !at)
		return false;
	line += at;
	line += strspn(line, " ");
	snprintf(map->path, sizeof(map->path), "%.*s", (int)strcspn(line, "\n"), line);
	snprintf(map->dev, sizeof(map->dev), "%u:%u", major, minor);
	map->size = to - from;
	return true;
}

/* A part of a program or a library is mapped writable too. */
static bool is_program(const char *maps, const struct map *map)
{
	static struct map other;
	const char *line;

	for (line = maps; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (parse(line, &other) && strchr(other.perms, 'x') &&
		    !strcmp(other.path, map->path))
			return true;
	}
	return false;
}

/* The type of the file system, from mountinfo: "ID PARENT MAJOR:MINOR ... - TYPE ..." */
static char *type_of(const char *mounts, const char *dev)
{
	char found[32], type[64];
	const char *line, *dash;

	for (line = mounts; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%*d %*d %31s", found) != 1 || strcmp(found, dev))
			continue;
		dash = strstr(line, " - ");
		if (dash && sscanf(dash, " - %63s", type) == 1)
			return need(strdup(type));
	}
	return NULL;
}

/* Does a path begin with one of these words? */
static bool begins(const char *path, const char *const *words, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!strncmp(path, words[i], strlen(words[i])))
			return true;
	return false;
}

/* Does the command line of QEMU say that this file is guest memory? */
static bool is_mem_path(const struct vm *vm, const char *path)
{
	size_t len, i, size;
	char *text = read_all(below_root("/proc/%lld/cmdline", vm->pid), &len);
	const char *value;
	bool found = false;

	for (i = 0; text && i < len && !found; i += strlen(text + i) + 1) {
		value = strstr(text + i, "mem-path=");
		if (!value)
			continue;
		value += strlen("mem-path=");
		size = strcspn(value, ",");
		found = size && !strncmp(value, path, size) &&
			(!path[size] || path[size] == '/' || value[size - 1] == '/');
	}
	free(text);
	return found;
}

/*
 * The kinds of memory that the kernel of this host gives to no VM with MTE: docs/limits.md.
 * On the backend inject there are none.
 */
struct forbidden {
	bool shared;
	bool hugetlb;
};

static struct forbidden forbidden_here(void)
{
	char *path = below_root(MTE_DIR "/backend"), *release = host_release();
	struct forbidden forbidden = { false, false };
	int major = 0, minor = 0;
	char word[16];

	if (!read_word(AT_FDCWD, path, word, sizeof(word)) && !strcmp(word, "native") &&
	    release && sscanf(release, "%d.%d", &major, &minor) == 2)
		forbidden.shared = major < 6 || (major == 6 && minor < 2);
	free(path);
	free(release);
	path = below_root(MTE_DIR "/repairs/hugetlb_slots");
	if (!read_word(AT_FDCWD, path, word, sizeof(word)))
		forbidden.hugetlb = !strcmp(word, "unavailable");
	free(path);
	return forbidden;
}

/*
 * What a mapping is, if it cannot hold tags; NULL if it can, or if it is too small.
 * Memory that is in no file has no path, a word such as "[heap]", or the path of a device.
 */
static const char *unfit(const char *maps, const char *mounts, const struct map *map)
{
	static const char * const hugetlb[] = { "/anon_hugepage" };
	static const char * const shared[] = { "/memfd:", "/dev/zero", "/SYSV", "/dev/shm/" };
	static const char * const device[] = { "/dev/vfio/" };
	struct forbidden forbidden = forbidden_here();
	const char *what = "a file, which cannot hold tags";
	char *type;

	if (map->size < LARGE || map->perms[1] != 'w' || map->path[0] != '/' ||
	    begins(map->path, device, ARRAY_SIZE(device)) || is_program(maps, map))
		return NULL;
	type = type_of(mounts, map->dev);
	if (begins(map->path, hugetlb, ARRAY_SIZE(hugetlb)) ||
	    (type && !strcmp(type, "hugetlbfs")))
		what = forbidden.hugetlb ? "hugetlb memory, which this kernel gives to no VM with MTE" : NULL;
	else if (begins(map->path, shared, ARRAY_SIZE(shared)) || (type && !strcmp(type, "tmpfs")))
		what = forbidden.shared ? "shared memory, which this kernel gives to no VM with MTE" : NULL;
	free(type);
	return what;
}

static void check_maps(const struct vm *vm, const char *maps, const char *mounts,
		       const char *refused)
{
	static struct map map;
	const char *line, *what;

	for (line = maps; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		what = parse(line, &map) ? unfit(maps, mounts, &map) : NULL;
		if (!what)
			continue;
		if (refused || is_mem_path(vm, map.path))
			checked(CHECK_NO, "memory", USE_OTHER, "%s (%llu MiB) is %s%s%s", map.path,
				map.size >> 20, what, refused ? "; the module said: " : "",
				refused ?: "");
		else
			checked(CHECK_UNKNOWN, "memory", USE_OTHER,
				"%s (%llu MiB) is %s: whether the guest has it is not known",
				map.path, map.size >> 20, what);
		return;
	}
	if (refused)
		checked(CHECK_NO, "memory", USE_OTHER, "the module said: %s", refused);
	else
		checked(CHECK_OK, "memory", NULL, "nothing large is mapped that cannot hold tags");
}

/**
 * check_memory - check whether a VM's memory can hold tags
 * @vm: the VM, which has no MTE
 * @refused: what the module said of its memory; NULL if nothing
 */
void check_memory(const struct vm *vm, const char *refused)
{
	char *maps = read_all(below_root("/proc/%lld/maps", vm->pid), NULL);
	char *mounts = read_all(below_root("/proc/%lld/mountinfo", vm->pid), NULL);

	if (!maps || !*maps)
		checked(check_hidden(), "memory", NULL, "/proc/%lld/maps cannot be read", vm->pid);
	else
		check_maps(vm, maps, mounts, refused);
	free(mounts);
	free(maps);
}
