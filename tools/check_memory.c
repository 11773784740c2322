// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte check VM: can the VM's memory hold tags?  /proc shows what its process has
 * mapped, and not which of that the guest has.  So a file that is mapped is only known to
 * be guest memory if the module or the command line says so.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Smaller mappings are data of programs and libraries. */
#define LARGE	(1ULL << 20)

#define USE_MEMFD	"use memory-backend-memfd, memory-backend-ram or hugetlb memory instead of a file"

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

/* Also a program or a library is mapped writable, in part. */
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

/* Memory of these has no name in a file system, or the name of a device. */
static bool has_tags_by_path(const char *path)
{
	static const char * const begins[] = {
		"/memfd:", "/dev/zero", "/SYSV", "/anon_hugepage", "/dev/shm/", "/dev/vfio/",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(begins); i++)
		if (!strncmp(path, begins[i], strlen(begins[i])))
			return true;
	return *path != '/';
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

/* Can this mapping not hold tags if it is guest memory?  Sets @type; the caller frees it. */
static bool is_file(const char *maps, const char *mounts, const struct map *map, char **type)
{
	*type = NULL;
	if (map->size < LARGE || map->perms[1] != 'w' || has_tags_by_path(map->path) ||
	    is_program(maps, map))
		return false;
	*type = type_of(mounts, map->dev);
	if (!*type || (strcmp(*type, "tmpfs") && strcmp(*type, "hugetlbfs")))
		return true;
	free(*type);
	*type = NULL;
	return false;
}

static void check_maps(const struct vm *vm, const char *maps, const char *mounts,
		       const char *refused)
{
	static struct map map;
	const char *line;
	char *type;

	for (line = maps; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!parse(line, &map) || !is_file(maps, mounts, &map, &type))
			continue;
		if (refused || is_mem_path(vm, map.path))
			checked(CHECK_NO, "memory", USE_MEMFD,
				"%s is a file (%s, %llu MiB), which cannot hold tags%s%s", map.path,
				type ?: "file system unknown", map.size >> 20,
				refused ? "; the module said: " : "", refused ?: "");
		else
			checked(CHECK_UNKNOWN, "memory", USE_MEMFD,
				"%s is a file (%s, %llu MiB): if it is guest memory, it cannot hold tags",
				map.path, type ?: "file system unknown", map.size >> 20);
		free(type);
		return;
	}
	if (refused)
		checked(CHECK_NO, "memory", USE_MEMFD, "the module said: %s", refused);
	else
		checked(CHECK_OK, "memory", NULL, "no large file is mapped to be written");
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
