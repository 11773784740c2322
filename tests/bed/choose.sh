# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Chooses what runs. A unit is one case with one kernel and one hook mechanism; a group is the units that share a boot.
#
# TIER=quick runs each case on the kernels and with the mechanisms that its header names for it. TIER=full runs all of them.

# only_others - does KERNELS name only kernels that run if it asks for them? Then nothing runs on the others.
only_others() {
	local k
	[[ -n ${KERNELS:-} ]] || return 1
	for k in $KERNELS; do
		[[ -n $(kernel_like "$k") ]] || return 1
	done
}

# kernels_of CASE - the kernels to run it on. If the case names kernels, KERNELS limits them.
kernels_of() {
	local words k like
	[[ $(directive "$1" where host) == host ]] || return 0
	words=$(directive "$1" kernels '')
	if [[ -z $words ]]; then
		words=5.10
		only_others || echo 5.10
	fi
	[[ $words != all ]] || words=$(kernels_that_host | xargs)
	# KERNELS asks for kernels by name, so the tier does not limit them.
	[[ $TIER == full || -n ${KERNELS:-} ]] || words=$(directive "$1" quick-kernels "$words")
	[[ -z $(directive "$1" kernels '') ]] || for k in $words; do
		[[ " ${KERNELS:-$k} " != *" $k "* ]] || echo "$k"
	done
	for k in ${KERNELS:-}; do
		like=$(kernel_like "$k")
		[[ -z $like || " $words " != *" $like "* ]] || echo "$k"
	done
}

# kernels_of_all CASE... - all kernels that these cases run on, each once.
kernels_of_all() {
	local case
	for case; do
		kernels_of "$case"
	done | awk '!seen[$0]++'
}

# hooks_of CASE - the hook mechanisms to run it with.
hooks_of() {
	local hooks quick
	hooks=$(directive "$1" hooks each)
	quick=$(directive "$1" quick '')
	case $hooks in
	each)
		[[ $TIER == full || $quick == each ]] || hooks=${quick:-ftrace}
		[[ $hooks != each ]] || hooks='ftrace kprobe'
		echo "${HOOKS:-$hooks}"
		;;
	once) echo "${HOOKS:-auto}" ;;
	ftrace | kprobe) echo "${HOOKS:-$hooks}" ;;
	none) echo none ;;
	*) die "$1: no such '# hooks:'" ;;
	esac
}

# in_tier CASE - does the tier have the case?
in_tier() { [[ $TIER == full || $(directive "$1" quick '') != no ]]; }

# names_kernel CASE KERNEL - is the kernel not the only one on which the case runs?
names_kernel() { [[ -n $(directive "$1" kernels '') || -n $(kernel_like "$2") ]]; }

# run_name CASE KERNEL HOOK - the name of a unit's files; label is its name for people.
run_name() {
	local name
	name=$(basename "$1" .sh)
	if names_kernel "$1" "$2"; then echo "$name.$2.$3"; else echo "$name.$3"; fi
}

label() {
	local name
	name=$(basename "$1" .sh)
	if names_kernel "$1" "$2"; then echo "$name [$2 $3]"; else echo "$name [$3]"; fi
}

# reproduce CASE KERNEL HOOK - the command that runs this unit alone.
reproduce() {
	local words=''
	if names_kernel "$1" "$2"; then words="KERNELS=$2 "; fi
	words+=tests/run
	[[ $TIER == quick ]] || words+=" --$TIER"
	[[ $3 == none || $3 == auto ]] || words+=" --hook $3"
	if [[ $1 == "$TESTS/$FOLDER/"* ]]; then words+=" $(basename "$1" .sh)"; else words+=" $1"; fi
	echo "$words"
}

# boot_key CASE KERNEL HOOK - units with the same key can share a boot. A unit that must boot alone has a key of its own.
boot_key() {
	local d key=$2
	if [[ $TIER == full || $(directive "$1" alone no) == yes || -n $(directive "$1" peers '') || $(directive "$1" where host) == here ]]; then
		key="$(run_name "$@")"
	fi
	for d in machine cpu smp mem cmdline qemu packages with; do
		key+="|$(directive "$1" "$d" '')"
	done
	echo "$key"
}

# The most cases that share a boot. A boot takes 8 seconds, and the groups are spread over the CPUs.
GROUP_SIZE=8

# choose_units CASE... - sets UNITS to the units of this shard: "CASE<tab>KERNEL<tab>HOOK".
choose_units() {
	local case k hook n=0
	UNITS=()
	for case; do
		for k in $(if [[ $(directive "$case" where host) == here ]]; then echo here; else kernels_of "$case"; fi); do
			for hook in $(hooks_of "$case"); do
				n=$((n + 1))
				(((n - 1) % SHARDS == SHARD - 1)) || continue
				UNITS+=("$case"$'\t'"$k"$'\t'"$hook")
			done
		done
	done
}

# choose_groups - sets GROUPS_OF_UNITS from UNITS. Each unit of a group is a line. Large groups come first, so that all CPUs
# have work until the end.
choose_groups() {
	local unit words key name
	local -A last=() size=()
	local -a group=()
	for unit in "${UNITS[@]}"; do
		IFS=$'\t' read -ra words <<<"$unit"
		key=$(boot_key "${words[@]}")
		if [[ -z ${last[$key]:-} ]] || ((size[$key] >= GROUP_SIZE)); then
			last[$key]=${#group[@]}
			size[$key]=0
			group+=('')
		fi
		name=${last[$key]}
		group[name]+="${group[name]:+$'\n'}$unit"
		size[$key]=$((size[$key] + 1))
	done
	GROUPS_OF_UNITS=()
	for ((name = GROUP_SIZE; name > 0; name--)); do
		for unit in "${group[@]}"; do
			(($(wc -l <<<"$unit") != name)) || GROUPS_OF_UNITS+=("$unit")
		done
	done
}
