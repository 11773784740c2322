#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: JSON of kvm-mte that its schema in docs/schema/ does not describe: a member or a word that is new, has gone or has another
# type; a schema that is none, or that accepts anything.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

W=$RUN_DIR/tool-json
DIR=sys/kernel/kvm_mte
. "$TESTS/bed/made-up-host.sh"

PACKAGES=(python3-jsonschema python3-attr python3-pyrsistent)
fetch bookworm amd64 "${PACKAGES[@]}"
for p in "${PACKAGES[@]}"; do dpkg-deb --fsys-tarfile "$(deb bookworm amd64 "$p")" | tar -C "$W" -x ./usr/lib/python3/dist-packages; done
# valid SCHEMA FILE [lines] - prints what is wrong; with "lines": each line is an object.
valid() {
	PYTHONPATH=$W/usr/lib/python3/dist-packages python3 - "$TOP/docs/schema/$1.json" "$2" "${3:-}" <<-'EOL'
	import json, sys
	from jsonschema import Draft202012Validator as Validator
	schema = json.load(open(sys.argv[1]))
	Validator.check_schema(schema)
	text = open(sys.argv[2]).read()
	if not text:
	    print('there is nothing')
	for part in text.splitlines() if sys.argv[3] else [text]:
	    for error in Validator(schema).iter_errors(json.loads(part)):
	        print('/'.join(map(str, error.absolute_path)) + ': ' + error.message[:400])
	EOL
}
# fits SCHEMA NAME COMMAND... - its output, which may be lines.
fits() {
	mte "${@:3}" >"$W/out" 2>/dev/null
	quiet "$1: $2" valid "$1" "$W/out" "${LINES_OF:-}"
}

is "$(for s in "$TOP"/docs/schema/*.json; do jq -r '.title' "$s"; done | sed 's/^kvm-mte //' | sort | paste -sd ';')" \
	"check --json;events --json;list --json;list --watch --json;status --json" "each output has a schema"
is "$("$TOOL" --help | grep -c -e --json)" 4 "no other command has --json"
is "$("$TOOL" --help | grep -o 'kvm-mte [a-z]* .*--json' | cut -d' ' -f2 | sort | paste -sd ' ')" "check events list status" "so it says"

# --- without the module ---

file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd mte\nCPU implementer\t: 0x41\n"
file proc/sys/kernel/osrelease "5.10.0-x\n"
file proc/sys/kernel/ftrace_enabled "1\n"
fits status "cannot" status --json
is "$(jq -c '[.loaded, .possible]' "$W/out")" '[false,false]' "and says so"
fits check "cannot" check --json
is "$(jq -r .result "$W/out")" cannot "and says so"
file dev/kvm ""
fits status "not loaded" status --json
is "$(jq -c '[.loaded, .possible]' "$W/out")" '[false,true]' "and says so"
fits check "not loaded" check --json
is "$(jq -r .result "$W/out")" "not loaded" "and says so"
file var/log/dmesg "[    0.1] kvm [1]: Hyp mode initialized successfully\n"
fits status "KVM cannot be asked, and must have guest MTE" status --json
is "$(jq -c '[.loaded, .possible, (.reason | type)]' "$W/out")" '[false,null,"string"]' "and says so"
rm -r "${HOST:?}/var"
mkdir -p "$HOST/proc/5/fd"
ln -s anon_inode:kvm-vm "$HOST/proc/5/fd/9"
file proc/5/cmdline "qemu\0"
fits check "a VM, not loaded" check --json 5
is "$(jq -r '.checks[] | select(.requirement == "memory").verdict' "$W/out")" unknown "and has its memory"
file proc/cpuinfo "processor\t: 0\nvendor_id\t: GenuineIntel\n"
fits check "another machine" check --json
rm -r "$HOST/proc/5"

# --- with it ---

file $DIR/version "1.2.3\n"
mkdir -p "$HOST/$DIR/vms"
fits list "no VM" list --json
LINES_OF=1 fits list-watch "no VM" list --json --watch=0.1 --count=2
fits status "files are missing" status --json
file $DIR/backend "native\n"
file $DIR/policy/default "on\n"
file $DIR/policy/migration "refuse\n"
for r in $(jq -r '."$defs".loaded.properties.repairs.properties | keys[]' "$TOP/docs/schema/status.json"); do file "$DIR/repairs/$r" "not-needed\n"; done
is "$(cd "$HOST/$DIR/repairs" && echo *)" "$(sed -nE 's/^What:.*\/repairs\/([a-z_]+)$/\1/p' "$TOP/docs/ABI/testing/sysfs-kernel-kvm_mte" | LC_ALL=C sort | paste -sd ' ')" "status: all repairs"
# vm DIR STATE ORIGIN HOLD - the command line of its VMM comes on stdin.
vm() {
	local f pid=${1%%-*}
	for f in "pid:$pid" "state:$2" "origin:$3" "hold:$4" vcpus:1 stats/pages_tagged:5 stats/tags_restored:6 stats/untracked_migrations:7; do
		file "$DIR/vms/$1/${f%%:*}" "${f#*:}\n"
	done
	mkdir -p "$HOST/proc/$pid"
	cat >"$HOST/proc/$pid/cmdline"
}
printf '%s\0' qemu -name $'evil\e"\\\xff\n' | vm 10-9 on policy 0
printf '' | vm 11-9.1 turning-off admin 1
printf '%s\0' qemu -name web | vm 12-9 off none 0
printf '%s\0' qemu | vm 13-9 turning-on vmm 0
fits list "VMs" list --json
is "$(jq length "$W/out")" 4 "all of them"
LINES_OF=1 fits list-watch "VMs" list --json --watch=0.1 --count=2
fits status "VMs" status --json
is "$(jq -c .vms "$W/out")" '{"on":1,"turning-on":1,"turning-off":1,"off":1}' "all of them"
file proc/cpuinfo "processor\t: 0\nFeatures\t: fp asimd mte\nCPU implementer\t: 0x41\n"
for id in 10-9 11-9.1 12-9 13-9; do fits check "VM $id" check --json "$id"; done

# Each kind of event that comes from the log. A plain file ends, and with it the command, if nothing else is listened to.
mkfifo "$HOST/dev/kmsg"
exec {log}<>"$HOST/dev/kmsg"
: >"$W/events"
"$TOOL" --root="$HOST" events --json --count=4 >"$W/events" 2>/dev/null &
nr=0
for line in '12-9: on, by uid 0, process 1 (\x1b)' '12-9: not turned on: x' 'policy/default: off, by uid 4294967295, process 1 ()' 'loaded: x'; do
	printf '%s\n' "5,1,1,-;kvm_mte: $line" >&"$log"
	nr=$((nr + 1))
	for ((i = 0; i < 600; i++)); do
		(($(wc -l <"$W/events") < nr)) || break
		sleep 0.1
	done
done
wait "$!"
exec {log}>&-
quiet "events: of the log" valid events "$W/events" lines
is "$(jq -r .event "$W/events" | paste -sd ' ')" "set refused set message" "all of them"

# Not all of them can be made here: the words of the schema are those of the source and of the manual page.
words() { jq -r '.properties.event.enum[]' "$TOP/docs/schema/events.json" | sort | paste -sd ' '; }
is "$(grep -ohE '"(added|changed|removed|untracked-migration|refused|set|message|lost)"' "$TOP"/tools/{uevents,kmsg}.c | tr -d '"' | sort -u | paste -sd ' ')" "$(words)" "events: the words in the source"
is "$(sed -n '/^\.It Cm events/,/^\.El/s/^\.It Sy //p' "$TOP/tools/kvm-mte.8" | sed 's/ , /\n/g' | sort | paste -sd ' ')" "$(words)" "events: the words in the manual page"

# --- what is not valid is found ---

# bad SCHEMA FILTER OUTPUT... - a change of the output that the schema must not accept.
bad() {
	mte "${@:3}" 2>/dev/null | jq -c "$2" >"$W/bad"
	isnt "$(valid "$1" "$W/bad")" "" "$1: not valid: $2"
}
bad list 'map(del(.held))' list --json
bad list 'map(.new = 1)' list --json
bad list 'map(.state = "On")' list --json
bad list 'map(.pid = "1")' list --json
bad list '{}' list --json
bad list-watch 'del(.vms)' list --json --watch=0.1 --count=1
bad status 'del(.reload_due)' status --json
bad status '.repairs.new = "active"' status --json
bad status '.loaded = false' status --json
bad check '.result = "yes"' check --json
bad check '.checks[0].requirement = "new"' check --json
bad check '.checks[0].verdict = null' check --json
bad check '.checks = []' check --json
for filter in '.event = "new"' 'del(.by_uid)' '.time = "now"' '.vm = "x"'; do
	head -n 1 "$W/events" | jq -c "$filter" >"$W/bad"
	isnt "$(valid events "$W/bad")" "" "events: not valid: $filter"
done

rm -rf "$W"
done_testing
