// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte metrics: what the module does, in the text format of Prometheus.  node_exporter
 * takes it from a file (collector "textfile").
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm-mte.h"

static const char * const states[] = { "off", "on", "turning-on", "turning-off" };

/*
 * A label's value.  A guest's name may be any bytes.  A backslash, and bytes that are not
 * printable ASCII, become \xNN, so different names stay different.
 */
static void put_label(FILE *to, const char *name, const char *value)
{
	fprintf(to, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '"')
			fputs("\\\"", to);
		else if (*value >= ' ' && *value <= '~' && *value != '\\')
			putc(*value, to);
		else
			fprintf(to, "\\\\x%02x", (unsigned char)*value);
	}
	putc('"', to);
}

static void put_family(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A family with one value and no label. */
static void put_one(FILE *to, const char *name, const char *type, const char *help,
		    long long value)
{
	put_family(to, name, type, help);
	fprintf(to, "%s %lld\n", name, value);
}

/* A label with a file's word.  Frees @path. */
static void put_word(FILE *to, const char *label, char *path)
{
	char word[80];

	if (read_word(AT_FDCWD, path, word, sizeof(word)))
		strcpy(word, "unknown");
	free(path);
	put_label(to, label, word);
}

static void put_info(FILE *to)
{
	put_family(to, "kvm_mte_info", "gauge", "Module, backend, policy for new VMs, and kernel.");
	fputs("kvm_mte_info{", to);
	put_word(to, "version", below_root(MTE_DIR "/version"));
	putc(',', to);
	put_word(to, "backend", below_root(MTE_DIR "/backend"));
	putc(',', to);
	put_word(to, "policy", below_root(MTE_POLICY "/default"));
	putc(',', to);
	put_word(to, "kernel", below_root("/proc/sys/kernel/osrelease"));
	fputs("} 1\n", to);
}

static void put_hooks(FILE *to)
{
	char *dir = below_root(MTE_DIR "/hooks");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long long nr;

	free(dir);
	if (fd < 0)
		return;
	if (!read_number(fd, "armed", &nr))
		put_one(to, "kvm_mte_hooks_armed", "gauge",
			"Functions of the kernel that the module catches.", nr);
	if (!read_number(fd, "missed", &nr))
		put_one(to, "kvm_mte_hooks_missed_total", "counter",
			"Calls of these functions that kprobes have missed.", nr);
	close(fd);
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void put_repairs(FILE *to)
{
	char *dir = below_root(MTE_DIR "/repairs");
	struct dirent **names = NULL;
	int i, nr = scandir(dir, &names, not_hidden, alphasort);

	free(dir);
	if (nr > 0)
		put_family(to, "kvm_mte_repair_info", "gauge",
			   "Holes of the kernel: active (closed), not-needed or unavailable (open).");
	for (i = 0; i < nr; i++) {
		fputs("kvm_mte_repair_info{", to);
		put_label(to, "repair", names[i]->d_name);
		putc(',', to);
		put_word(to, "state", below_root(MTE_DIR "/repairs/%s", names[i]->d_name));
		fputs("} 1\n", to);
		free(names[i]);
	}
	free(names);
}

static void put_states(FILE *to, const struct vms *vms)
{
	size_t i, j, nr;

	put_family(to, "kvm_mte_vms", "gauge", "VMs in each state.");
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		for (nr = j = 0; j < vms->nr; j++)
			nr += !strcmp(vms->vm[j].state, states[i]);
		fprintf(to, "kvm_mte_vms{state=\"%s\"} %zu\n", states[i], nr);
	}
}

static void put_vm_info(FILE *to, const struct vms *vms)
{
	const struct vm *vm;

	put_family(to, "kvm_mte_vm_info", "gauge",
		   "Each VM: its guest's name, its process, its state and who asked for that.");
	for (vm = vms->vm; vm < vms->vm + vms->nr; vm++) {
		fputs("kvm_mte_vm_info{", to);
		put_label(to, "vm", vm->dir);
		putc(',', to);
		put_label(to, "name", vm->name ?: "");
		fprintf(to, ",pid=\"%lld\",", vm->pid);
		put_label(to, "state", vm->state);
		putc(',', to);
		put_label(to, "origin", vm->origin);
		fputs("} 1\n", to);
	}
}

/**
 * struct vm_family - a number that each VM has
 * @name: of the family
 * @type: counter or gauge
 * @help: what it is
 * @offset: of the number in struct vm
 */
struct vm_family {
	const char *name;
	const char *type;
	const char *help;
	size_t offset;
};

static const struct vm_family families[] = {
	{ "kvm_mte_vm_vcpus", "gauge", "vCPUs created so far.", offsetof(struct vm, vcpus) },
	{ "kvm_mte_vm_pages_tagged_total", "counter",
	  "Base pages whose tags were cleared for the VM.", offsetof(struct vm, pages_tagged) },
	{ "kvm_mte_vm_tags_restored_total", "counter",
	  "Base pages whose tags came back from swap.", offsetof(struct vm, tags_restored) },
	{ "kvm_mte_vm_untracked_migrations_total", "counter",
	  "Migrations and saves by a VMM that does not carry the tags.",
	  offsetof(struct vm, untracked) },
	{ "kvm_mte_vm_held", "gauge", "1 if an administrator holds the VM.",
	  offsetof(struct vm, held) },
};

static void put_vm_family(FILE *to, const struct vms *vms, const struct vm_family *family)
{
	const struct vm *vm;

	put_family(to, family->name, family->type, family->help);
	for (vm = vms->vm; vm < vms->vm + vms->nr; vm++) {
		fprintf(to, "%s{", family->name);
		put_label(to, "vm", vm->dir);
		fprintf(to, "} %lld\n", *(const long long *)((const char *)vm + family->offset));
	}
}

static int put_vms(FILE *to)
{
	struct vms vms;
	size_t i;
	int err = vms_read(&vms);

	/* The module may be unloaded meanwhile. */
	if (err && err != -ENOENT) {
		complain("%s: %s", MTE_VMS, strerror(-err));
		vms_free(&vms);
		return END_ERROR;
	}
	put_states(to, &vms);
	if (vms.nr) {
		put_vm_info(to, &vms);
		for (i = 0; i < ARRAY_SIZE(families); i++)
			put_vm_family(to, &vms, &families[i]);
	}
	vms_free(&vms);
	return END_OK;
}

/* If the module is not loaded, that is a value too, and no error. */
static int put_metrics(FILE *to)
{
	bool loaded = is_loaded();

	put_one(to, "kvm_mte_loaded", "gauge", "1 if the module is loaded.", loaded);
	if (!loaded)
		return END_OK;
	put_info(to);
	put_hooks(to);
	put_repairs(to);
	return put_vms(to);
}

static int fill(int fd)
{
	FILE *to = fdopen(fd, "w");
	int end;

	if (!to) {
		close(fd);
		return -errno;
	}
	errno = 0;
	end = put_metrics(to);
	/* A write that failed before may have left a hole. */
	if (fchmod(fd, 0644) || fflush(to) || ferror(to)) {
		end = errno ? -errno : -EIO;
		fclose(to);
		return end;
	}
	return fclose(to) ? -errno : end;
}

/* Readers of @path see the old file or the new one, and never a part. */
static int write_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *temporary;
	struct stat st;
	int fd, end;

	/* Not a device, and not a link. */
	if (!lstat(path, &st) && !S_ISREG(st.st_mode)) {
		complain("%s: not a regular file", path);
		return END_ERROR;
	}
	/* In the same directory.  The collector takes only files *.prom. */
	if (asprintf(&temporary, "%.*s.kvm-mte.XXXXXX", slash ? (int)(slash + 1 - path) : 0,
		     path) < 0)
		need(NULL);
	fd = mkostemp(temporary, O_CLOEXEC);
	end = fd < 0 ? -errno : fill(fd);
	if (!end && rename(temporary, path))
		end = -errno;
	if (end && fd >= 0)
		unlink(temporary);
	free(temporary);
	if (end < 0) {
		complain("%s: %s", path, strerror(-end));
		return END_ERROR;
	}
	return end;
}

/**
 * cmd_metrics - "kvm-mte metrics"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_metrics(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 }
	};
	const char *path = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (c != 'o')
			return more_than_help();
		path = optarg;
	}
	if (optind < argc)
		return usage_error("metrics takes no argument: %s", argv[optind]);
	return path ? write_file(path) : put_metrics(stdout);
}
