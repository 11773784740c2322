/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that changes something, for the log. */
#ifndef _KVM_MTE_WRITER_H
#define _KVM_MTE_WRITER_H

#include <linux/sched.h>
#include <linux/types.h>

/**
 * struct writer - the process that makes a change
 * @uid: its user, in the initial user namespace
 * @pid: its id, in the initial pid namespace
 * @comm: its name, with bytes that are not printable escaped
 */
struct writer {
	uid_t uid;
	pid_t pid;
	char comm[4 * TASK_COMM_LEN];
};

struct writer writer_current(void);
bool writer_may_log(void);

/* A line in the log about a change that was made. */
#define writer_log(who, fmt, ...)					\
do {									\
	if (writer_may_log())						\
		pr_notice(fmt ", by uid %u, process %d (%s)\n",		\
			  ##__VA_ARGS__, (who)->uid, (who)->pid, (who)->comm); \
} while (0)

#endif /* _KVM_MTE_WRITER_H */
