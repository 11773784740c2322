// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-mte migrate: migrates a VM with its tags, by libvirt or by QEMU's monitor.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"

/* virsh takes an option only once: these are set here. */
static bool is_ours(struct migrate *m, const char *option)
{
	if (!strcmp(option, "--suspend"))
		m->suspended = true;
	return !strcmp(option, "--suspend") || !strcmp(option, "--live");
}

/* Sorts out virsh's options, in place. */
static int take_options(struct migrate *m, char **options)
{
	char **from, **to = options;

	m->options = options;
	for (from = options; *from; from++) {
		if (!strncmp(*from, "--postcopy", strlen("--postcopy")))
			return usage_error("migrate: tags cannot travel with post-copy: %s", *from);
		if (!strcmp(*from, "--offline"))
			return usage_error("migrate: there are no tags to migrate: %s", *from);
		if (!strcmp(*from, "--dname") && from[1])
			m->name = from[1];
		else if (!strncmp(*from, "--dname=", strlen("--dname=")))
			m->name = *from + strlen("--dname=");
		if (!is_ours(m, *from))
			*to++ = *from;
	}
	*to = NULL;
	return END_OK;
}

/* The two words after the options; after those, with libvirt, "--" and options of virsh. */
static int take_words(struct migrate *m, int argc, char **argv)
{
	if (argc < 1)
		return usage_error("migrate: which %s?", m->qmp ? "VM" : "domain");
	if (argc < 2)
		return usage_error("migrate: where to?");
	m->which = argv[0];
	m->uri = argv[1];
	if (argc > 2 && (m->qmp || strcmp(argv[2], "--")))
		return usage_error("migrate: one %s and one URI only: %s",
				   m->qmp ? "VM" : "domain", argv[2]);
	if (!m->qmp && m->name)
		return usage_error("migrate: --name is for --qmp; virsh has --dname");
	if (m->qmp && !qmp_can_answer(m->uri))
		return usage_error("migrate: the destination cannot answer over this URI: %s", m->uri);
	return m->qmp ? END_OK : take_options(m, argv + (argc > 2 ? 3 : 2));
}

static int parse(struct migrate *m, int argc, char **argv, char **host)
{
	static const struct option options[] = {
		{ "rsh", required_argument, NULL, 'e' },
		{ "host", required_argument, NULL, 'h' },
		{ "qmp", required_argument, NULL, 'q' },
		{ "name", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "+e:", options, NULL)) != -1) {
		switch (c) {
		case 'e':
			m->peer.rsh = optarg;
			break;
		case 'h':
			*host = optarg;
			break;
		case 'q':
			m->qmp = optarg;
			break;
		case 'n':
			m->name = optarg;
			break;
		default:
			return more_than_help();
		}
	}
	return take_words(m, argc - optind, argv + optind);
}

/**
 * migrate_find - find the VM that is migrated, and its name at the destination
 * @m: what was asked for; @m->name and @m->suspended are set
 * @jobs: what runs meanwhile
 * @vms: filled; the caller calls vms_free(), also after an error
 * @vm: set to the VM
 *
 * Return: exit status.
 */
int migrate_find(struct migrate *m, struct jobs *jobs, struct vms *vms, const struct vm **vm)
{
	int end = need_vms(vms), runs;

	if (end)
		return end;
	*vm = find_vm(vms, m->which);
	if (!*vm)
		return END_ERROR;
	if (!m->name)
		m->name = m->qmp ? (*vm)->name : m->which;
	if (!m->name) {
		complain_of(*vm, "the guest has no name; --name=VM names it at the destination");
		return END_ERROR;
	}
	if (m->qmp) {
		qmp_expect(*vm);
		return claim_whole_vm(*vm);
	}
	if (!(*vm)->name || strcmp((*vm)->name, m->which)) {
		complain_of(*vm, "no domain of libvirt has this name: %s", m->which);
		return END_ERROR;
	}
	if (!domain_has_clear_name(m->which) || !domain_has_clear_name(m->name))
		return END_ERROR;
	end = claim_domain(jobs, *vm);
	if (end)
		return end;
	runs = domain_runs(jobs, m->which);
	m->runs = runs > 0;
	m->suspended |= !runs;
	return runs < 0 ? END_ERROR : END_OK;
}

/**
 * cmd_migrate - "kvm-mte migrate"
 * @argc: number of arguments
 * @argv: the command and its arguments
 *
 * Return: exit status.
 */
int cmd_migrate(int argc, char **argv)
{
	struct migrate m = { .which = NULL };
	char *host = NULL;
	int end;

	end = parse(&m, argc, argv, &host);
	if (!end && host)
		m.peer.host = need(strdup(host));
	else if (!end && !peer_from_uri(&m.peer, m.uri))
		end = usage_error("migrate: the URI's host cannot be used: %s", m.uri);
	if (!end && host && *host == '-')
		end = usage_error("migrate: not a host: %s", host);
	if (!end && !m.peer.host && m.peer.rsh)
		m.peer.host = need(strdup("localhost"));
	if (!end)
		end = migrate_vm(&m);
	peer_free(&m.peer);
	return end;
}
