# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Kernel headers that are changed as those of a kernel that Debian does not have, and the module built against them. For cases on
# the build machine, after bed/here.sh, in a directory of their own.

# headers_copy KERNEL NAME - ./NAME: a copy of the headers of a kernel of bed/kernels. COMMON and OWN: their two parts. As on a Debian
# host, OWN names COMMON by its whole path.
headers_copy() {
	local h=''
	headers h "$1"
	cp -al "$h" "$2"
	COMMON=$(echo "$2"/usr/src/linux-headers-*-common)
	OWN=$2/build
	echo "include $PWD/$COMMON/Makefile" >"$OWN/Makefile.new"
	mv "$OWN/Makefile.new" "$OWN/Makefile"
}

# dkms_conf - what dkms.conf says of a kernel with the headers of OWN, to DKMS that ignores BUILD_EXCLUSIVE_CONFIG: builds or skips.
dkms_conf() {
	# shellcheck disable=SC2016 # for the other shell
	kernel_source_dir=$PWD/$OWN bash -c '. "$0"; if [[ 6.1.0 =~ $BUILD_EXCLUSIVE_KERNEL ]]; then echo builds; else echo skips; fi' "$TOP/dkms.conf" 2>&1
}

# configured OPTION=VALUE... - sets options in the headers' configuration; n removes the option.
configured() {
	local word name value
	for word; do
		name=CONFIG_${word%%=*} value=${word#*=}
		sed -i "/^#define $name /d; /^$name=/d" "$OWN/include/generated/autoconf.h" "$OWN/include/config/auto.conf"
		[[ $value != n ]] || continue
		echo "#define $name ${value/#y/1}" >>"$OWN/include/generated/autoconf.h"
		echo "$name=$value" >>"$OWN/include/config/auto.conf"
	done
}

# edited FILE SCRIPT... - changes a file of the common headers by scripts of sed -E. Each script must change something. The new file
# takes the place of the old one, which is a hard link to that of the cache.
edited() {
	local file=$COMMON/$1 script
	for script in "${@:2}"; do
		sed -E "$script" "$file" >edited || bail "$1: sed cannot do $script"
		! cmp -s edited "$file" || bail "$1 is as before after $script"
		rm "$file"
		mv edited "$file"
	done
}

# after FILE LINE TEXT - puts TEXT after the first line of the common headers that begins with LINE.
after() {
	LINE=$2 TEXT=$3 awk '{ print } index($0, ENVIRON["LINE"]) == 1 && !done { print ENVIRON["TEXT"]; done = 1 }' \
		"$COMMON/$1" >edited
	grep -qF "$3" edited || bail "$1 has no line $2"
	rm "$COMMON/$1"
	mv edited "$COMMON/$1"
}

# build NAME [ARG...] - builds the module, or the objects that the arguments name, against ./NAME/build in ./NAME-build. STATUS:
# that of make. NAME.log: its output. ROOT: the root directory of the build (bed/tools.sh), or nothing.
ROOT=
build() {
	mkdir -p "$1-build"
	cp -r "$TOP"/{Kbuild,Makefile,dkms.conf,include,src} "$1-build/"
	local what=("${@:2}")
	kernel_make "$ROOT" -C "$PWD/$1/build" "M=$PWD/$1-build" "${what[@]:-modules}" >"$1.all" 2>&1
	STATUS=$?
	build_log "$1.all" >"$1.log"
}

# kbuild_says EXPRESSION - the value of an expression of make, in Kbuild for the common headers: its words, sorted, one a line.
kbuild_says() {
	# shellcheck disable=SC2016 # make's variables
	printf '%s\n' "srctree := $COMMON" "src := $TOP" "include $TOP/Kbuild" 'all: ; @printf "%s\n" $(sort '"$1)" |
		make -s -f - all
}
