# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Judges one run: first the TAP lines of the case, as they come, then the host's console.

# Messages that mean a bug in the kernel or the module.
SPLAT='BUG:|kernel BUG|WARNING:|Oops|[Cc]all [Tt]race:|rcu[_a-z:]*.*(stall|starved)|soft lockup|hard LOCKUP'
SPLAT+='|possible (circular|recursive|irq lock)|inconsistent lock state|suspicious RCU|Internal error|Kernel panic'
SPLAT+='|Unable to handle|refcount_t|blocked for more than|scheduling while atomic|UBSAN:|KASAN:|Bad page'
SPLAT+='|unexpected (SError|NMI)|nobody cared|DEBUG_LOCKS_WARN_ON|bad: scheduling'
SPLAT+='|non-static key|locking correctness validator|page dumped because: VM_|ODEBUG:|list_(add|del) corruption'

judge_init() {
	J_PASSED=0 J_FAILED=0 J_SKIPPED=0 J_PLAN='' J_EXIT=''
}

# A failure of the run itself counts as one test point.
judge_fail() {
	J_FAILED=$((J_FAILED + 1))
	printf 'not ok - %s\n' "$*"
}

judge_line() {
	case $1 in
	'ok '*'# SKIP'* | 'ok '*'# skip'*) J_SKIPPED=$((J_SKIPPED + 1)) ;;
	'not ok '*'# TODO'*) J_SKIPPED=$((J_SKIPPED + 1)) ;;
	'ok '[0-9]*) J_PASSED=$((J_PASSED + 1)) ;;
	'not ok '[0-9]*) J_FAILED=$((J_FAILED + 1)) ;;
	1..[0-9]*) J_PLAN=${1#1..} J_PLAN=${J_PLAN%% *} ;;
	'Bail out!'*) J_FAILED=$((J_FAILED + 1)) ;;
	'case:exit '*) J_EXIT=${1#case:exit } ;;
	esac
}

# complaints CONSOLE [injected] - the console; without what the kernel says of allocations that fail, if the case makes them fail.
complaints() {
	awk -v "injected=${2:-}" '
		injected && /(page|vmalloc:) allocation failure|vmalloc error:/ { skip = 80 }
		skip-- > 0 { if (/Mem-Info:/) skip = 0; next }
		{ print }' "$1"
}

# judge_console CONSOLE WHO [injected] - fails, and shows why, if there is a message that means a bug.
judge_console() {
	if grep -aqE "$SPLAT" < <(complaints "$1" "${3:-}"); then
		judge_fail "$2 complains"
		grep -aE -m1 -B2 -A25 "$SPLAT" < <(complaints "$1" "${3:-}") | tr -d '\r' | sed 's/^/#   /'
	fi
}

# judge_end STATUS-OF-QEMU CONSOLE [injected] - prints what else is wrong with the run.
judge_end() {
	local status=$1 console=$2 injected=${3:-} points=$((J_PASSED + J_FAILED + J_SKIPPED)) failed=$J_FAILED
	if ((status == 124 || status == 137)); then
		judge_fail "time ran out"
	elif ((status != 0)); then
		judge_fail "QEMU ended with status $status"
	fi
	judge_console "$console" "the host's kernel" "$injected"
	if [[ -z $J_EXIT ]]; then
		((J_FAILED > failed)) || judge_fail "the host went down before the case ended"
		return
	fi
	if [[ $J_PLAN == 0 ]]; then
		judge_fail "the case has no point"
	elif [[ -z $J_PLAN ]]; then
		((J_FAILED > 0 && J_EXIT != 0)) || judge_fail "no plan: the case ended early (status $J_EXIT)"
	elif [[ $J_PLAN != any && $J_PLAN != "$points" ]]; then
		judge_fail "planned $J_PLAN points, saw $points"
	elif [[ $J_EXIT != 0 && $J_FAILED == 0 ]]; then
		judge_fail "the case ended with status $J_EXIT"
	fi
}
