// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space can find out about the running kernel and its KVM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "kvm-mte.h"

/* KVM_CAP_ARM_MTE, which older headers do not have */
#define CAP_ARM_MTE	205

/**
 * booted_value - find an option on the kernel's command line
 * @option: its name with "=", or a whole word
 *
 * Return: what follows @option in the last word that begins with it; the caller frees it.
 * NULL if there is none.
 */
char *booted_value(const char *option)
{
	char *text = read_all(below_root("/proc/cmdline"), NULL);
	size_t len = strlen(option);
	char *word, *next, *value = NULL;

	if (!text)
		return NULL;
	for (word = strtok_r(text, "\n ", &next); word; word = strtok_r(NULL, "\n ", &next)) {
		if (strncmp(word, option, len))
			continue;
		free(value);
		value = need(strdup(word + len));
	}
	free(text);
	return value;
}

/**
 * booted_with - is an option on the kernel's command line?
 * @option: the whole word
 *
 * Return: true if it is.
 */
bool booted_with(const char *option)
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

/**
 * host_release - the running kernel's release
 *
 * Return: as "uname -r"; the caller frees it.  NULL if it cannot be read.
 */
char *host_release(void)
{
	char *text = read_all(below_root("/proc/sys/kernel/osrelease"), NULL);

	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

/**
 * kvm_mode - the mode of KVM
 *
 * It is on the kernel's command line or in its log, and nowhere else.
 *
 * Return: the mode, or MODE_UNKNOWN.
 */
enum kvm_mode kvm_mode(void)
{
	if (booted_with("kvm-arm.mode=protected") ||
	    klog_last("kvm [1]: Protected nVHE mode initialized successfully"))
		return MODE_PROTECTED;
	if (klog_last("kvm [1]: VHE mode initialized successfully"))
		return MODE_VHE;
	if (booted_with("kvm-arm.mode=nvhe") ||
	    klog_last("kvm [1]: Hyp mode initialized successfully") ||
	    klog_last("kvm [1]: Hyp nVHE mode initialized successfully"))
		return MODE_NVHE;
	return MODE_UNKNOWN;
}

/**
 * kvm_has_mte - has KVM itself guest MTE?
 * @err: set to the errno if that cannot be known
 *
 * Only asked while the module is not loaded: it answers this question too.
 *
 * Return: YES or NO; UNKNOWN if KVM cannot be asked.
 */
enum tribool kvm_has_mte(int *err)
{
	char *dev = below_root("/dev/kvm");
	int fd = open(dev, O_RDWR | O_CLOEXEC);
	int has = fd < 0 ? -1 : ioctl(fd, KVM_CHECK_EXTENSION, CAP_ARM_MTE);

	*err = has < 0 ? errno : 0;
	free(dev);
	if (fd >= 0)
		close(fd);
	return has < 0 ? UNKNOWN : has ? YES : NO;
}

/**
 * kvm_advice - what to do if KVM cannot be asked
 * @err: from kvm_has_mte()
 *
 * Return: a sentence.
 */
const char *kvm_advice(int err)
{
	if (*root)
		return "run this on that host";
	if (err == EACCES && geteuid())
		return "run this as root";
	if (err == ENOENT)
		return "run this on the host, outside of containers";
	return LOADS_ANYWAY;
}

/**
 * kvm_is_missing - is there no KVM?
 *
 * A container may have KVM without its device.
 *
 * Return: true if neither /dev/kvm nor the kernel's own entry for it is there.
 */
bool kvm_is_missing(void)
{
	char *dev = below_root("/dev/kvm"), *entry = below_root("/sys/class/misc/kvm");
	bool missing = access(dev, F_OK) && access(entry, F_OK);

	free(dev);
	free(entry);
	return missing;
}

/**
 * inject_lacks - what keeps the backend inject from this kernel?
 * @mode: from kvm_mode()
 *
 * A KVM that has guest MTE itself does not need that backend.
 *
 * Return: a clause, which the caller frees; NULL if nothing was found.
 */
char *inject_lacks(enum kvm_mode mode)
{
	char *clause = NULL;

	if (mode == MODE_NVHE)
		return need(strdup("KVM is not in VHE mode"));
	if (config_has("CONFIG_KASAN_HW_TAGS") != YES)
		return NULL;
	if (asprintf(&clause, "the kernel uses MTE itself: CONFIG_KASAN_HW_TAGS (%s)",
		     config_source()) < 0)
		clause = NULL;
	return need(clause);
}

/**
 * why_no_kvm - there is no /dev/kvm: why?
 *
 * Return: the reason, which the caller frees.
 */
char *why_no_kvm(void)
{
	char *why = NULL;

	if (config_has("CONFIG_KVM") == NO) {
		if (asprintf(&why, "this kernel is built without CONFIG_KVM (%s)",
			     config_source()) < 0)
			why = NULL;
	} else if (booted_with("kvm-arm.mode=none")) {
		why = strdup("kvm-arm.mode=none is on the kernel's command line");
	} else if (klog_last("kvm [1]: HYP mode not available")) {
		why = strdup("the kernel was not started at EL2 (by its firmware, or it is a guest itself)");
	} else if (klog_readable()) {
		why = strdup("KVM is not available");
	} else {
		why = strdup("KVM is not available; the kernel log has the reason, and only root can read it");
	}
	return need(why);
}
