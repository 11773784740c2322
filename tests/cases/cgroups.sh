#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VM that gets another policy than that of the nearest listed cgroup of the process that creates it; a list of cgroups
# that takes a new cgroup for a removed one with the same path, keeps a removed one, keeps the memory of a removed one, or cannot be
# read whole; a path that is resolved in another cgroup namespace than the writer's; input that is accepted though it names no cgroup.
# hooks: once
# kernels: 5.10 6.1 6.12 7.2
# quick-kernels: 5.10 7.2
# timeout: 900
# shellcheck disable=SC2016 # much is for other shells
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

POLICY=$MTE/policy CG=/sys/fs/cgroup
LISTS='off on request'
export POLICY CG

# within PATH COMMAND... - runs the command in that cgroup. /tmp/within becomes the command, so that $! is its process.
cat >/tmp/within <<'EOL'
#!/bin/bash
echo 0 >"$CG$1/cgroup.procs" || exit
shift
exec "$@"
EOL
chmod +x /tmp/within
within() { /tmp/within "$@"; }

# make PATH... / unmake PATH... - creates cgroups; removes them.
make() { mkdir -p "${@/#/$CG}"; }
unmake() { rmdir "${@/#/$CG}"; }

list() { cat "$POLICY/$1_cgroups"; }

# lists - prints all three lists in a line.
lists() {
	local l
	for l in $LISTS; do printf '%s:%s;' "$l" "$(list "$l" | tr '\n' ' ')"; done
}

declare -A ERRNO=(
	['Invalid argument']=EINVAL ['No such file or directory']=ENOENT ['Not a directory']=ENOTDIR
	['File name too long']=ENAMETOOLONG ['No space left on device']=ENOSPC ['Operation not supported']=EOPNOTSUPP
)
# put TEXT LIST - writes to the list in one write; prints "ok" or the errno. try_write is slow, because it needs other programs. It is
# needed for several lines: bash writes each by itself.
put() {
	local said
	if [[ ${1%$'\n'} == *$'\n'* ]]; then
		try_write "$POLICY/$2_cgroups" "$1"
	elif said=$({ printf '%s' "$1" >"$POLICY/$2_cgroups"; } 2>&1); then
		echo ok
	else
		echo "${ERRNO[${said##*: }]:-$said}"
	fi
}

EMPTY='off:;on:;request:;'

load_module || bail "the module does not load"
is "$(lists)" "$EMPTY" "all lists are empty at first"
make /a/b/c/d /a/e /x

# --- the default, and the lists, which override it ---

for l in $LISTS; do
	is "$(put /a "$l")" ok "a cgroup is put on the list $l"
	for default in $(if full; then echo "$LISTS"; elif [[ $l == off ]]; then echo on; else echo off; fi); do
		echo "$default" >"$POLICY/default"
		told "$l" "default $default, cgroup on the list $l" within /a "$CLIENT" ask
	done
done
is "$(lists)" "off:;on:;request:/a ;" "a cgroup is on one list"
echo request >"$POLICY/default"

# --- the nearest counts ---

is "$(put /a on):$(put /a/b off):$(put /a/b/c/d request)" ok:ok:ok "nested cgroups are listed"
told on "the highest" within /a "$CLIENT" ask
told on "a cgroup on no list below it" within /a/e "$CLIENT" ask
told off "the next" within /a/b "$CLIENT" ask
told off "a cgroup on no list below that" within /a/b/c "$CLIENT" ask
told request "the lowest; request is a word, too" within /a/b/c/d "$CLIENT" ask
told request "a cgroup beside them" within /x "$CLIENT" ask
told request "the root" "$CLIENT" ask
is "$(put / off)" ok "the root can be listed"
told off "the root is above all" within /x "$CLIENT" ask
told on "but others are nearer" within /a/e "$CLIENT" ask
told off "the root's own processes" "$CLIENT" ask
is "$(list off)" "/a/b
/" "the paths are listed in the order in which they were put there"
# The order on the lists has no meaning.
is "$(put -/a on):$(put /a on)" ok:ok "the highest is listed again, as the last one"
told off "the nearest still counts" within /a/b/c "$CLIENT" ask
is "$(put -/ off):$(list off)" ok:/a/b "the root is taken off its list"

# --- lists of processes come first ---

told on "a listed process in a cgroup of another list" within /a/b bash -c 'echo 0 >"$POLICY/on_pids"; "$CLIENT" ask'
told request "also its child, in a cgroup below" within /a/b/c bash -c 'echo 0 >"$POLICY/request_pids"; "$CLIENT" ask; exit'

# --- what a process does ---

# The process that asks has init for its parent.
orphan() {
	rm -f /tmp/go /tmp/asked
	within /a/b bash -c '{
		until [[ -e /tmp/go ]]; do sleep 0.1; done
		awk "/^PPid/ { print \$2 }" "/proc/$BASHPID/status" >/tmp/parent
		setsid "$CLIENT" ask >/tmp/said 2>&1
		mv /tmp/said /tmp/asked
	} >/dev/null 2>&1 &'
	touch /tmp/go
	wait_until 60 test -e /tmp/asked
	cat /tmp/asked
}
told off "forked twice" orphan
is "$(cat /tmp/parent)" 1 "its parent was init"
told on "moved to another cgroup" within /a/b bash -c '"$CLIENT" ask >/dev/null; echo 0 >"$CG/a/e/cgroup.procs"; exec "$CLIENT" ask'
hold_start vm hold --vcpus=1
echo "${HOLD_PID[vm]}" >"$CG/a/cgroup.procs"
is "$(cat "$(vm_dir "${HOLD_PID[vm]}")/state")" off "a VM that was created before its process was moved stays off"
hold_end vm

# --- lists ---

is "$(put -/a off):$(lists)" "ENOENT:off:/a/b ;on:/a ;request:/a/b/c/d ;" "a cgroup on another list cannot be taken off"
is "$(put -/a on):$(lists)" "ok:off:/a/b ;on:;request:/a/b/c/d ;" "it is taken off its own list"
told request "its policy has gone" within /a/e "$CLIENT" ask
told off "that of others has not" within /a/b "$CLIENT" ask
dmesg_mark
is "$(put -/a on)" ENOENT "a cgroup on no list"
is "$(said)" "policy/on_cgroups: not on this list: /a" "the log has the reason"
is "$(put -/a/b off):$(put -/a/b/c/d request):$(lists)" "ok:ok:$EMPTY" "all lists are empty"

# --- removed cgroups ---

for l in on off; do
	# Often enough that the kernel uses the memory of a removed one again.
	for i in 1 2 3 4 5; do
		make /r
		echo /r >"$POLICY/${l}_cgroups"
		unmake /r
		make /r
		# Nobody reads the lists in between.
		told request "a removed cgroup was on the list $l, another one has its path ($i)" within /r "$CLIENT" ask
	done
	is "$(lists)" "$EMPTY" "it is on no list"
done
is "$(put /r on)" ok "the new one is put on a list"
told on "its policy" within /r "$CLIENT" ask
unmake /r
is "$(put /r on)" ENOENT "a removed cgroup is not found"
is "$(lists)" "$EMPTY" "and has left its list"

# A listed cgroup can be removed, and its memory is freed. The lists are not read or written until then.
make /r/s/t
is "$(put /a off):$(put /r on):$(put /r/s on):$(put /r/s/t on)" ok:ok:ok:ok "cgroups are listed"
unmake /r/s/t /r/s /r
freed() { grep -qx 'nr_dying_descendants 0' "$CG/cgroup.stat"; }
wait_until 60 freed
is "$(grep dying "$CG/cgroup.stat" | head -n 1)" "nr_dying_descendants 0" "no removed cgroup is kept"
told off "a cgroup that was not removed" within /a "$CLIENT" ask
is "$(lists)" "off:/a ;on:;request:;" "they have left the list"
is "$(put -/a off)" ok "the other one is taken off"

# --- threads ---

make /t/one /t/two
echo threaded >"$CG/t/one/cgroup.type"
echo threaded >"$CG/t/two/cgroup.type"
hold_start half linger
HALF=${HOLD_PID[half]}
echo "$HALF" >"$CG/t/one/cgroup.procs" || not_ok "a process is moved to a threaded cgroup"
TID=$(find "/proc/$HALF/task" -mindepth 1 -maxdepth 1 ! -name "$HALF" -printf '%f\n')
is "$(put /t/one on):$(put /t/two off):$(put /t request)" ok:ok:ok "threaded cgroups are listed"
is "$(grep ^0: "/proc/$HALF/task/$TID/cgroup")" "0::/t/one" "a thread is in one of them"
hold_is half ask "thread: ${TOLD[on]}" "its policy is that of its own cgroup"
echo "$TID" >"$CG/t/two/cgroup.threads" || not_ok "the thread is moved"
hold_is half ask "thread: ${TOLD[off]}" "the thread is moved to another threaded cgroup"
is "$(put -/t/two off)" ok "that cgroup is on no list now"
hold_is half ask "thread: ${TOLD[request]}" "the policy is that of the cgroup of the whole process"
hold_end half
unmake /t/one /t/two /t
is "$(lists)" "$EMPTY" "they have been removed: all lists are empty"

# --- cgroup namespaces ---

is "$(put /x off):$(put /a on)" ok:ok "cgroups of the initial namespace"
# A slash instead of a path: the root of the namespace.
is "$(within /a unshare -C bash -c '
	cat /proc/self/cgroup | grep ^0:
	echo /b >"$POLICY/request_cgroups"
	echo /b/c/d >"$POLICY/off_cgroups"
	cat "$POLICY/on_cgroups" "$POLICY/off_cgroups" "$POLICY/request_cgroups"
	for p in /x /a/b /../x -/x -/a; do echo "$p" >"$POLICY/off_cgroups"; done 2>&1 | sed "s/.*: //"
	echo -/ >"$POLICY/on_cgroups" && cat "$POLICY/on_cgroups"' 2>&1 | tr '\n' ';')" \
	"0::/;/;/b/c/d;/b;No such file or directory;No such file or directory;Invalid argument;No such file or directory;No such file or directory;" \
	"in another namespace: paths as they are there, and no others"
is "$(lists)" "off:/x /a/b/c/d ;on:;request:/a/b ;" "in the initial namespace"
told off "what was listed in the namespace" within /a/b/c/d "$CLIENT" ask
told off "a process in the namespace, whose root is on no list" within /a/b/c/d unshare -C "$CLIENT" ask
is "$(within /a/b unshare -C cat "$POLICY/request_cgroups")" / "the root of a namespace"
for p in /x /a/b/c/d; do echo "-$p" >"$POLICY/off_cgroups"; done
echo -/a/b >"$POLICY/request_cgroups"
make /r
# The process leaves the namespace's root, and the root is removed.
is "$(within /r unshare -C bash -c 'echo 0 >"$CG/x/cgroup.procs"
	rmdir "$CG/r"
	for p in / /s; do echo "$p" >"$POLICY/on_cgroups"; done' 2>&1 | sed 's/.*: //' | tr '\n' ';')" \
	"No such file or directory;No such file or directory;" "in a namespace whose root has been removed"
is "$(lists)" "$EMPTY" "nothing was listed"

# --- what is refused ---

dmesg_mark
for path in '' a a/b - --/a ' /a' -a $'/a\n/a' $'/a\n\n' /.. /a/.. /../a /. /a/./b /a/../x -/a/..; do
	is "$(put "${path:-$'\n'}" on)" EINVAL "not a path: $(printf %q "$path")"
done
like "$(said)" '^policy/on_cgroups: not the path of a cgroup$' "the log has the reason"
is "$(printf '/a\0b' | errno_of "-e openat,write -P $POLICY/on_cgroups" dd of="$POLICY/on_cgroups" status=none)" EINVAL "a zero byte in a path"
# First: the rate limit is 10 messages in 5 seconds.
dmesg_mark
is "$(put /nosuch off)" ENOENT "no such cgroup"
is "$(said)" "policy/off_cgroups: no cgroup /nosuch" "the log has the reason"
for path in /nosuch /a/nosuch /nosuch/b '/a ' '/x (deleted)' /... /a/..b "$CG/a" /A; do
	is "$(put "$path" on)" ENOENT "no such cgroup: $path"
done
for path in /cgroup.procs /a/cgroup.procs /a/cgroup.procs/b /cgroup.procs/ /cgroup.stat/x/y; do
	is "$(put "$path" on)" ENOTDIR "a file of a cgroup: $path"
done
LONG=$(printf '/%04094d' 0)
is "$(put "$LONG" on)" ENOENT "a path of 4095 bytes is looked for"
dmesg_mark
is "$(put "$LONG/" on)" ENAMETOOLONG "a path of 4096 bytes"
is "$(put "$LONG$LONG" on)" ENAMETOOLONG "a longer path"
like "$(said)" '^policy/on_cgroups: the path is too long$' "the log has the reason"
is "$(lists)" "$EMPTY" "nothing has changed"
for l in $LISTS; do
	is "$(stat -c %a "$POLICY/${l}_cgroups")" 644 "mode of ${l}_cgroups"
	is "$(setpriv --reuid=65534 --clear-groups bash -c "echo /a >$POLICY/${l}_cgroups" 2>&1 | grep -c 'Permission denied')" 1 \
		"only root writes ${l}_cgroups"
done

# --- what is accepted ---

for path in /a/b /a/b/ //a//b /a///b// $'/a/b\n' $'/a/b/\n'; do
	is "$(put "$path" on):$(list on)" "ok:/a/b" "accepted: $(printf %q "$path")"
	is "$(put "-$path" on):$(list on)" "ok:" "and taken off in the same way"
done
for name in -x 'a b' ' ' $'tab\there' 'äöü' '...' '"' '%s%n'; do
	make "/$name"
	is "$(put "/$name" on):$(list on)" "ok:/$name" "a cgroup with the name $(printf %q "$name")"
	! full || told on "its policy" within "/$name" "$CLIENT" ask
	unmake "/$name"
done
make "/$(printf %0200d 1)/$(printf %0200d 2)/$(printf %0200d 3)/deep"
DEEP=/$(printf %0200d 1)/$(printf %0200d 2)/$(printf %0200d 3)/deep
is "$(put "$DEEP" on):$(list on)" "ok:$DEEP" "a long path"
told on "its policy" within "$DEEP" "$CLIENT" ask
while [[ $DEEP ]]; do
	unmake "$DEEP"
	DEEP=${DEEP%/*}
done

# --- many ---

make /many
mkdir "$CG"/many/{1..1030}
for ((i = 1; i <= 1024; i++)); do echo "/many/$i"; done >/tmp/want
# A write for each line.
while IFS= read -r p; do echo "$p" >"$POLICY/off_cgroups"; done </tmp/want
is "$(list off | cksum)" "$(cksum </tmp/want)" "1024 cgroups on a list, more than a page of text: read whole, in order"
is "$(dd if="$POLICY/off_cgroups" bs=7 status=none | cksum)" "$(cksum </tmp/want)" "also in small pieces"
is "$(tail -c +5001 "$POLICY/off_cgroups" | cksum)" "$(tail -c +5001 /tmp/want | cksum)" "also from the middle"
dmesg_mark
is "$(put /many/1025 on)" ENOSPC "the lists are full"
is "$(said)" "policy/on_cgroups: full: 1024 cgroups are on the lists" "the log has the reason"
told request "a cgroup on no list, while 1024 are listed" within /many/1025 "$CLIENT" ask
told off "the last of them" within /many/1024 "$CLIENT" ask
is "$(put /many/1000 on):$(list off | wc -l):$(list on)" "ok:1023:/many/1000" "a listed cgroup is moved to another list nevertheless"
unmake /many/500
is "$(put /many/1026 on):$(put /many/1027 on)" ok:ENOSPC "a removed cgroup makes room for one"
is "$(put -/many/1 off):$(put /many/1027 on)" ok:ok "also one that is taken off"
is "$(list off | wc -l) $(list on | tr '\n' ' ')" "1021 /many/1000 /many/1026 /many/1027 " "the others are as before"
(cd "$CG/many" && rmdir [0-9]*)
is "$(lists)" "$EMPTY" "all have been removed"
unmake /many

# --- at the same time ---

# Each of these ends when the file is there. They run until the client has asked 40 times.
until_done() { while [[ ! -e /tmp/done ]]; do "$@"; done 2>/dev/null; }
churn() { mkdir "$CG/churn$1" && echo "/churn$1" >"$POLICY/on_cgroups" && echo >>/tmp/churned; rmdir "$CG/churn$1"; }
change() { for l in off request on; do echo /x >"$POLICY/${l}_cgroups"; done; echo -/x >"$POLICY/on_cgroups"; }
rm -f /tmp/done /tmp/churned
for i in 1 2; do until_done churn "$i" & done
until_done change &
until_done lists >/dev/null &
echo /a/b >"$POLICY/off_cgroups"
for ((i = 0; i < 40; i++)); do within /a/b "$CLIENT" offered; done >/tmp/offered
touch /tmp/done
wait
is "$(sort /tmp/offered | uniq -c | tr -s ' ')" " 40 dev 0" "the policy of a cgroup, while others are listed and removed"
succeeds "others were listed and removed" test -s /tmp/churned
is "$(list off):$(list on)$(list request)" "/a/b:" "the lists after that"

# --- a host with cgroup v1 only ---

/tmp/within /a/b sleep 1000 &
SLEEP=$!
moved() { grep -qx 0::/a/b "/proc/$SLEEP/cgroup"; }
wait_until 60 moved
umount "$CG"
mkdir -p /tmp/v1
mount -t cgroup -o none,name=old old /tmp/v1 || not_ok "a hierarchy of v1 is mounted"
mkdir /tmp/v1/a
dmesg_mark
is "$(put /a on):$(put / on):$(put /nosuch on)" EOPNOTSUPP:EOPNOTSUPP:EOPNOTSUPP "cgroup2 is not mounted: writing"
is "$(said | sort -u)" "policy/on_cgroups: no file system of type cgroup2 is mounted: this host does not use cgroup v2" "the log has the reason"
is "$(list off)" /a/b "what was listed before is still listed"
is "$(put -/a/b off):$(lists)" "ok:$EMPTY" "and can be taken off"
rmdir /tmp/v1/a
umount /tmp/v1
mount -t cgroup2 cgroup2 "$CG"
is "$(put /a/b off)" ok "cgroup2 is mounted again"
kill "$SLEEP"
wait "$SLEEP" 2>/dev/null

# --- loading and unloading ---

is "$(put /a on)" ok "another one is listed"
is "$(rmmod_says)" ok "it unloads with cgroups on its lists"
unmake /x
load_module || bail "the module does not load again"
is "$(lists)" "$EMPTY" "loaded again, all lists are empty"
told request "and no cgroup has a policy" within /a/b "$CLIENT" ask
is "$(put /a/b on)" ok "a cgroup is listed again"
told on "its policy" within /a/b "$CLIENT" ask
is "$(rmmod_says)" ok "it unloads"
not_loaded "at the end"
unmake /a/b/c/d /a/b/c /a/b /a/e /a
freed_all() { grep -qx 'nr_dying_descendants 0' "$CG/cgroup.stat"; }
wait_until 60 freed_all
is "$(grep -E '^nr_(dying_)?descendants' "$CG/cgroup.stat" | tr '\n' ' ')" "nr_descendants 0 nr_dying_descendants 0 " "all cgroups are gone"
done_testing
