# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Linux's selftests of KVM; sourced by cases "with: kvm-selftests".

# selftest_results COMMAND... - runs each in turn, and prints it with its exit status. 4: skipped, 254: a failed assertion.
selftest_results() {
	local command words status
	for command; do
		read -ra words <<<"$command"
		status=0
		timeout -k 5 "${SELFTEST_TIMEOUT:-600}" "/t/kvm-selftests/${words[0]}" "${words[@]:1}" >/tmp/selftest.out 2>&1 </dev/null || status=$?
		echo "$command: $status"
	done
}

# selftests_same COMMAND... - the results must be the same without the module and with it. Two are run again after the unload.
selftests_same() {
	local before with line
	before=$(selftest_results "$@")
	load_module || bail "the module does not load"
	with=$(selftest_results "$@")
	while IFS= read -r line; do
		is "$(grep -F "${line% *} " <<<"$with")" "$line" "with the module as without: ${line%: *}"
	done <<<"$before"
	is "$(grep -c ': 0$' <<<"$before" || true)" "$PASS_WITHOUT" "$PASS_WITHOUT of them pass without the module"
	is "$(try_unload)" ok "it unloads"
	is "$(selftest_results get-reg-list hypercalls)" "get-reg-list: 0
hypercalls: 0" "two of them pass after the unload"
}
