// SPDX-License-Identifier: GPL-2.0-only
/*
 * The process that changes something, for the log.  A change that succeeds leaves a line in
 * the log.  The line is written in a write to sysfs or an ioctl of /dev/kvm_mte, and never in
 * a hook.
 */
#include <linux/cred.h>
#include <linux/ratelimit.h>
#include <linux/string_helpers.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "policy/writer.h"

/**
 * writer_may_log - has the log room for one more change?
 *
 * A script that changes each VM of a host must lose no line.  So the limit is high; it is
 * there because an administrator may let others write to a VM's files.
 *
 * Context: any.
 * Return: true if it has.
 */
bool writer_may_log(void)
{
	static DEFINE_RATELIMIT_STATE(changes, 5 * HZ, 2000);

	return __ratelimit(&changes);
}

/**
 * writer_current - the calling process
 *
 * A process chooses its name itself, so a newline in it must not begin a line of the log.
 *
 * Context: process context.
 * Return: what identifies it.
 */
struct writer writer_current(void)
{
	struct writer who = {
		.uid = from_kuid_munged(&init_user_ns, current_uid()),
		.pid = current->tgid,
	};
	char comm[TASK_COMM_LEN];
	int len;

	get_task_comm(comm, current);
	/* One byte less, for the zero at the end. */
	len = string_escape_mem(comm, strlen(comm), who.comm, sizeof(who.comm) - 1,
				ESCAPE_ANY_NP, NULL);
	who.comm[min_t(int, len, sizeof(who.comm) - 1)] = '\0';
	return who;
}
