# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the packaging scripts share.
set -euo pipefail
shopt -s inherit_errexit

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$TOP/build}

die() { printf 'packaging: error: %s\n' "$*" >&2; exit 1; }

# The version stands in dkms.conf alone.
version() { sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf"; }

# need COMMAND PACKAGE
need() { command -v "$1" >/dev/null || die "no $1 here: please install $2"; }

# files - what belongs to the source as it lies here, changed or not, NUL after each; not what was built.
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

# pack NAME FILE.tar.xz - the folder NAME beside it as an archive that depends on what is in it alone.
pack() {
	tar -C "${2%/*}" --sort=name --mtime="@${SOURCE_DATE_EPOCH:?}" --owner=0 --group=0 --numeric-owner \
		--mode='u+rw,go=rX' --format=gnu -c "$1" | xz -T1 >"$2"
}

# source_epoch - when the source was last changed, as the changelog says.
source_epoch() { date -u -d "$(sed -n 's/^ -- .*>  //p' "$TOP/debian/changelog" | head -n1)" +%s; }
