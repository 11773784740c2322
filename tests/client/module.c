// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "module.h"

static int read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = 0;
	return 0;
}

/**
 * module_injects() - whether the module is loaded and implements guest MTE itself
 *
 * Return: true if so; false where KVM's own is used
 */
bool module_injects(void)
{
	char buf[32];

	return !read_line(MODULE_DIR "/backend", buf, sizeof(buf)) && !strcmp(buf, "inject\n");
}

/**
 * module_repairs() - whether a repair of the module is active
 * @name: its file in repairs/
 *
 * Return: true if so; also false if the module is not loaded
 */
bool module_repairs(const char *name)
{
	char path[128], buf[32];

	snprintf(path, sizeof(path), MODULE_DIR "/repairs/%s", name);
	return !read_line(path, buf, sizeof(buf)) && !strcmp(buf, "active\n");
}

/**
 * module_needed() - end the program if the module is not loaded
 */
void module_needed(void)
{
	if (access(MODULE_DIR, F_OK))
		die("this case needs the module");
}

/**
 * module_vm_path() - the path of a file in a VM's directory
 * @vm: the VM
 * @file: the file's name, or "" for the directory
 * @path: where to put it
 * @size: how much room there is
 */
void module_vm_path(struct vm *vm, const char *file, char *path, size_t size)
{
	snprintf(path, size, MODULE_DIR "/vms/%d-%d/%s", getpid(), vm->fd, file);
}

/**
 * module_write() - write to a file in a VM's directory with one write()
 * @vm: the VM
 * @file: the file's name
 * @text: what
 * @len: how many bytes
 *
 * Return: 0 or -errno
 */
int module_write(struct vm *vm, const char *file, const char *text, size_t len)
{
	char path[128];
	ssize_t n;
	int fd;

	module_vm_path(vm, file, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	n = n < 0 ? -errno : n == (ssize_t)len ? 0 : -EIO;
	close(fd);
	return n;
}

/**
 * module_enable() - what "echo 1" or "echo 0" does
 * @vm: the VM
 * @on: which of them
 *
 * Return: 0 or -errno
 */
int module_enable(struct vm *vm, bool on)
{
	return module_write(vm, "enable", on ? "1\n" : "0\n", 2);
}

/**
 * module_read() - a file in a VM's directory
 * @vm: the VM
 * @file: the file's name
 *
 * Return: its one line without the newline, or the name of an error; valid until the next call
 *	of this thread
 */
const char *module_read(struct vm *vm, const char *file)
{
	static _Thread_local char buf[256];
	char path[128], *end;
	int r;

	module_vm_path(vm, file, path, sizeof(path));
	r = read_line(path, buf, sizeof(buf));
	if (r)
		return errno_name(r);
	end = strchr(buf, '\n');
	if (!end || end[1])
		return "not one line";
	*end = 0;
	return buf;
}

/**
 * module_number() - a number in a VM's directory
 * @vm: the VM
 * @file: the file's name
 *
 * Return: the number, or -1
 */
long module_number(struct vm *vm, const char *file)
{
	const char *text = module_read(vm, file);
	char *end;
	long n = strtol(text, &end, 10);

	return end == text || *end ? -1 : n;
}
