// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why guests cannot have MTE on this host, if the module is not loaded.  These are the
 * checks of the module at load, as far as they can be done from user space.  If something
 * cannot be seen, it is reported as unknown and not guessed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "kvm-mte.h"

/* KVM_CAP_ARM_MTE, which older headers do not have */
#define CAP_ARM_MTE	205

/* The first thing found that prevents MTE.  why_not() prints it at the end. */
static char *reason;

static void against(const char *fmt, ...) __printf(1, 2);

static void against(const char *fmt, ...)
{
	va_list args;

	if (reason)
		return;
	va_start(args, fmt);
	if (vasprintf(&reason, fmt, args) < 0)
		reason = NULL;
	va_end(args);
	need(reason);
}

/* Is @option a word of the kernel's command line? */
static bool booted_with(const char *option)
{
	char *text = read_all(below_root("/proc/cmdline"), NULL);
	char *word, *next;
	bool found = false;

	if (!text)
		return false;
	for (word = strtok_r(text, "\n ", &next); word && !found;
	     word = strtok_r(NULL, "\n ", &next))
		found = !strcmp(word, option);
	free(text);
	return found;
}

static void no_mte(void)
{
	enum tribool config = config_has("CONFIG_ARM64_MTE");
	int field = cpu_mte_field();

	if (config == NO)
		against("this kernel is built without CONFIG_ARM64_MTE (%s)", config_source());
	else if (booted_with("arm64.nomte"))
		against("arm64.nomte is on the kernel's command line");
	else if (booted_with("id_aa64pfr1.mte=0"))
		against("id_aa64pfr1.mte=0 is on the kernel's command line");
	else if (field == 1)
		against("the CPU has only the instructions of MTE and no tags in memory, or its firmware leaves them off (ID_AA64PFR1_EL1.MTE is 1, not 2 or more)");
	else if (field > 1)
		against("the CPU has MTE, but the kernel does not use it; perhaps not all CPUs have it");
	else
		against("the CPU has no MTE, or its firmware leaves it off%s%s",
			field < 0 ? "" : " (ID_AA64PFR1_EL1.MTE is 0, not 2 or more)",
			config == YES ? "" : "; or this kernel is built without CONFIG_ARM64_MTE (its configuration cannot be found)");
}

/* With --root, only /proc/cpuinfo tells what the other host is. */
static bool cpu_is_known(void)
{
	char *path;
	bool known;

	if (!*root)
		return true;
	path = below_root("/proc/cpuinfo");
	known = !access(path, R_OK);
	if (!known)
		complain("%s: %s", path, strerror(errno));
	free(path);
	return known;
}

static void check_cpu(void)
{
	if (!cpu_is_arm64()) {
		against("this is no arm64 machine");
		return;
	}
	printf("CPU:      %s\n", cpu_has_mte() ? "MTE" : "no MTE");
	if (!cpu_has_mte())
		no_mte();
}

static void no_kvm(void)
{
	if (config_has("CONFIG_KVM") == NO)
		against("no /dev/kvm: this kernel is built without CONFIG_KVM (%s)",
			config_source());
	else if (booted_with("kvm-arm.mode=none"))
		against("no /dev/kvm: kvm-arm.mode=none is on the kernel's command line");
	else if (klog_last("kvm [1]: HYP mode not available"))
		against("no /dev/kvm: the kernel was not started at EL2 (by its firmware, or it is a guest itself)");
	else
		against("no /dev/kvm: KVM is not available%s",
			klog_readable() ? "" : "; the kernel log has the reason, and only root can read it");
}

static const char *kvm_mode(void)
{
	if (booted_with("kvm-arm.mode=protected")) {
		against("KVM is in protected mode (kvm-arm.mode=protected is on the kernel's command line)");
		return "protected";
	}
	if (klog_last("kvm [1]: Protected nVHE mode initialized successfully")) {
		against("KVM is in protected mode");
		return "protected";
	}
	if (klog_last("kvm [1]: VHE mode initialized successfully"))
		return "VHE";
	if (booted_with("kvm-arm.mode=nvhe") ||
	    klog_last("kvm [1]: Hyp mode initialized successfully") ||
	    klog_last("kvm [1]: Hyp nVHE mode initialized successfully"))
		return "nVHE";
	return NULL;
}

/* If KVM has guest MTE itself, check_for_inject() is not needed. */
static enum tribool kvm_has_mte(const char *dev)
{
	int fd = open(dev, O_RDWR | O_CLOEXEC);
	int has = fd < 0 ? -1 : ioctl(fd, KVM_CHECK_EXTENSION, CAP_ARM_MTE);

	if (fd >= 0)
		close(fd);
	return has < 0 ? UNKNOWN : has ? YES : NO;
}

static void check_for_inject(const char *mode)
{
	if (mode && !strcmp(mode, "nVHE"))
		against("KVM is not in VHE mode, and kernels before 5.14 need that for guest MTE");
	if (config_has("CONFIG_KASAN_HW_TAGS") == YES)
		against("the kernel uses MTE itself: CONFIG_KASAN_HW_TAGS (%s)", config_source());
}

static void check_kvm(void)
{
	char *dev = below_root("/dev/kvm");
	bool missing = access(dev, F_OK);
	enum tribool own = kvm_has_mte(dev);
	const char *mode;

	free(dev);
	if (missing) {
		puts("KVM:      none");
		no_kvm();
		return;
	}
	mode = kvm_mode();
	if (mode)
		printf("KVM:      %s mode", mode);
	else
		printf("KVM:      mode unknown (the kernel log %s)",
		       klog_readable() ? "no longer has it" : "cannot be read; root can");
	puts(own == YES ? ", has guest MTE itself" : "");
	if (own != YES)
		check_for_inject(mode);
}

/* A line of modules.dep is "path/kvm_mte.ko[.xz]: what it needs". */
static char *installed(const char *release)
{
	char *text = read_all(below_root("/lib/modules/%s/modules.dep", release), NULL);
	char *line, *next, *slash, *path = NULL;

	if (!text)
		return NULL;
	for (line = strtok_r(text, "\n", &next); line && !path;
	     line = strtok_r(NULL, "\n", &next)) {
		line[strcspn(line, ":")] = '\0';
		slash = strrchr(line, '/');
		if (!strncmp(slash ? slash + 1 : line, "kvm_mte.ko", 10))
			path = need(strdup(line));
	}
	free(text);
	return path;
}

static bool installed_for_another(void)
{
	char *modules = below_root("/lib/modules");
	DIR *dir = opendir(modules);
	struct dirent *d;
	bool found = false;
	char *path;

	free(modules);
	while (dir && !found && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		path = installed(d->d_name);
		found = path;
		free(path);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Returns true if the module is installed for this kernel: only the advice depends on it. */
static bool check_module(void)
{
	char *release = read_all(below_root("/proc/sys/kernel/osrelease"), NULL);
	char *path;
	bool there;

	if (release)
		release[strcspn(release, "\n")] = '\0';
	path = installed(release ?: "");
	there = path;
	printf("module:   not loaded; ");
	if (path)
		printf("installed, /lib/modules/%s/%s\n", release, path);
	else
		printf("not installed for this kernel, %s%s\n", release ?: "unknown",
		       installed_for_another() ? ", but for another: see \"dkms status\"" : "");
	free(release);
	free(path);
	return there;
}

/* The module's last line in the kernel's log: perhaps why it did not load. */
static void put_log(void)
{
	const char *said = klog_last("kvm_mte: ");

	/* These lines are the kernel's, not the module's. */
	if (!said || strstr(said, "out-of-tree module") ||
	    strstr(said, "verification failed"))
		return;
	fputs("log:      ", stdout);
	put_safely(stdout, said);
	putchar('\n');
}

/**
 * why_not - the module is not loaded: print why, or what to do
 *
 * Return: END_NO_MTE if guests cannot have MTE; END_NOT_LOADED if only the module is not
 * loaded; END_ERROR.
 */
int why_not(void)
{
	bool there;

	if (!cpu_is_known())
		return END_ERROR;
	there = check_module();
	check_cpu();
	if (!reason)
		check_kvm();
	put_log();
	if (reason) {
		printf("reason:   guests cannot have MTE: %s\n", reason);
		free(reason);
		return END_NO_MTE;
	}
	if (there)
		puts("reason:   nothing found that prevents MTE; load the module: modprobe kvm_mte");
	else
		puts("reason:   nothing found that prevents MTE; install the module");
	return END_NOT_LOADED;
}
