# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The KVM client (tests/client) in test cases: its points become points of the case; clients that stay obey lines.

# client_points CASE [OPTION...] - runs a case of the client. A client that fails without a failed point of its own is a failed
# point, too. So is one that has no point.
client_points() {
	local label="client $*" line bad=0 status=none points=0
	while IFS= read -r line; do
		[[ $line != 'ok - '* && $line != 'not ok - '* ]] || points=$((points + 1))
		case $line in
		'ok - '*' # SKIP '*)
			line=${line#ok - }
			skip "$label: ${line% # SKIP *}" "${line##* # SKIP }"
			;;
		'ok - '*) ok "$label: ${line#ok - }" ;;
		'not ok - '*)
			bad=1
			not_ok "$label: ${line#not ok - }"
			;;
		'client:exit '*) status=${line#client:exit } ;;
		'#'*) printf '%s\n' "$line" ;;
		*) diag "$label: $line" ;;
		esac
	done < <("$CLIENT" "$@" 2>&1 </dev/null; echo "client:exit $?")
	((status == 0 || bad)) || not_ok "$label: ends well" "its status is $status"
	((points)) || not_ok "$label: has points"
}

# --- what KVM tells a VMM, for each policy ---

declare -A TOLD=(
	[on]='dev 1 vm 1 born 1 enable 0'
	[request]='dev 1 vm 1 born 0 enable 0'
	[off]='dev 0 vm 0 born 0 enable EINVAL'
)

# told WORD NAME COMMAND... - runs the client by COMMAND. KVM tells it what WORD means, also in its thread and its child.
told() {
	is "$("${@:3}" 2>&1 | tr '\n' ';')" "main: ${TOLD[$1]};thread: ${TOLD[$1]};child: ${TOLD[$1]};" "$2: $1"
}

# --- clients that stay ---

declare -A HOLD_IN HOLD_OUT HOLD_PID

# hold_start NAME CASE [OPTION...] - starts a client that obeys lines. HOLD_SAID: its first line.
hold_start() {
	local name=$1 d=/run/hold.$1 in out
	shift
	rm -f "$d.in" "$d.out"
	mkfifo "$d.in" "$d.out"
	exec {in}<>"$d.in" {out}<>"$d.out"
	"$CLIENT" "$@" <"$d.in" >"$d.out" &
	HOLD_IN[$name]=$in HOLD_OUT[$name]=$out HOLD_PID[$name]=$!
	hold_read "$name"
}

# hold_read NAME - reads the client's next line into HOLD_SAID.
hold_read() {
	HOLD_SAID=
	IFS= read -r -t $((120 * ${PATIENCE:-1})) -u "${HOLD_OUT[$1]}" HOLD_SAID || diag "client $1 says nothing"
}

# hold_tell NAME LINE - sends the line to the client. HOLD_SAID: its answer.
hold_tell() {
	printf '%s\n' "$2" >&"${HOLD_IN[$1]}"
	hold_read "$1"
}

# hold_is NAME LINE ANSWER [POINT] - sends the line, and checks the answer.
hold_is() {
	hold_tell "$1" "$2"
	is "$HOLD_SAID" "$3" "${4:-$1: $2}"
}

# hold_end NAME - ends the client. Its last lines become points of the case.
hold_end() {
	local name=$1 line out=${HOLD_OUT[$1]} in=${HOLD_IN[$1]} status=0
	printf 'quit\n' >&"$in"
	wait "${HOLD_PID[$name]}" || status=$?
	# All that it has written is in the FIFO by now.
	printf 'client:end\n' >&"$out"
	while IFS= read -r -t $((60 * ${PATIENCE:-1})) -u "$out" line && [[ $line != client:end ]]; do
		case $line in
		'ok - '*) ok "$name: ${line#ok - }" ;;
		'not ok - '*) not_ok "$name: ${line#not ok - }" ;;
		*) diag "$name: ${line#\# }" ;;
		esac
	done
	is "$status" 0 "$name ends well"
	exec {in}>&- {out}<&-
	unset "HOLD_IN[$name]" "HOLD_OUT[$name]" "HOLD_PID[$name]"
}
