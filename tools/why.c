// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why guests cannot have MTE on this host, if the module is not loaded.  These are the
 * checks of the module at load, as far as they can be done from user space.  If something
 * cannot be seen, it is reported as unknown and not guessed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

/*
 * The first thing found that prevents MTE, and the first that does so unless something else
 * is the case, which cannot be known.  why_not() prints one of them at the end.
 */
static char *reason;
static char *doubt;

/* Where to print what was found on the way. */
static FILE *to;

static void note(char **text, const char *fmt, ...) __printf(2, 3);

static void note(char **text, const char *fmt, ...)
{
	va_list args;

	if (*text)
		return;
	va_start(args, fmt);
	if (vasprintf(text, fmt, args) < 0)
		*text = NULL;
	va_end(args);
	need(*text);
}

#define against(...)	note(&reason, __VA_ARGS__)

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

/**
 * cpu_is_known - is there anything that tells what the host's CPU is?
 *
 * With --root, only /proc/cpuinfo does.
 *
 * Return: true if there is; false after an error message.
 */
bool cpu_is_known(void)
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
	fprintf(to, "CPU:      %s\n", cpu_has_mte() ? "MTE" : "no MTE");
	if (!cpu_has_mte())
		no_mte();
}

/* If KVM has guest MTE itself, what inject lacks is not needed. */
static void check_backend(enum kvm_mode mode)
{
	char *lacks = inject_lacks(mode);
	enum tribool own;
	int err;

	own = kvm_has_mte(&err);
	if (own == UNKNOWN)
		fprintf(to, ", unknown whether it has guest MTE itself (/dev/kvm: %s); %s\n",
			strerror(err), kvm_advice(err));
	else
		fputs(own == YES ? ", has guest MTE itself\n" : "\n", to);
	if (lacks && own == NO)
		against("KVM has no guest MTE itself, and %s", lacks);
	else if (lacks && own == UNKNOWN)
		note(&doubt, "%s, so KVM must have guest MTE itself, and cannot be asked (/dev/kvm: %s); %s",
		     lacks, strerror(err), kvm_advice(err));
	free(lacks);
}

static void check_mode(enum kvm_mode mode)
{
	static const char * const words[] = {
		[MODE_VHE] = "VHE", [MODE_NVHE] = "nVHE", [MODE_PROTECTED] = "protected",
	};

	if (mode == MODE_UNKNOWN)
		fprintf(to, "KVM:      mode unknown (the kernel log %s)",
			klog_readable() ? "no longer has it" : "cannot be read; root can");
	else
		fprintf(to, "KVM:      %s mode", words[mode]);
	if (mode == MODE_PROTECTED)
		against("KVM is in protected mode%s", booted_with("kvm-arm.mode=protected") ?
			" (kvm-arm.mode=protected is on the kernel's command line)" : "");
}

static void check_kvm(void)
{
	enum kvm_mode mode;
	char *why;

	if (kvm_is_missing()) {
		fputs("KVM:      none\n", to);
		why = why_no_kvm();
		against("no /dev/kvm: %s", why);
		free(why);
		return;
	}
	mode = kvm_mode();
	check_mode(mode);
	check_backend(mode);
}

/* Returns true if the module is installed for this kernel: only the advice depends on it. */
static bool check_module(void)
{
	char *release = host_release();
	char *path;
	bool there;

	path = installed(release ?: "");
	there = path;
	fprintf(to, "module:   not loaded; ");
	if (path)
		fprintf(to, "installed, /lib/modules/%s/%s\n", release, path);
	else
		fprintf(to, "not installed for this kernel, %s%s\n", release ?: "unknown",
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
	fputs("log:      ", to);
	put_safely(to, said);
	putc('\n', to);
}

static void put_reason(bool there)
{
	if (reason)
		printf("reason:   guests cannot have MTE: %s\n", reason);
	else if (doubt)
		printf("reason:   unknown whether guests can have MTE: %s\n", doubt);
	else if (there)
		puts("reason:   nothing found that prevents MTE; load the module: modprobe kvm_mte");
	else
		puts("reason:   nothing found that prevents MTE; install the module");
}

/* The rest of the object that status begins. */
static void put_reason_json(void)
{
	printf(", \"possible\": %s, \"reason\": ", reason ? "false" : doubt ? "null" : "true");
	put_json(stdout, reason ?: doubt);
	puts("}");
}

/**
 * why_not - the module is not loaded: print why, or what to do
 * @json: print the last members of an object, and not lines
 *
 * Return: END_NO_MTE if guests cannot have MTE; END_NOT_LOADED if only the module is not
 * loaded; END_ERROR.
 */
int why_not(bool json)
{
	bool there;
	int end;

	to = json ? fopen("/dev/null", "w") : stdout;
	need(to);
	there = check_module();
	check_cpu();
	if (!reason)
		check_kvm();
	put_log();
	if (json)
		fclose(to);
	end = reason ? END_NO_MTE : END_NOT_LOADED;
	if (json)
		put_reason_json();
	else
		put_reason(there);
	free(reason);
	free(doubt);
	return end;
}
