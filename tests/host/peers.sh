# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The other emulated hosts of a case with "# peers:". This host is 1, they are 2, 3 and so on. A case must source this file.

# host_address NR
host_address() { echo "10.0.0.$1"; }

# peer NR COMMAND [ARG...] - runs the command, or function, on that host, with this standard input, output and exit status. The
# functions of this directory are there, but no variable of the case.
peer() {
	local nr=$1
	shift
	"$T/peer" run "$(host_address "$nr")" 1022 "$(printf '. %q; ' "$T"/{lib,hooks,peers,migrate}.sh; printf '%q ' "$@")"
}

# at NR COMMAND [ARG...] - runs it there, also on this host.
at() {
	if (($1 == 1)); then "${@:2}"; else peer "$@"; fi
}

peer_answers() { peer "$1" true 2>/dev/null; }

# peers_wait NR... - waits until these hosts are up.
peers_wait() {
	local nr
	for nr; do
		wait_until 300 peer_answers "$nr" || bail "host $nr does not come up"
	done
}
