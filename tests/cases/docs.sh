#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a message of the module that docs/troubleshooting.md does not explain, or a message there that the module does not
# have; a hook that docs/how-it-works.md leaves out; a parameter without a description; ABI text, man page or picture that
# tools cannot read; a table or chart of the costs that differs from the figures; a dead link; two versions in one tree; a fault of
# mutants.list that changes nothing any more.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

cd "$TOP" || exit
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)
shopt -s nullglob

quiet "each message of the module is on the troubleshooting page, and no other" \
	python3 "$BED/messages.py" docs/troubleshooting.md src/*.c src/*/*.[ch] include/*.h

# hooked - the functions in the table of hooks, without those that only some kernels have.
hooked() { sed -nE 's/^\tX\(([a-z0-9_]+), (ALL|INJECT|NATIVE),.*/\1/p' src/hook_table.c | sort -u; }
# shellcheck disable=SC2016 # the page's own quotes
explained() { sed -n '/^## The hooks/,/^## One fault/p' docs/how-it-works.md | grep '^| \*\*' | grep -oE '`[a-z0-9]+_[a-z0-9_]+`' | tr -d '`' | sort; }
is "$(explained)" "$(hooked)" "how-it-works.md explains each hook of the table, and no other"
# The state machine has one table. The page must show the same.
transitions() { sed -nE 's/^\t\{ (VM_[A-Z_]+),\s+(VM_[A-Z_]+),\s+(VM_[A-Z_]+) \},/\1 \2 \3/p' src/vm/state.c; }
# shellcheck disable=SC2016 # the page's own quotes
shown() { sed -nE 's/^\| `?(VM_[A-Z_]+)`? \| `?(VM_[A-Z_]+)`? \| `?(VM_[A-Z_]+)`? \|$/\1 \2 \3/p' docs/how-it-works.md; }
is "$(shown)" "$(transitions)" "how-it-works.md shows all transitions of a VM's state"

is "$(grep -niE '(about|some) ([0-9]+|ten|twenty|thirty)\b' docs/how-it-works.md)" "" "how-it-works.md counts no hooks by hand"

# Macros of Kbuild and functions of the source that porting.md tells the reader to use must exist.
# shellcheck disable=SC2016 # the page's own quotes
macros() { grep -oE '\$\(call [a-z_]+,[^)]*' docs/porting.md | sed -E 's/^\$\(call ([a-z_]+)(.*)/\1 \2/'; }
macro() {
	local name arguments
	while read -r name arguments; do
		grep -qE "^$name = .*\\\$\\($(tr -cd , <<<"$arguments" | wc -c)\\)" Kbuild || echo "$name: not with so many arguments in Kbuild"
	done < <(macros)
}
like "$(macros)" '^fact ,' "porting.md shows how to state a fact"
quiet "porting.md: its macros are in Kbuild, with as many arguments" macro
# shellcheck disable=SC2016 # the page's own quotes
ours() { grep -oE '`(tags|set|compat)_[a-z0-9_]+\(\)`' docs/porting.md | tr -d '`()' | grep -vx compat_thing | sort -u; }
unknown() { for f in $(ours); do grep -rqw "$f" src include || echo "$f"; done; }
isnt "$(ours)" "" "porting.md names functions of the module"
quiet "porting.md: each of these functions exists" unknown

# --- the module ---

m=''
module m 5.10
m=$m/kvm_mte.ko
parameters() { sed -nE 's/^module_param[a-z_]*\(([a-z_]+),.*/\1/p' src/*.c src/*/*.c | sort; }
is "$(/sbin/modinfo -F parm "$m" | sed -n 's/^\([a-z_]*\):[^ ].* (charp)$/\1/p' | sort)" "$(parameters)" "modinfo describes each parameter"
is "$(sed -nE '/^\.Ss Module parameters/,/^\.Ss Policy/s/^\.It Cm ([a-z_]+) .*/\1/p' docs/man/kvm_mte.4 | sort)" "$(parameters)" \
	"so does kvm_mte(4)"
is "$(/sbin/modinfo -F version "$m")" "$version" "MODULE_VERSION is the version of dkms.conf"
like "$(/sbin/modinfo -F description "$m")" '.' "it has a description"

# --- one version ---

is "$(sed -nE '1s/^kvm-mte \((.*)-[^-]*\) .*/\1/p' debian/changelog)" "$version" "debian/changelog has that version"
is "$(sed -nE 's/^## ([0-9.]+) \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$/\1/p' CHANGELOG.md | head -n 1)" "$version" "CHANGELOG.md begins with that version and a date"
# No other file may name the version. Since which release something exists stands in the changelogs only.
is "$(grep -rlF "$version" --include='*' README.md Makefile Kbuild packaging src include docs debian/control debian/rules 2>/dev/null)" "" \
	"nothing else repeats it"

# --- texts ---

# A reference to a manual that this machine does not have is not a mistake of the page.
lint() { mandoc -T lint -W style "$@" 2>&1 | grep -v -e 'referenced manual not found' -e 'lacks .* entry, run makewhatis'; }
quiet "mandoc -T lint of the man pages" lint docs/man/*
is "$(groff -mandoc -Tascii -ww docs/man/kvm_mte.4 2>&1 >/dev/null)" "" "groff formats kvm_mte(4) without a warning"

linux=''
tools linux
quiet "the kernel's get_abi.pl reads the ABI text" perl "$linux/get_abi.pl" --dir docs/ABI validate
whats() { sed -n 's/^What:\t\t//p' docs/ABI/testing/sysfs-kernel-kvm_mte; }
entries() { awk -F: '/^What:/ { w++ } /^Date:/ { d++ } /^Contact:/ { c++ } /^Description:/ { e++ } END { print (d == c && c == e && w >= d) ? "even" : "odd" }' "$@"; }
is "$(entries docs/ABI/testing/*)" even "each entry has a date, a contact and a description"
is "$(whats | sort | uniq -d)" "" "no file is described twice"
# attributes - the sysfs files that the source creates, found by the macros that create them.
attributes() {
	sed -nE 's/.*__ATTR_R[OW]\(([a-z_]+)\).*/\1/p; s/.*struct [a-z_]*attribute ([a-z_]+)_attr =$/\1/p; s/.*\b([a-z]+_(pids|cgroups)), .*/\1/p' \
		src/admin/sysfs.c src/admin/vm_files.c src/policy/policy.c src/policy/pids.c src/policy/cgroups.c | grep -v '^name$' | sort -u
}
like "$(attributes)" '^enable$' "the attributes are found in the source"
undescribed() {
	local name
	for name in $(attributes); do whats | grep -q "/$name\$" || echo "$name"; done
}
quiet "the ABI text describes each attribute of the source" undescribed

picture() {
	python3 - "$1" <<-'EOL'
	import sys, xml.dom.minidom as dom
	svg = dom.parse(sys.argv[1]).documentElement
	style = ''.join(s.firstChild.data for s in svg.getElementsByTagName('style'))
	for what, there in (('viewBox', svg.hasAttribute('viewBox')), ('title', svg.getElementsByTagName('title')),
			    ('desc', svg.getElementsByTagName('desc')), ('dark colours', 'prefers-color-scheme: dark' in style)):
	    if not there:
	        print('no ' + what)
	EOL
}
is "$(cat docs/kernels.md)" "$(python3 "$BED/kernels_page.py" "$TOP")" "kernels.md is what tests/kernels.tsv gives"

for svg in docs/*.svg; do
	quiet "$svg: well-formed, named, described, for light and dark" picture "$svg"
done
drawn() {
	local f dir=$RUN_DIR/docs-drawn
	mkdir -p "$dir"
	python3 tests/bench/table.py draw "$dir"
	for f in bench.md bench.svg; do diff -q "docs/$f" "$dir/$f"; done
}
quiet "docs/bench.md and docs/bench.svg show the figures of results.tsv (table.py draw)" drawn

# A fault that changes nothing any more tests nothing.
stale_faults() {
	local kernel case file change
	while IFS=$'\t' read -r kernel case file change; do
		[[ -n $kernel && $kernel != '#'* ]] || continue
		! sed -E "$change" "$file" | cmp -s - "$file" || echo "$kernel $case $file: $change"
	done <tests/mutants.list
}
quiet "each fault of tests/mutants.list changes the source" stale_faults

# links FILE.md - the targets of its links, without links to other sites.
links() { grep -oE '\]\([^)]*\)' "$1" | sed 's/^](//; s/)$//' | grep -v '^[a-z]*:' ; }
# anchors FILE.md - the anchors of its headings, as the usual web front ends make them.
anchors() { sed -nE 's/^#+ //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }
dead() {
	local page link file
	for page in *.md docs/*.md tests/README.md; do
		while IFS= read -r link; do
			file=${link%%#*}
			[[ -z $file ]] && file=$page || file=$(dirname "$page")/$file
			[[ -e $file ]] || { echo "$page: $link"; continue; }
			[[ $link != *#* ]] || anchors "$file" | grep -qx -e "${link#*#}" || echo "$page: $link: no such heading"
		done < <(links "$page")
	done
}
quiet "no link in the documents is dead" dead
is "$(grep -n 'Nothing changes for a VM' README.md)" "" "README: does not say that nothing changes for a VM (its VMM may ask for MTE)"
# "make demo" gives the first result. It must stand in the first 25 lines, which fit on a screen.
RESULT=$(grep -n '^    make demo$' README.md | head -n1 | cut -d: -f1)
if ((${RESULT:-99} <= 25)); then ok "README: the first result is on the first screen"; else not_ok "README: the first result is on the first screen" "line ${RESULT:-none}"; fi
done_testing
