#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VM that gets another policy than that of its process's nearest listed ancestor; a list that loses a live
# process, keeps a dead one, or takes a new process for a dead one with the same id; long lists that cannot be read whole.
# hooks: kprobe
# timeout: 900
# shellcheck disable=SC2016 # much is for other shells
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

POLICY=$MTE/policy
LISTS='off on request'
export POLICY

# under LIST... -- COMMAND... - runs the command below a process for each LIST. Each process is a child of the one before, and
# is on its LIST; "none" is a process on no list.
cat >/tmp/under <<'EOL'
#!/bin/bash
list=$1
shift
if [[ $list == -- ]]; then
	"$@"
else
	[[ $list == none ]] || echo 0 >"$POLICY/${list}_pids" || exit
	"$0" "$@"
fi
exit "$?"
EOL
chmod +x /tmp/under
under() { /tmp/under "$@"; }

list() { cat "$POLICY/$1_pids"; }

# lists - prints all three lists in a line.
lists() {
	local l
	for l in $LISTS; do printf '%s:%s;' "$l" "$(list "$l" | tr '\n' ' ')"; done
}

put() { try_write "$POLICY/$2_pids" "$1"; }

EMPTY='off:;on:;request:;'

load_module || bail "the module does not load"
is "$(lists)" "$EMPTY" "all lists are empty at first"

# --- the default, and the lists, which override it ---

for default in $LISTS; do
	echo "$default" >"$POLICY/default"
	told "$default" "default $default, no list" "$CLIENT" ask
	for l in $LISTS; do
		told "$l" "default $default, parent on the list $l" under "$l" -- "$CLIENT" ask
	done
done
is "$(lists)" "$EMPTY" "the processes have exited: all lists are empty"
echo request >"$POLICY/default"

told off "itself on a list" bash -c 'echo 0 >"$POLICY/off_pids"; exec "$CLIENT" ask'
told on "the nearest counts: off above on" under off on -- "$CLIENT" ask
told off "the nearest counts: on above off" under on off -- "$CLIENT" ask
told request "request is a word, too: off above on above request" under off on request -- "$CLIENT" ask
told on "three generations up" under on none none -- "$CLIENT" ask
told request "a sibling is no ancestor" under none -- bash -c '/tmp/under off -- "$CLIENT" ask >/dev/null; "$CLIENT" ask'
told request "a child is no ancestor" bash -c '/tmp/under on -- sleep 60 >/dev/null 2>&1 &
	until grep -q . "$POLICY/on_pids"; do sleep 0.1; done
	"$CLIENT" ask; kill %1; wait 2>/dev/null'
# Its parent has ended: it is init's child now.
orphan() {
	under off -- bash -c '{
		until [[ -e /tmp/go ]]; do sleep 0.1; done
		"$CLIENT" ask >/tmp/said 2>&1
		mv /tmp/said /tmp/asked
	} >/dev/null 2>&1 &'
	touch /tmp/go
	wait_until 60 test -e /tmp/asked
	cat /tmp/asked
}
told request "an orphan has lost its ancestors" orphan
echo 0 >"$POLICY/on_pids"
is "$(list on)" $$ "0 is the writer"
client_points cap --policy=on
client_points starts --enable=cap --threads=1 --rounds=5
echo 0 >"$POLICY/off_pids"
is "$(lists)" "off:$$ ;on:;request:;" "a process is on one list"
client_points cap --policy=off
client_points copytags --policy=off --size=4M
echo 0 >"$POLICY/request_pids"
echo off >"$POLICY/default"
client_points cap --policy=request
client_points idreg --enable=cap
echo request >"$POLICY/default"

# A VM keeps the policy that it was created with, even if its process is put on another list.
hold_start vm hold --vcpus=1
echo "${HOLD_PID[vm]}" >"$POLICY/on_pids"
is "$(cat "$(vm_dir "${HOLD_PID[vm]}")/state")" off "a VM that was created before its process was listed stays off"
is "$(list on)" "${HOLD_PID[vm]}" "its process is on the list"

# --- threads ---

hold_is vm spin spin "a vCPU runs in a thread of its own"
TID=$(find "/proc/${HOLD_PID[vm]}/task" -mindepth 1 -maxdepth 1 ! -name "${HOLD_PID[vm]}" -printf '%f\n')
like "$TID" '^[0-9]+$' "the thread has an id of its own"
is "$(put "$TID" off)" ok "a thread's id is taken"
is "$(list off)" "${HOLD_PID[vm]}" "it puts the thread's process on the list"
is "$(list on)" "" "and takes the process off the list where it was"
hold_tell vm stop
hold_end vm
is "$(list off)" "" "the process is on no list when it has exited"

# --- what is refused ---

dmesg_mark
for word in '' x 1x '1 2' 0x1 -1 --1 1.5 4294967296 99999999999999999999 $'1\n2'; do
	is "$(put "${word:-$'\n'}" on)" EINVAL "not a process id: $(printf %q "$word")"
done
like "$(said)" '^policy/on_pids: not a process id' "the log has the reason"
for id in 4194303 2147483647; do
	is "$(put "$id" on)" ESRCH "no such process: $id"
done
is "$(lists)" "off:;on:;request:$$ ;" "nothing has changed"
for l in $LISTS; do
	is "$(stat -c %a "$POLICY/${l}_pids")" 644 "mode of ${l}_pids"
	is "$(setpriv --reuid=65534 --clear-groups bash -c "echo 0 >$POLICY/${l}_pids" 2>&1 | grep -c 'Permission denied')" 1 \
		"only root writes ${l}_pids"
done

# --- the dead ---

# Make a zombie: its parent becomes sleep, which does not wait for children. bash would reap a child that ends before, so the
# child waits until its parent is sleep.
bash -c '(
	until [[ $(</proc/$$/comm) == sleep ]]; do sleep 0.1; done
	echo 0 >"$POLICY/on_pids"
	echo "$BASHPID" >/tmp/zombie
) & exec sleep 1000' &
PARENT=$!
zombie() { [[ -s /tmp/zombie ]] && grep -q ') Z ' "/proc/$(cat /tmp/zombie)/stat"; }
wait_until 60 zombie
ZOMBIE=$(cat /tmp/zombie)
like "$(cat "/proc/$ZOMBIE/stat")" '\) Z ' "a process that was listed is a zombie"
is "$(list on)" "" "it is on no list"
is "$(put "$ZOMBIE" on)" ESRCH "and cannot be put there"
kill "$PARENT"
wait "$PARENT" 2>/dev/null

# A process whose first thread has ended looks like a zombie, but it is alive.
hold_start half linger
HALF=${HOLD_PID[half]}
first_ended() { grep -q ') Z ' "/proc/$HALF/stat"; }
succeeds "the first thread of a process has ended" wait_until 60 first_ended
is "$(put "$HALF" on)" ok "a process whose first thread has ended is taken"
is "$(list on)" "$HALF" "and is on the list"
hold_is half ask "thread: ${TOLD[on]}" "and its policy is on"
hold_end half
is "$(list on)" "" "it is on the list until its last thread has ended"

# reborn PID - runs the client with that process id. Its output is in /tmp/reborn.
reborn() {
	local try
	for ((try = 0; try < 200; try++)); do
		echo "$(($1 - 1))" >/proc/sys/kernel/ns_last_pid
		"$CLIENT" ask >/tmp/reborn 2>&1 &
		wait "$!"
		(($! != $1)) || return 0
	done
	return 1
}

for l in on off; do
	sleep 1000 &
	DEAD=$!
	is "$(put "$DEAD" "$l")" ok "a process is put on the list $l"
	kill "$DEAD"
	wait "$DEAD" 2>/dev/null
	# Nobody reads the lists in between.
	succeeds "another process gets its number" reborn "$DEAD"
	told request "it inherits nothing" cat /tmp/reborn
	is "$(list "$l")" "" "the list $l is empty"
done

# --- other process id namespaces ---

is "$(unshare -fp bash -c 'echo $$ >"$POLICY/on_pids"; cat "$POLICY/on_pids" "$POLICY/request_pids"; "$CLIENT" ask' 2>&1 | tr '\n' ';')" \
	"1;main: ${TOLD[on]};thread: ${TOLD[on]};child: ${TOLD[on]};" "in another namespace: ids as they are there, and no others"
is "$(lists)" "off:;on:;request:$$ ;" "the process in the namespace has exited"

# --- many ---

# A kernel with a small configuration may have no ids above 32768, and has 4096 until told.
if [[ $(try_write /proc/sys/kernel/pid_max 4194304) == ok ]]; then FIRST=1000000; else FIRST=20000; fi
((FIRST > 20000)) || echo 32768 >/proc/sys/kernel/pid_max
echo "$FIRST" >/proc/sys/kernel/ns_last_pid
IDS=()
for ((i = 0; i < 700; i++)); do
	sleep 10000 &
	IDS+=("$!")
done
for ((i = 699; i >= 0; i--)); do echo "${IDS[i]}" >"$POLICY/on_pids"; done
WANT=$(printf '%s\n' "${IDS[@]}" | sort -n)
is "$(list on | wc -lc | tr -s ' ')" " 700 $((700 * (${#FIRST} + 1)))" "700 processes on a list, more than a page of text"
is "$(list on)" "$WANT" "read whole, in order"
is "$(dd if="$POLICY/on_pids" bs=7 status=none)" "$WANT" "also in small pieces"
is "$(tail -c +4101 "$POLICY/on_pids")" "$(tail -c +4101 <<<"$WANT")" "also from the middle"
for ((i = 0; i < 700; i += 2)); do echo "${IDS[i]}" >"$POLICY/off_pids"; done
is "$(list off | wc -l) $(list on | wc -l)" "350 350" "half of them are moved"
is "$(sort -n "$POLICY/off_pids" "$POLICY/on_pids")" "$WANT" "none is lost"
told request "a process on no list, while 700 are listed" "$CLIENT" ask
kill "${IDS[@]:0:350}"
wait "${IDS[@]:0:350}" 2>/dev/null
is "$(sort -n "$POLICY/off_pids" "$POLICY/on_pids")" "$(printf '%s\n' "${IDS[@]:350}" | sort -n)" "half of them exit: the others stay"
kill "${IDS[@]:350}"
wait "${IDS[@]:350}" 2>/dev/null
is "$(lists)" "off:;on:;request:$$ ;" "all have exited"

# --- loading and unloading ---

sleep 1000 &
is "$(put "$!" off)" ok "a process is listed"
is "$(rmmod_says)" ok "it unloads with processes on its lists"
hold_start early hold
load_module policy=on || bail "the module does not load again"
is "$(lists)" "$EMPTY" "loaded again, all lists are empty"
is "$(cat "$(vm_dir "${HOLD_PID[early]}")/state")" off "a VM from before it was loaded with policy=on stays off"
hold_is early gcr "gcr 1" "and has no MTE"
told on "policy=on" "$CLIENT" ask
hold_end early
kill %% 2>/dev/null
is "$(rmmod_says)" ok "it unloads"
not_loaded "at the end"
done_testing
