#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: metrics that Prometheus cannot read, or that differ from the module's files; a guest's name that adds a metric or a
# label; a reader of the file that sees only a part of it.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

W=$RUN_DIR/metrics
DIR=sys/kernel/kvm_mte
. "$TESTS/bed/made-up-host.sh"
fetch bookworm amd64 prometheus
dpkg-deb --fsys-tarfile "$(deb bookworm amd64 prometheus)" | tar -C "$W" -x ./usr/bin/promtool

# vm PID STATE ORIGIN HOLD - a VM of that host. The command line of its VMM comes on stdin.
vm() {
	local d=$DIR/vms/$1-9
	file "$d/pid" "$1\n"
	file "$d/state" "$2\n"
	file "$d/origin" "$3\n"
	file "$d/hold" "$4\n"
	file "$d/vcpus" "2\n"
	file "$d/stats/pages_tagged" "300000\n"
	file "$d/stats/tags_restored" "7\n"
	file "$d/stats/untracked_migrations" "1\n"
	file "proc/$1/cmdline" ""
	cat >"$HOST/proc/$1/cmdline"
}

lint() { "$W/usr/bin/promtool" check metrics <"$1" 2>&1; }
sample() { grep -v '^#' "$W/out"; }

# --- the module is not loaded ---

mkdir -p "$HOST"
succeeds "not loaded: this is no error" mte metrics
mte metrics >"$W/out"
is "$(sample)" "kvm_mte_loaded 0" "not loaded: the only value"
is "$(lint "$W/out")" "" "not loaded: promtool has nothing to say"

# --- a host ---

file proc/sys/kernel/osrelease "5.10.0-32-arm64\n"
file $DIR/version "1.2.3\n"
file $DIR/backend "inject\n"
file $DIR/policy/default "on\n"
file $DIR/hooks/armed "24\n"
file $DIR/hooks/missed "3\n"
file $DIR/repairs/thp_split "active\n"
file $DIR/repairs/copy_tags_hang "not-needed\n"
mkdir -p "$HOST/$DIR/vms"
HEAD='kvm_mte_loaded 1
kvm_mte_info{version="1.2.3",backend="inject",policy="on",kernel="5.10.0-32-arm64"} 1
kvm_mte_hooks_armed 24
kvm_mte_hooks_missed_total 3
kvm_mte_repair_info{repair="copy_tags_hang",state="not-needed"} 1
kvm_mte_repair_info{repair="thp_split",state="active"} 1'
mte metrics >"$W/out"
is "$(sample)" "$HEAD
kvm_mte_vms{state=\"off\"} 0
kvm_mte_vms{state=\"on\"} 0
kvm_mte_vms{state=\"turning-on\"} 0
kvm_mte_vms{state=\"turning-off\"} 0" "without VMs"
is "$(lint "$W/out")" "" "without VMs: promtool has nothing to say"

printf '%s\0' qemu -name web | vm 8 on policy 0
printf '%s\0' qemu -name $'guest=a"} 1\nevil{x="\\\xc3\xa4' | vm 9 turning-off admin 1
mte metrics >"$W/out"
is "$(sample)" "$HEAD
kvm_mte_vms{state=\"off\"} 0
kvm_mte_vms{state=\"on\"} 1
kvm_mte_vms{state=\"turning-on\"} 0
kvm_mte_vms{state=\"turning-off\"} 1
kvm_mte_vm_info{vm=\"8-9\",name=\"web\",pid=\"8\",state=\"on\",origin=\"policy\"} 1
kvm_mte_vm_info{vm=\"9-9\",name=\"a\\\"} 1\\\\x0aevil{x=\\\"\\\\x5c\\\\xc3\\\\xa4\",pid=\"9\",state=\"turning-off\",origin=\"admin\"} 1
kvm_mte_vm_vcpus{vm=\"8-9\"} 2
kvm_mte_vm_vcpus{vm=\"9-9\"} 2
kvm_mte_vm_pages_tagged_total{vm=\"8-9\"} 300000
kvm_mte_vm_pages_tagged_total{vm=\"9-9\"} 300000
kvm_mte_vm_tags_restored_total{vm=\"8-9\"} 7
kvm_mte_vm_tags_restored_total{vm=\"9-9\"} 7
kvm_mte_vm_untracked_migrations_total{vm=\"8-9\"} 1
kvm_mte_vm_untracked_migrations_total{vm=\"9-9\"} 1
kvm_mte_vm_held{vm=\"8-9\"} 0
kvm_mte_vm_held{vm=\"9-9\"} 1" "two VMs, one with a name that looks like a metric"
is "$(lint "$W/out")" "" "two VMs: promtool has nothing to say"
printf 'kvm_mte_bad{x="1"} one\n' >"$W/bad"
fails "promtool refuses what is no metric" lint "$W/bad"

# --- a file ---

is "$(mte metrics --output="$W/m.prom")" "" "--output: nothing on stdout"
is "$(cat "$W/m.prom")" "$(cat "$W/out")" "--output: the file has the same"
is "$(stat -c %a "$W/m.prom")" 644 "--output: the exporter can read it"
exec {old}<"$W/m.prom"
file $DIR/policy/default "off\n"
mte metrics --output="$W/m.prom"
is "$(cat <&"$old")" "$(cat "$W/out")" "--output: a reader of the old file sees all of it"
like "$(cat "$W/m.prom")" 'policy="off"' "--output: then the file has the new values"
exec {old}<&-
mkdir "$W/empty"
(cd "$W/empty" && mte metrics --output=m.prom)
is "$(ls -A "$W/empty")" m.prom "--output: nothing else is left, also without a directory's name"
is "$(mte metrics --output="$W/none/m.prom" 2>&1; echo "$?")" "kvm-mte: $W/none/m.prom: No such file or directory
1" "--output: no such directory"
is "$(mte metrics --output="$W/empty/m.prom/x" 2>&1; echo "$?")" "kvm-mte: $W/empty/m.prom/x: Not a directory
1" "--output: a file is in the way"
ln -s m.prom "$W/empty/link"
is "$(mte metrics --output="$W/empty/link" 2>&1; echo "$?")" "kvm-mte: $W/empty/link: not a regular file
1" "--output: a link is in the way"
is "$(mte metrics --output=/dev/null 2>&1; echo "$?")" "kvm-mte: /dev/null: not a regular file
1" "--output: a device"
is "$(mte metrics >/dev/full 2>&1; echo "$?")" 1 "stdout is full"
is "$(mte metrics x 2>&1; echo "$?")" 'kvm-mte: metrics takes no argument: x
Try "kvm-mte --help".
2' "an argument"

rm -rf "$W"
done_testing
