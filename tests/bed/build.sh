# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Builds what cases share, and what each kernel needs.

# For each kernel: its image, the archives that are the same for all cases (user land, modules), and the other files for /t.
# In BASE and PAYLOAD_OF each file is a word.
declare -A VMLINUZ BASE PAYLOAD_OF

# build CASE... - builds what these cases share, and what the first kernel needs. The rest is built while hosts run.
build() {
	local g h i t c='' k kernels
	FILES=("$@")
	prereq
	kernels=$(kernels_of_all "$@")
	[[ -n $kernels ]] || return 0
	kernel g 6.1
	host_image h
	guest_image i "$g"
	client c
	tool t
	extra_images "$@"
	HOST_IMAGE=$h/host.cpio
	PAYLOAD_OF[all]="$g/vmlinuz:guest/Image $i/initrd:guest/initrd $t/kvm-mte:kvm-mte $t/glue.tar:glue.tar${c:+ $c/client:client}"
	for k in $kernels; do
		build_for "$k"
		[[ $MODE == build ]] || break
	done
	if [[ $MODE == build ]]; then
		for c in "$@"; do
			build_with "$c"
		done
	fi
}

# build_for KERNEL
build_for() {
	local k=$1 dir='' o='' m='' f='' ko
	kernel dir "$k"
	host_modules o "$k" "$dir"
	VMLINUZ[$k]=$dir/vmlinuz
	BASE[$k]="$HOST_IMAGE $o/modules.cpio"
	fixtures f "$k"
	PAYLOAD_OF[$k]="${PAYLOAD_OF[all]} $f/make.log:fixtures.log"
	for ko in "$f"/*.ko; do
		PAYLOAD_OF[$k]+=" $ko:${ko##*/}"
	done
	# A case that does not need the module must run although the module does not build.
	needs_module "$k" "${FILES[@]}" || return 0
	BUILT=1
	if may_fail "$k" "${FILES[@]}"; then
		try_module "$k"
	fi
	if [[ -z $BUILT ]]; then
		warn "the module does not build for $k; going on without"
		PAYLOAD_OF[$k]+=" $RUN_DIR/module-$k.log:module.log"
		return
	fi
	module m "$k"
	PAYLOAD_OF[$k]+=" $m/kvm_mte.ko:kvm_mte.ko $m/make.log:module.log"
}

# build_with CASE - sets WITH: archives for cases that ask for them ("# with: WORD"). They are too large for all cases.
build_with() {
	local w dir=''
	WITH=()
	for w in $(directive "$1" with ''); do
		case $w in
		kvm-selftests) kvm_selftests dir ;;
		debian11) debian11 dir ;;
		*) die "$1: no such '# with: $w'" ;;
		esac
		WITH+=("$dir/$w.cpio")
	done
}

# try_module KERNEL - sets BUILT if the module builds. Never call it in a condition: there the shell goes on after errors.
try_module() {
	local m=''
	BUILT=
	(module m "$1" 2> >(tee "$RUN_DIR/module-$1.log" >&2)) &
	if wait $!; then BUILT=1; fi
}

# may_fail KERNEL CASE... - may the build of the module fail for this kernel? Not if a case that is not about several kernels
# needs it. Otherwise the cases find that there is no module, and cases on other kernels still run.
may_fail() {
	local k=$1 case
	for case in "${@:2}"; do
		if [[ -z $(directive "$case" kernels '') && $(directive "$case" hooks each) != none ]] &&
			grep -qx "$k" <(kernels_of "$case"; peers_of "$case"); then
			return 1
		fi
	done
}

# needs_module KERNEL CASE... - does one of the cases need the module for this kernel?
needs_module() {
	local k=$1 case
	shift
	for case; do
		if [[ $(directive "$case" hooks each) != none ]] && grep -qx "$k" <(kernels_of "$case"; peers_of "$case"); then return; fi
	done
	return 1
}
