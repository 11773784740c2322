# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Additions to the emulated host's user land for a case with "# packages: NAME..." (of Debian 12): programs and plugins of
# these packages, and the libraries that they need.

declare -A EXTRA_OF

# extra_images CASE... - builds what these cases name.
extra_images() {
	local case names e
	for case; do
		names=$(directive "$case" packages '')
		[[ -n $names ]] || continue
		# shellcheck disable=SC2086 # several words on purpose
		extra_image e $names
		EXTRA_OF[$names]=$e/extra.cpio
	done
}

# extra CASE - prints the archive of what the case names.
extra() {
	local names
	names=$(directive "$1" packages '')
	[[ -z $names ]] || cat "${EXTRA_OF[$names]}"
}

# extra_image VAR PACKAGE... - VAR/extra.cpio
extra_image() {
	local -n extra_ref=$1
	shift
	cached extra_ref "extra-$1" "$(key "$BED/image-extra.sh" "$BED/archive.sh" "$*" \
		"$(ls "${KVM_MTE_PACKAGES:-/dev/null}")")" extra_build "$@"
}

extra_build() {
	local pkgs p debs=() named=()
	closure bookworm arm64 usr-is-merged "$@" >packages
	mapfile -t pkgs <packages
	fetch bookworm arm64 "${pkgs[@]}"
	for p in "${pkgs[@]%%=*}"; do
		if [[ " $* " == *" $p "* ]]; then
			named+=("$(deb bookworm arm64 "$p")")
		else
			debs+=("$(deb bookworm arm64 "$p")")
		fi
	done
	unpack_into all "${debs[@]}" "${named[@]}"
	unpack_into root "${named[@]}"
	for p in "${debs[@]}" "${named[@]}"; do
		dpkg-deb --fsys-tarfile "$p" | tar -C root -x --no-same-owner --wildcards './usr/share/libvirt/*' 2>/dev/null || true
	done
	extra_libraries all/usr/lib/aarch64-linux-gnu root/usr/lib/aarch64-linux-gnu
	rm -rf all root/usr/{include,games} root/usr/lib/{python3,udev/hwdb.d}
	# The host's image has the links.
	rm -f root/bin root/sbin root/lib
	cpio_pack root >extra.cpio
	rm -rf root
}

# extra_libraries FROM TO - copies the libraries that programs and libraries below TO's root need, and what these need in turn.
extra_libraries() {
	local from=$1 to=$2 name lib todo
	local -A seen=()
	mkdir -p "$to"
	mapfile -t todo < <(find "${to%/lib/*}" -type f \( -perm -u+x -o -name '*.so*' \) -exec "${CROSS}readelf" -d {} + 2>/dev/null |
		sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | sort -u)
	while ((${#todo[@]})); do
		name=${todo[0]}
		todo=("${todo[@]:1}")
		[[ -z ${seen[$name]:-} ]] || continue
		seen[$name]=1
		# Some libraries are in a directory of their own.
		lib=$(find "$from" -name "$name" -printf '%P\n' -quit)
		[[ -n $lib ]] || die "no library $name among the packages"
		mkdir -p "$(dirname "$to/$lib")"
		[[ -e $to/$lib ]] || cp -L "$from/$lib" "$to/$lib"
		mapfile -t -O "${#todo[@]}" todo < <(needed_by "$from/$lib")
	done
}
