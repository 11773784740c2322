// SPDX-License-Identifier: GPL-2.0-only
/* Bad input to the knob, and the files' modes. Needs the module. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

static const struct {
	const char *text;
	const char *error;
	const char *state;	/* after the write; NULL if the write is refused */
} writes[] = {
	{ "2\n", "EINVAL" },
	{ "-1\n", "EINVAL" },
	{ "\n", "EINVAL" },
	{ " 1\n", "EINVAL" },
	{ "x", "EINVAL" },
	{ "garbage\n", "EINVAL" },
	{ "o", "EINVAL" },
	{ "enable\n", "EINVAL" },
	{ "1\n", "0", "on" },
	{ "0\n", "0", "off" },
	{ "on\n", "0", "on" },
	{ "off\n", "0", "off" },
	{ "Y", "0", "on" },
	{ "n", "0", "off" },
};

static const struct {
	const char *name;
	mode_t mode;
} files[] = {
	{ "enable", 0644 },
	{ "state", 0444 },
	{ "origin", 0444 },
	{ "pid", 0444 },
	{ "vcpus", 0444 },
	{ "hold", 0644 },
	{ "migration", 0644 },
	{ "stats/pages_tagged", 0444 },
	{ "stats/tags_restored", 0444 },
	{ "stats/untracked_migrations", 0444 },
};

static void try_writes(struct vm *vm)
{
	char state[32], shown[16];
	size_t i, n;

	for (i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		strcpy(state, module_read(vm, "state"));
		n = strcspn(writes[i].text, "\n");
		memcpy(shown, writes[i].text, n);
		shown[n] = 0;
		is_text(errno_name(
				module_write(vm, "enable", writes[i].text, strlen(writes[i].text))),
			writes[i].error, "writing '%s' to enable", shown);
		is_text(module_read(vm, "state"), writes[i].state ? writes[i].state : state,
			"state after '%s'", shown);
	}
}

static void try_odd_writes(struct vm *vm)
{
	char state[32], junk[4096];

	strcpy(state, module_read(vm, "state"));
	memset(junk, 'z', sizeof(junk));
	is_text(errno_name(module_write(vm, "enable", junk, sizeof(junk))), "EINVAL",
		"writing a page of junk");
	is_text(errno_name(module_write(vm, "enable", "\0", 1)), "EINVAL", "writing a zero byte");
	is(module_write(vm, "enable", "", 0), 0, "writing nothing is no error");
	is_text(module_read(vm, "state"), state, "the state (%s) is the same", state);
}

static void check_files(struct vm *vm)
{
	char path[128];
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		module_vm_path(vm, files[i].name, path, sizeof(path));
		if (stat(path, &st))
			die("%s: %s", path, errno_name(errno));
		is(st.st_mode & 07777, files[i].mode, "mode of %s", files[i].name);
		if (files[i].mode == 0444)
			is_text(errno_name(module_write(vm, files[i].name, "1", 1)), "EACCES",
				"%s cannot be written, not even by root", files[i].name);
	}
}

static void after_the_end(void)
{
	struct vm *vm = vm_off(1);
	char path[128];
	int fd;

	module_vm_path(vm, "enable", path, sizeof(path));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ok(fd >= 0, "enable can be opened");
	vm_destroy(vm);
	ok(write(fd, "1\n", 2) < 0 && errno == ENODEV, "ENODEV once the VM is gone");
	close(fd);
}

CASE(badio,
     "bad writes to the knob that change something or get the wrong error")
{
	struct vm *vm;

	module_needed();
	vm = vm_off(1);
	check_files(vm);
	try_writes(vm);
	try_odd_writes(vm);
	module_enable(vm, true);
	try_odd_writes(vm);
	/* The same with a VM that has run: a bad write must not make a change pending. */
	vcpu_cmd(&vm->vcpu[0], CMD_NOP);
	try_odd_writes(vm);
	is_text(errno_name(module_write(vm, "enable", "2\n", 2)), "EINVAL",
		"writing '2' after a run");
	is_text(module_read(vm, "state"), "on", "state after that");
	vm_destroy(vm);
	after_the_end();
	return 0;
}
