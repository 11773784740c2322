# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# bash completion for kvm-mte(8)
#
# A guest's name may have any content. Names are compared and quoted here. "compgen -W" is not used, because it would
# run a $(command) in a name.

# _kvm_mte_among WORD... - completes to those words that begin with the word that is being typed.
_kvm_mte_among() {
	local cur=${COMP_WORDS[COMP_CWORD]} word
	for word; do
		[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
	done
}

# _kvm_mte_vms - completes to VMs and guests' names. The typed word may have quotes already.
_kvm_mte_vms() {
	local cur=${COMP_WORDS[COMP_CWORD]} word quoted
	while IFS= read -r word; do
		printf -v quoted %q "$word"
		if [[ $quoted == "$cur"* ]]; then
			COMPREPLY+=("$quoted")
		elif [[ $word == "${cur#[\"\']}"* ]]; then
			COMPREPLY+=("$quoted")
		fi
	done < <("${COMP_WORDS[0]}" list --names 2>/dev/null)
}

_kvm_mte() {
	local i command=
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | =) ((i++)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $command in
	'') _kvm_mte_among status check list events enable disable migrate save restore tags hold release policy run drain metrics --root= --help --version ;;
	status) _kvm_mte_among --json ;;
	check) _kvm_mte_check ;;
	events) _kvm_mte_among --json --count= ;;
	list) _kvm_mte_among --json --watch --count= ;;
	enable | disable | hold | release) _kvm_mte_vms ;;
	migrate | save | restore) _kvm_mte_move "$command" "${COMP_WORDS[COMP_CWORD-1]}" ;;
	tags) _kvm_mte_tags "${COMP_WORDS[@]:i+1:COMP_CWORD-i-1}" ;;
	drain) _kvm_mte_among --wait ;;
	metrics) _kvm_mte_among --output= ;;
	policy) _kvm_mte_policy "${COMP_WORDS[@]:i+1:COMP_CWORD-i-1}" ;;
	run) _kvm_mte_run "$i" ;;
	esac
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
}

# _kvm_mte_check - completes what follows "check".
_kvm_mte_check() {
	case ${COMP_WORDS[COMP_CWORD]} in
	-*) _kvm_mte_among --json ;;
	*) _kvm_mte_vms ;;
	esac
}

# _kvm_mte_tags WORD... - completes what follows "tags WORD...".
_kvm_mte_tags() {
	case ${1-}:${COMP_WORDS[COMP_CWORD]} in
	:*) _kvm_mte_among save load check ;;
	save:-*) _kvm_mte_among --at-end --progress ;;
	load:-*) _kvm_mte_among --incoming --progress ;;
	save:* | load:*) _kvm_mte_vms ;;
	esac
}

# _kvm_mte_cgroups - completes to cgroups, one level at a time.
_kvm_mte_cgroups() {
	local cur=${COMP_WORDS[COMP_CWORD]} top=${KVM_MTE_CGROUPS:-/sys/fs/cgroup} dir quoted
	[[ -e $top/cgroup.controllers ]] || top+=/unified
	cur=${cur#=}
	for dir in "$top${cur%/*}"/*/; do
		[[ -d $dir ]] || continue
		dir=${dir#"$top"}
		printf -v quoted %q "${dir%/}"
		[[ $quoted != "$cur"* ]] || COMPREPLY+=("$quoted")
	done
}

# _kvm_mte_policy WORD... - completes what follows "policy WORD...". The "=" of "--cgroup=PATH" is a word of its own.
_kvm_mte_policy() {
	case $*:${COMP_WORDS[COMP_CWORD]} in
	--cgroup:* | '--cgroup =:'*) _kvm_mte_cgroups ;;
	:-*) _kvm_mte_among --cgroup --migration ;;
	--migration:*) _kvm_mte_among warn refuse ;;
	:*) _kvm_mte_among request on off ;;
	'--cgroup = '*) (($# > 3)) || _kvm_mte_among request on off none ;;
	'--cgroup '*) (($# > 2)) || _kvm_mte_among request on off none ;;
	esac
}

# _kvm_mte_move COMMAND PREVIOUS - completes what follows "migrate", "save" or "restore": options, VMs and files.
_kvm_mte_move() {
	case $1:$2:${COMP_WORDS[COMP_CWORD]} in
	*:=:* | *:*:=)
		compopt -o default 2>/dev/null
		;;
	migrate:*:-*) _kvm_mte_among -e --rsh= --host= --qmp= --name= -- ;;
	save:*:-*) _kvm_mte_among --qmp= -- ;;
	restore:*:-*) _kvm_mte_among --paused --qmp= -- ;;
	migrate:migrate:* | save:save:*) _kvm_mte_vms ;;
	migrate:*) ;;
	*) compopt -o default 2>/dev/null ;;
	esac
}

# _kvm_mte_run INDEX-OF-RUN - completes the options of "run". After them, the command's own completion is used.
_kvm_mte_run() {
	local i=$(($1 + 1))
	while ((i < COMP_CWORD)) && [[ ${COMP_WORDS[i]} == -* ]]; do
		if [[ ${COMP_WORDS[i]} == --cgroup ]]; then
			((i++))
			[[ ${COMP_WORDS[i]} != = ]] || ((i++))
		fi
		((i++))
	done
	if ((i > COMP_CWORD)); then
		_kvm_mte_cgroups
	elif ((i == COMP_CWORD)) && [[ ${COMP_WORDS[i]} == -* ]]; then
		_kvm_mte_among --on --off --request --cgroup --
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$i"
	elif ((i == COMP_CWORD)); then
		mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[i]}")
	fi
}

complete -F _kvm_mte kvm-mte
