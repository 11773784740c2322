// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte check: is the module there for the running kernel, and may it be loaded?
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define SECURE_BOOT	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SIGN_IT		"sign the module, and let the kernel know the key: secure-boot.md in the documentation"

/* Bits of the kernel's taint: Documentation/admin-guide/tainted-kernels.rst */
#define TAINT_OOT	(1UL << 12)
#define TAINT_UNSIGNED	(1UL << 13)

/* Frees @path. */
static bool reads(char *path, const char *word)
{
	char text[80];
	int err = read_word(AT_FDCWD, path, text, sizeof(text));

	free(path);
	return !err && strstr(text, word);
}

static void check_file(const char *release, const char *info)
{
	char *path = installed(release ?: ""), *magic = info_value(info, "vermagic");
	size_t len = strlen(release ?: "");

	if (!path)
		checked(is_loaded() ? CHECK_UNKNOWN : CHECK_INSTALL, "module for this kernel", "install it: \"dkms status kvm-mte\" tells whether DKMS could build it",
			"not installed for %s%s", release ?: "this kernel",
			installed_for_another() ? ", but for another kernel" : "");
	else if (!magic)
		checked(CHECK_UNKNOWN, "module for this kernel", NULL,
			"/lib/modules/%s/%s is installed, but modinfo cannot read it", release, path);
	else if (strncmp(magic, release, len) || (magic[len] && magic[len] != ' '))
		checked(CHECK_INSTALL, "module for this kernel", "build it again", "/lib/modules/%s/%s was built for %.*s",
			release, path, (int)strcspn(magic, " "), magic);
	else
		checked(CHECK_OK, "module for this kernel", NULL, "/lib/modules/%s/%s", release,
			path);
	free(magic);
	free(path);
}

static enum tribool secure_boot(void)
{
	char *text;
	size_t len;
	bool on;

	text = read_all(below_root(SECURE_BOOT), &len);
	if (!text)
		return UNKNOWN;
	/* Four bytes of attributes come first. */
	on = len == 5 && text[4] == 1;
	free(text);
	return on ? YES : NO;
}

/* What makes the kernel refuse a module without a signature; NULL if nothing does. */
static const char *needs_signature(void)
{
	if (reads(below_root("/sys/kernel/security/lockdown"), "[integrity]") ||
	    reads(below_root("/sys/kernel/security/lockdown"), "[confidentiality]"))
		return "the kernel is locked down";
	if (reads(below_root("/sys/module/module/parameters/sig_enforce"), "Y"))
		return "module.sig_enforce is on";
	if (config_has("CONFIG_MODULE_SIG_FORCE") == YES)
		return "the kernel is built with CONFIG_MODULE_SIG_FORCE";
	return NULL;
}

/* Without a file for it, the kernel does not show whether it is locked down. */
static bool lockdown_is_seen(void)
{
	char word[80], *path = below_root("/sys/kernel/security/lockdown");
	bool seen = !read_word(AT_FDCWD, path, word, sizeof(word));

	free(path);
	return seen || config_has("CONFIG_SECURITY_LOCKDOWN_LSM") == NO;
}

static void check_signature(const char *info)
{
	const char *why = needs_signature();
	char *signer = info_value(info, "signer");

	if (is_loaded())
		checked(CHECK_OK, "signature", NULL, "the kernel has accepted the module");
	else if (why && !info)
		checked(CHECK_UNKNOWN, "signature", SIGN_IT, "needed: %s; there is no module that could be looked at", why);
	else if (why && !signer)
		checked(CHECK_NO, "signature", SIGN_IT, "needed: %s; the module has none", why);
	else if (why)
		checked(CHECK_UNKNOWN, "signature", SIGN_IT, "needed: %s; the module is signed by \"%s\", and user space cannot see whether the kernel knows that key",
			why, signer);
	else if (!lockdown_is_seen())
		checked(CHECK_UNKNOWN, "signature", secure_boot() == YES ? SIGN_IT : NULL,
			"/sys/kernel/security/lockdown is not there; Secure Boot is %s",
			secure_boot() == YES ? "on" : secure_boot() == NO ? "off" : "unknown");
	else
		checked(CHECK_OK, "signature", NULL, "not needed%s%s%s", signer ? "; signed by \"" : "",
			signer ?: "", signer ? "\"" : "");
	free(signer);
}

/* panic_on_taint=MASK[,nousertaint] */
static void check_taint(const char *info)
{
	unsigned long bits = TAINT_OOT, mask = 0;
	char *value = booted_value("panic_on_taint=");
	char *signer = info_value(info, "signer");
	long long now = 0;
	char *path = below_root("/proc/sys/kernel/tainted");

	if (!signer)
		bits |= TAINT_UNSIGNED;
	if (value)
		mask = strtoul(value, NULL, 16);
	read_number(AT_FDCWD, path, &now);
	if (mask & bits && !is_loaded())
		checked(CHECK_NO, "taint", "remove panic_on_taint= from the kernel's command line, or change its value, and reboot",
			"to load the module would crash the host: panic_on_taint=%s is on the kernel's command line",
			value);
	else
		checked(CHECK_OK, "taint", NULL, "the kernel allows it; now %lld, the module adds %lu (out of tree)%s",
			now, TAINT_OOT, signer ? "" : " and, without a signature, 8192");
	free(path);
	free(signer);
	free(value);
}

/**
 * check_module - check whether the module is there, and may be loaded
 */
void check_module(void)
{
	char *release = host_release(), *info = module_info();

	check_file(release, info);
	check_signature(info);
	check_taint(info);
	check_hooks(info);
	if (is_loaded())
		checked(CHECK_OK, "loading", NULL, "the module is loaded");
	else if (reads(below_root("/proc/sys/kernel/modules_disabled"), "1"))
		checked(CHECK_NO, "loading", "reboot, and load the module before kernel.modules_disabled is set",
			"this kernel loads no module any more: kernel.modules_disabled is 1");
	else
		checked(CHECK_OK, "loading", NULL, "\"modprobe kvm_mte\" loads the module");
	free(info);
	free(release);
}
