# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs a group of units on one emulated host, or one unit on the build machine, and judges each.
#
# The result of a unit is in $RUN_DIR/results/NAME: label, passed, failed, skipped, CPU seconds. A unit counts as failed
# until it has a result.

# run_group UNITS - runs them, and prints their output at once.
run_group() {
	local case k hook status=0 seconds=60 first names=() PEERS=() BOOT HOST_KERNEL PAYLOAD QEMU RUN
	local -a U_CASE=() U_KERNEL=() U_HOOK=() U_NAME=() U_LABEL=() U_LOG=() U_STATE=() U_CPU=()
	while IFS=$'\t' read -r case k hook; do
		U_CASE+=("$case") U_KERNEL+=("$k") U_HOOK+=("$hook")
		U_NAME+=("$(run_name "$case" "$k" "$hook")") U_LABEL+=("$(label "$case" "$k" "$hook")")
		U_LOG+=("$CACHE/logs/${U_NAME[-1]}") U_STATE+=('') U_CPU+=(0)
		mkdir -p "${U_LOG[-1]}"
		rm -f "${U_LOG[-1]}"/*
		: >"${U_LOG[-1]}/console"
		names+=("$(basename "$case" .sh)")
		seconds=$((seconds + $(directive "$case" timeout 900)))
	done <<<"$1"
	case=${U_CASE[0]} k=${U_KERNEL[0]} first=${U_NAME[0]}
	RUN=$RUN_DIR/$first
	if [[ $(directive "$case" where host) == here ]]; then
		BOOT=(run_here "$case")
	else
		build_for_boot
		seconds=$((seconds * $(patience "$k")))
		boot_group "$1" "$seconds"
		say "${names[*]} [$k]: booting $(cat "${VMLINUZ[$k]%/*}/release")"
	fi
	mkfifo "$RUN.out"
	"${BOOT[@]}" </dev/null >"$RUN.out" 2>"$RUN.qemu" &
	QEMU=$!
	trap 'kill "$QEMU" 2>/dev/null; stop_peers' EXIT
	trap 'exit 143' TERM
	start_peers "$case" "$hook" "$seconds"
	follow "$RUN.out"
	wait "$QEMU" || status=$?
	stop_peers
	wait
	trap - EXIT
	rm -f "$RUN.initrd" "$RUN.out"
	judge_group "$status"
}

# build_for_boot - what this boot's kernel needs, and those of its peers.
build_for_boot() {
	local one
	for one in "$k" $(peers_of "$case"); do
		[[ -n ${VMLINUZ[$one]:-} ]] || build_for "$one"
	done
}

# boot_group UNITS SECONDS - sets BOOT, and makes an image for this boot.
boot_group() {
	HOST_KERNEL=${VMLINUZ[$k]}
	host_initrd "$k" "$1" "$RUN.initrd"
	boot_command "$case" "$RUN.initrd" "$RUN.console" "$2" "$k"
	: >"$RUN.console"
}

# run_here CASE - runs a case on the build machine itself.
run_here() {
	local status=0
	echo "case:begin 100-here"
	RUN_DIR=$RUN_DIR CACHE=$CACHE TIER=$TIER FAIL_FAST=${FAIL_FAST:-} bash "$1" || status=$?
	echo "case:exit $status"
}

# follow FIFO - shows and judges the output of the cases, until the host goes down.
follow() {
	local line prefix console now=-1 PHASE=boot PHASE_CPU=0 PHASE_WALL PROCESS=''
	PHASE_WALL=$(wall)
	if [[ ${BOOT[0]} == run_here ]]; then PHASE='test'; fi
	prefix="${U_LABEL[0]}: " console="${U_LABEL[0]}| "
	judge_init
	if [[ $MODE == demo ]]; then
		prefix='' console='' VERBOSE=1
	fi
	if [[ -n $VERBOSE ]]; then
		tail -n +1 -s 0.2 -f --pid="$QEMU" "$RUN.console" 2>/dev/null | sed -u "s/^/$console/" &
	fi
	while IFS= read -r line; do
		line=${line%$'\r'}
		case $line in
		case:begin*)
			now=$((now + 1))
			follow_phase test
			# What happened during the boot belongs to none of the cases that share it.
			judge_init
			[[ $MODE != demo ]] || J_PLAN=any
			prefix="${U_LABEL[now]}: "
			[[ $MODE != demo ]] || prefix=''
			U_STATE[now]=begun
			;;
		case:exit*)
			judge_line "$line"
			follow_phase between
			U_STATE[now]="$J_PASSED $J_FAILED $J_SKIPPED ${J_PLAN:--} ${J_EXIT:--}"
			;;
		case:untidy | case:faulty) U_STATE[now]+=" ${line#case:}" ;;
		phase:*) follow_phase "${line#phase:}" ;;
		*)
			((now >= 0)) && printf '%s\n' "$line" >>"${U_LOG[now]}/case"
			judge_line "$line"
			printf '%s%s\n' "$prefix" "$line"
			;;
		esac
	done <"$1"
	# The last case has not ended: the host went down in it.
	if ((now >= 0)) && [[ ${U_STATE[now]} == begun ]]; then
		U_STATE[now]="$J_PASSED $J_FAILED $J_SKIPPED ${J_PLAN:--} -"
	fi
}

# follow_phase NAME - a phase of the host's work ends, and phase NAME begins.
follow_phase() {
	local cpu=0 wall
	[[ -n $PROCESS ]] || PROCESS=$(pgrep -P "$QEMU" | head -n 1) || true
	wall=$(wall)
	if [[ ${BOOT[0]} != run_here && -n $PROCESS ]]; then cpu=$(process_cpu "$PROCESS"); fi
	if ((now >= 0)) && [[ $PHASE != between ]]; then
		case $PHASE in
		boot) profile_add boot "${U_LABEL[0]}" $((cpu - PHASE_CPU)) $((wall - PHASE_WALL)) ;;
		*)
			profile_add "$PHASE" "${U_LABEL[now]}" $((cpu - PHASE_CPU)) $((wall - PHASE_WALL))
			U_CPU[now]=$((U_CPU[now] + cpu - PHASE_CPU))
			;;
		esac
	fi
	PHASE=$1 PHASE_CPU=$cpu PHASE_WALL=$wall
}

# judge_group STATUS-OF-QEMU
judge_group() {
	local i status=$1 plan exit faults
	children_cpu
	[[ ${BOOT[0]} != run_here ]] || { U_CPU[0]=$CHILDREN_CPU; profile_add test "${U_LABEL[0]}" "$CHILDREN_CPU" 0; }
	split_console
	for i in "${!U_NAME[@]}"; do
		judge_init
		faults=
		read -r J_PASSED J_FAILED J_SKIPPED plan exit faults <<<"${U_STATE[i]:-0 0 0 - -}"
		J_PLAN=${plan#-} J_EXIT=${exit#-}
		# How QEMU ended says nothing about cases that ended before it.
		judge_end "$(if [[ -z $J_EXIT || $i == $((${#U_NAME[@]} - 1)) ]]; then echo "$status"; else echo 0; fi)" \
			"${U_LOG[i]}/console" "$(directive "${U_CASE[i]}" failures '')" >"${U_LOG[i]}/judge"
		((i > 0)) || judge_peers "${U_LOG[i]}" "$(directive "${U_CASE[i]}" failures '')" >>"${U_LOG[i]}/judge"
		[[ $faults != *untidy* || $(directive "${U_CASE[i]}" leaves '') == module ]] ||
			judge_fail "it leaves the module loaded" >>"${U_LOG[i]}/judge"
		[[ $faults != *faulty* ]] || judge_fail "the host's kernel has found leaks, or no longer checks locks" >>"${U_LOG[i]}/judge"
		[[ ! -e $RUN.qemu ]] || sed 's/^/# qemu: /' "$RUN.qemu" >>"${U_LOG[i]}/judge"
		sed "s/^/${U_LABEL[i]}: /" "${U_LOG[i]}/judge"
		if ((J_FAILED)); then
			printf '%s: FAILED; its logs are in %s\n' "${U_LABEL[i]}" "${U_LOG[i]}"
			printf '%s: this case alone: %s\n' "${U_LABEL[i]}" "$(reproduce "${U_CASE[i]}" "${U_KERNEL[i]}" "${U_HOOK[i]}")"
			((i == 0)) || printf '%s: it shared a boot, after: %s\n' "${U_LABEL[i]}" "${U_LABEL[*]:0:i}"
		fi
		printf '%s\t%d\t%d\t%d\t%d\n' "${U_LABEL[i]}" "$J_PASSED" "$J_FAILED" "$J_SKIPPED" $((U_CPU[i] / 100)) \
			>"$RUN_DIR/results/${U_NAME[i]}"
	done
}

# split_console - gives each case the kernel's messages during it. The first case gets those of the boot, too.
split_console() {
	local i
	[[ -e $RUN.console ]] || return 0
	for i in "${!U_NAME[@]}"; do
		awk -v want="$i" 'BEGIN { n = -1 } /test bed: case [0-9]/ { n++ } n == want || (n < 0 && want == 0)' \
			"$RUN.console" >"${U_LOG[i]}/console"
	done
	rm -f "$RUN.console"
}
