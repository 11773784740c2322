# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian packages, fetched and checked by apt itself under a private configuration in the cache.
#
# KVM_MTE_MIRROR    mirror to use instead of the machine's own: "URL", or several words; a word "SUITE=URL" holds for that
#                   suite only
# KVM_MTE_PACKAGES  a directory of .deb files that is searched first
#
# A package that is in the cache is not fetched again. Remove the cache directory to get newer packages.

# mirror SUITE - the URL to take SUITE from.
mirror() {
	local w any=
	for w in ${KVM_MTE_MIRROR:-}; do
		case $w in
		"$1="*) printf '%s\n' "${w#*=}"; return ;;
		*=*://*) ;;
		*) any=$w ;;
		esac
	done
	[[ -n $any ]] || any=$(machine_mirror)
	printf '%s\n' "$any"
}

# The mirror from which the machine's apt takes Debian itself. It is found in the indexes that apt has loaded. If there are
# none yet, it is the site with the most suites to load: a mirror has the updates too, other vendors' archives do not.
machine_mirror() {
	local url
	# shellcheck disable=SC2016 # apt's own variables
	url=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
		sed -nE '/ [^ ]*(security|backports)/d; s/ (bookworm|trixie|stable)(-updates)?$//p' | head -n1)
	[[ -n $url ]] || url=$(apt-get update --print-uris 2>/dev/null |
		sed -nE "s|^'(.*)/dists/((bookworm\|trixie\|stable)(-updates)?)/InRelease'.*|\2 \1|p" | LC_ALL=C sort |
		awk '{ n[$2]++; if (n[$2] > best) { best = n[$2]; url = $2 } } END { print url }')
	[[ -n $url ]] || die "no Debian mirror in this machine's apt configuration; name one with KVM_MTE_MIRROR=URL"
	printf '%s\n' "${url%/}"
}

sources_line() {
	local url
	url=$(mirror "$1")
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$url" "$1"
}

# apt_world SUITE - a private apt for one release; sets APT_CONF. It knows no installed packages, so it resolves all
# dependencies.
apt_world() {
	local world=$1 d=$CACHE/apt/$1
	mkdir -p "$d"/{lists/partial,cache/archives/partial,empty.d}
	: >"$d/status"
	APT_CONF=$d/apt.conf
	{
		sources_line "$world"
		[[ $world != bookworm ]] || sources_line bookworm-backports
	} >"$d/sources.list"
	# Only QEMU comes from backports: its version in bookworm itself is too old.
	printf 'Package: src:qemu\nPin: release n=bookworm-backports\nPin-Priority: 990\n' >"$d/preferences"
	cat >"$d/apt.conf" <<-EOL
	Dir::Etc::sourcelist "$d/sources.list";
	Dir::Etc::sourceparts "$d/empty.d";
	Dir::Etc::preferences "$d/preferences";
	Dir::Etc::preferencesparts "$d/empty.d";
	Dir::State "$d";
	Dir::State::lists "$d/lists";
	Dir::State::status "$d/status";
	Dir::Cache "$d/cache";
	APT::Architectures { "amd64"; "arm64"; };
	APT::Install-Recommends "false";
	APT::Sandbox::User "$(id -un)";
	Acquire::Languages "none";
	Acquire::Retries "3";
	// Signatures are still checked. This only allows a frozen mirror (a snapshot).
	Acquire::Check-Valid-Until "false";
	EOL
}

# apt_in SUITE ARCH COMMAND... - runs apt-get or apt-cache with that private configuration.
apt_in() {
	local world=$1 arch=$2
	shift 2
	apt_world "$world"
	APT_CONFIG=$APT_CONF "$1" -o "APT::Architecture=$arch" -q "${@:2}"
}

# apt_index SUITE WHAT-FOR [renew]
apt_index() {
	local world=$1
	[[ ${3:-} != renew && -e $CACHE/apt/$world/indexed ]] && return
	say "loading the package index of $world from $(mirror "$world")"
	if apt_in "$world" amd64 apt-get update >"$RUN_DIR/apt.log" 2>&1 &&
		! grep -q '^[EW]: Failed to fetch\|^E:' "$RUN_DIR/apt.log"; then
		touch "$CACHE/apt/$world/indexed"
		return
	fi
	grep '^[EW]:' "$RUN_DIR/apt.log" >&2 || true
	[[ -n ${KVM_MTE_PACKAGES:-} ]] || die "cannot load the index of Debian $world, needed for $2. $(mirror_hint)"
	warn "cannot load the index of Debian $world; trying with KVM_MTE_PACKAGES alone"
}

mirror_hint() {
	printf '%s' "Set KVM_MTE_MIRROR=URL to use another Debian mirror (KVM_MTE_MIRROR=\"SUITE=URL\" for one suite), " \
		"or put the .deb files into a directory and set KVM_MTE_PACKAGES=DIRECTORY."
}

# deb_in DIR ARCH PACKAGE - the newest .deb of that package in DIR.
deb_in() {
	local f
	f=$(printf '%s\n' "$1/$3"_*_{"$2",all}.deb | while read -r f; do [[ -e $f ]] && echo "$f"; done | sort -V | tail -n1)
	[[ -n $f ]] && printf '%s\n' "$f"
}

# deb SUITE ARCH PACKAGE - the path of a package that has been fetched, or is in KVM_MTE_PACKAGES.
deb() {
	{ [[ -n ${KVM_MTE_PACKAGES:-} ]] && deb_in "$KVM_MTE_PACKAGES" "$2" "$3"; } ||
		deb_in "$CACHE/debs/$1" "$2" "$3"
}

# alone COMMAND... - runs the command under a lock, as apt's configuration and indexes are shared by all runs.
alone() {
	local lock
	exec {lock}>"$CACHE/tmp/lock.apt"
	flock "$lock"
	"$@"
	exec {lock}>&-
}

# fetch SUITE ARCH PACKAGE[=VERSION]... - makes deb() succeed for all of them.
fetch() {
	local world=$1 arch=$2 p want=()
	shift 2
	mkdir -p "$CACHE/debs/$world"
	for p; do
		deb "$world" "$arch" "${p%%=*}" >/dev/null || want+=("$p")
	done
	if ((${#want[@]})); then measured fetch "$world" alone fetch_missing "$world" "$arch" "${want[@]}"; fi
}

fetch_missing() {
	local world=$1 arch=$2 p want=("${@:3}")
	apt_index "$world" "$(summarise "${want[@]%%=*}")"
	say "fetching from $(mirror "$world"), $world: $(summarise "${want[@]%%=*}")"
	download "$world" "$arch" "${want[@]}" && return
	# Mirrors remove old versions. An old index may name files that are gone: load it again.
	apt_index "$world" "$(summarise "${want[@]%%=*}")" renew
	for p in "${want[@]}"; do
		download "$world" "$arch" "${p%%=*}" && continue
		grep '^[EW]:' "$RUN_DIR/apt.log" >&2 || true
		die "cannot get the package ${p%%=*} ($arch, Debian $world) from $(mirror "$world"). $(mirror_hint)"
	done
}

summarise() {
	if (($# > 4)); then
		echo "$1 $2 $3 and $(($# - 3)) more"
	else
		echo "$*"
	fi
}

download() {
	local world=$1 arch=$2 tmp p names=()
	shift 2
	for p; do
		names+=("${p%%=*}:$arch${p#"${p%%=*}"}")
	done
	tmp=$(mktemp -d "$RUN_DIR/deb.XXXXXX")
	(cd "$tmp" && apt_in "$world" "$arch" apt-get download "${names[@]}") >"$RUN_DIR/apt.log" 2>&1 ||
		{ rm -rf "$tmp"; return 1; }
	mv "$tmp"/*.deb "$CACHE/debs/$world/"
	rmdir "$tmp"
}

# closure SUITE ARCH PACKAGE... - the packages with all they depend on, as PACKAGE=VERSION lines.
closure() { alone closure_of "$@"; }

closure_of() {
	local world=$1 arch=$2 f local_debs=()
	shift 2
	apt_index "$world" "$(summarise "$@")"
	for f in "${KVM_MTE_PACKAGES:-/nonexistent}"/*.deb; do
		[[ -e $f ]] && local_debs+=(--with-source "$f")
	done
	apt_in "$world" "$arch" apt-get "${local_debs[@]}" -s install "$@" >"$RUN_DIR/closure" 2>"$RUN_DIR/apt.log" || {
		grep '^E:' "$RUN_DIR/apt.log" "$RUN_DIR/closure" >&2 || true
		die "cannot resolve the packages $* (Debian $world). $(mirror_hint)"
	}
	sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1=\2/p' "$RUN_DIR/closure"
}

# depends FILE PATTERN - package names in a .deb's Depends that match.
depends() {
	dpkg-deb -f "$1" Depends | sed 's/[,|]/\n/g' | sed 's/^ *//; s/[ (:].*//' | grep -E "^$2\$" | head -n1
}
