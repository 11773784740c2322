# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the packaging scripts share.
set -euo pipefail
shopt -s inherit_errexit

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$TOP/build}

die() { printf 'packaging: error: %s\n' "$*" >&2; exit 1; }

# version - the project's version; dkms.conf is its only source.
version() { sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf"; }

# need COMMAND PACKAGE - fails if the command is missing, and names the package.
need() { command -v "$1" >/dev/null || die "no $1 here: please install $2"; }

# files - the source files of the working tree, changed or not, without files that were built. A NUL follows each name.
files() {
	cd "$TOP"
	if [[ -e .git ]] && command -v git >/dev/null && git ls-files >/dev/null 2>&1; then
		git ls-files -coz --exclude-standard | while IFS= read -r -d '' f; do
			[[ ! -e $f ]] || printf '%s\0' "$f"
		done
	else
		find . -type f ! -path './build/*' ! -path './.git/*' ! -name '*.o' ! -name '*.ko' ! -name '*.mod*' \
			! -name '.*.cmd' ! -name modules.order ! -name Module.symvers -printf '%P\0'
	fi | LC_ALL=C sort -z
}

# pack NAME FILE.tar.xz - packs the directory NAME, which is in the same place. The archive depends only on its contents.
pack() {
	tar -C "${2%/*}" --sort=name --mtime="@${SOURCE_DATE_EPOCH:?}" --owner=0 --group=0 --numeric-owner \
		--mode='u+rw,go=rX' --format=gnu -c "$1" | xz -T1 >"$2"
}

# source_epoch - the time of the last entry in debian/changelog, in seconds since 1970.
source_epoch() { date -u -d "$(sed -n 's/^ -- .*>  //p' "$TOP/debian/changelog" | head -n1)" +%s; }
