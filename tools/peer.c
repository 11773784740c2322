// SPDX-License-Identifier: GPL-2.0-only
/*
 * The destination of a migration: its host in a URI, and how to run kvm-mte there.
 */
#include <stdlib.h>
#include <string.h>

#include "jobs.h"

static char *text_until(const char *text, const char *end)
{
	return need(strndup(text, end - text));
}

/* HOST[:PORT] or [HOST]:PORT; sets @end to what follows the host. */
static char *host_in(const char *text, const char *limit, const char **end)
{
	const char *close;

	if (*text == '[') {
		close = memchr(text, ']', limit - text);
		if (!close)
			return NULL;
		*end = close + 1;
		return text_until(text + 1, close);
	}
	close = memchr(text, ':', limit - text);
	*end = close ?: limit;
	return text_until(text, *end);
}

/* SSH takes its own options before the host: a host must not look like one. */
static bool is_sane(const struct peer *peer)
{
	if (peer->host && *peer->host == '-')
		return false;
	return !peer->port || !peer->port[strspn(peer->port, "0123456789")];
}

/* DRIVER+ssh://[USER@]HOST[:PORT]/...: USER and PORT are those of the SSH server. */
static bool from_libvirt(struct peer *peer, const char *authority, bool is_ssh)
{
	const char *limit = authority + strcspn(authority, "/?#");
	const char *at = memchr(authority, '@', limit - authority);
	const char *begin = at ? at + 1 : authority, *end;
	char *host;

	if (begin == limit)
		return true;
	host = host_in(begin, limit, &end);
	if (!host)
		return false;
	peer->host = host;
	if (!is_ssh)
		return is_sane(peer);
	if (at) {
		peer->host = need(malloc(at + 1 - authority + strlen(host) + 1));
		sprintf(peer->host, "%.*s%s", (int)(at + 1 - authority), authority, host);
		free(host);
	}
	if (*end == ':' && end + 1 < limit)
		peer->port = text_until(end + 1, limit);
	return is_sane(peer);
}

/**
 * peer_from_uri - find the destination's host
 * @peer: @host and @port are set if the URI names them: one of libvirt, or tcp:HOST:PORT
 *	of QEMU
 * @uri: the URI
 *
 * Return: false if the host cannot be read.
 */
bool peer_from_uri(struct peer *peer, const char *uri)
{
	const char *authority = strstr(uri, "://"), *plus, *end;

	if (authority) {
		plus = memchr(uri, '+', authority - uri);
		return from_libvirt(peer, authority + 3,
				    plus && (!strncmp(plus, "+ssh:", 5) ||
					     !strncmp(plus, "+libssh", 7)));
	}
	if (strncmp(uri, "tcp:", 4) || uri[4] == ':')
		return true;
	peer->host = host_in(uri + 4, uri + strlen(uri), &end);
	return peer->host && is_sane(peer);
}

/**
 * peer_name - the destination, for messages
 * @peer: the destination
 *
 * Return: its name.
 */
const char *peer_name(const struct peer *peer)
{
	return peer->host ?: "destination";
}

/* For a shell: in single quotes. */
static void put_quoted(FILE *to, const char *word)
{
	putc('\'', to);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", to);
		else
			putc(*word, to);
	}
	putc('\'', to);
}

static char *as_command(const char *const *words)
{
	char *text;
	size_t size;
	FILE *to = need(open_memstream(&text, &size));

	fputs("kvm-mte", to);
	for (; *words; words++) {
		putc(' ', to);
		put_quoted(to, *words);
	}
	fclose(to);
	return need(text);
}

static char *rsh_script(const struct peer *peer)
{
	char *script;

	/* A destination that does not answer any more must be noticed. */
	if (asprintf(&script, "%s%s%s \"$@\"",
		     peer->rsh ?: "exec ssh -o ConnectTimeout=30 -o ServerAliveInterval=15",
		     !peer->rsh && peer->port ? " -p " : "",
		     !peer->rsh && peer->port ? peer->port : "") < 0)
		script = NULL;
	return need(script);
}

/**
 * own_command - run this program again
 * @words: its arguments, NULL at the end
 *
 * Return: program and arguments; the caller frees the array.
 */
char **own_command(const char *const *words)
{
	size_t nr = 0, i = 0;
	char **argv;

	while (words[nr])
		nr++;
	argv = need(calloc(nr + 4, sizeof(*argv)));
	argv[i++] = "/proc/self/exe";
	if (*root) {
		argv[i++] = "--root";
		argv[i++] = (char *)root;
	}
	memcpy(argv + i, words, nr * sizeof(*argv));
	return argv;
}

/**
 * peer_command - run kvm-mte at the destination
 * @peer: the destination
 * @words: its arguments, NULL at the end
 *
 * --rsh may have options, and quotes around them: a shell takes it apart.
 *
 * Return: program and arguments; the caller frees the array, and later peer_free() the rest.
 */
char **peer_command(struct peer *peer, const char *const *words)
{
	char **argv;

	if (!peer->host)
		return own_command(words);
	argv = need(calloc(7, sizeof(*argv)));
	argv[0] = "sh";
	argv[1] = "-c";
	peer->script = rsh_script(peer);
	peer->command = as_command(words);
	argv[2] = peer->script;
	argv[3] = "kvm-mte";
	argv[4] = peer->host;
	argv[5] = peer->command;
	return argv;
}

/**
 * peer_free - free what the other functions have allocated
 * @peer: the destination
 */
void peer_free(struct peer *peer)
{
	free(peer->host);
	free(peer->port);
	free(peer->script);
	free(peer->command);
}
