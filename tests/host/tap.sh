# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# TAP for test cases; sourced by lib.sh.

TAP_COUNT=0
TAP_FAILED=0

# full - does the tier have the steps that take long? The tier of "make check" does not.
full() { [[ ${TIER:-quick} == full ]]; }

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

# ok NAME / not_ok NAME [DETAIL...]
ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %d - %s\n' "$TAP_COUNT" "$1"
}

not_ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - %s\n' "$TAP_COUNT" "$1"
	shift
	local d
	for d; do diag "$d" | head -n 30; done
	# tests/without needs only one failed point.
	[[ -z ${FAIL_FAST:-} ]] || bail "stops at the first failed point"
	return 0
}

# skip NAME WHY
skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %d - %s # SKIP %s\n' "$TAP_COUNT" "$1" "$2"
}

# is GOT WANT NAME / isnt GOT UNWANTED NAME / like GOT REGEX NAME / unlike GOT REGEX NAME
is() {
	if [[ $1 == "$2" ]]; then ok "$3"; else not_ok "$3" "     got: $1" "expected: $2"; fi
}

isnt() {
	if [[ $1 != "$2" ]]; then ok "$3"; else not_ok "$3" "got what must not be: $1"; fi
}

like() {
	if grep -qE -e "$2" <<<"$1"; then ok "$3"; else not_ok "$3" "          got: $1" "does not match: $2"; fi
}

unlike() {
	if ! grep -qE -e "$2" <<<"$1"; then ok "$3"; else not_ok "$3" "     got: $1" " matches: $2"; fi
}

# succeeds NAME COMMAND... / fails NAME COMMAND... - by exit status; the output is shown if it is not as wanted.
# No subshell: the command may be a function that sets variables.
TAP_OUT=/run/tap.out

succeeds() {
	local name=$1 status=0
	shift
	"$@" >"$TAP_OUT" 2>&1 || status=$?
	if ((status == 0)); then ok "$name"; else not_ok "$name" "$* ended with $status" "$(cat "$TAP_OUT")"; fi
}

fails() {
	local name=$1
	shift
	if "$@" >"$TAP_OUT" 2>&1; then not_ok "$name" "$* succeeded" "$(cat "$TAP_OUT")"; else ok "$name"; fi
}

bail() {
	printf 'Bail out! %s\n' "$*"
	exit 1
}

done_testing() {
	printf '1..%d\n' "$TAP_COUNT"
	exit $((TAP_FAILED > 0))
}
