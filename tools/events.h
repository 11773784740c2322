/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-mte events: what its parts share.
 */
#ifndef KVM_MTE_EVENTS_H
#define KVM_MTE_EVENTS_H

#include "kvm-mte.h"

/**
 * struct event - something that has happened
 * @what: added, changed, removed, untracked-migration, refused, set, message, lost
 * @vm: the VM's directory; NULL if it is not about a VM
 * @name: the guest's name, or NULL
 * @pid: the VM's process; -1 if it is not known
 * @state: the VM's state, or NULL
 * @untracked: number of untracked migrations so far; -1 if it is not about that
 * @message: what the kernel says, or NULL
 * @by_uid: the user that made a change; -1 if it is not about that
 * @by_pid: the process that made it; -1 if it is not about that
 * @by_name: the name of that process, or NULL
 */
struct event {
	const char *what;
	const char *vm;
	const char *name;
	long long pid;
	const char *state;
	long long untracked;
	const char *message;
	long long by_uid;
	long long by_pid;
	const char *by_name;
};

/* An event of which nothing is known yet. */
#define NO_EVENT { .pid = -1, .untracked = -1, .by_uid = -1, .by_pid = -1 }

/* events.c */
void event_put(struct event *event);

/* uevents.c */
void events_read_uevents(int fd);

/* kmsg.c */
int events_open_log(void);
bool events_read_log(int fd, bool alone);

#endif /* KVM_MTE_EVENTS_H */
