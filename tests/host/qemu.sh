# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Guests under Debian's QEMU, with KVM of the emulated host; sourced by lib.sh.
#
# Each guest has a directory /run/guest/NAME: pid, qemu.log, console (the guest kernel's), and for the shell and for QMP a
# FIFO that QEMU reads and a file that QEMU writes. A file keeps everything, never blocks QEMU, and can be waited on.
# QEMU inherits a writer of each FIFO, so it never reads an end of file. All state is in files, so every function works in
# a subshell too.

GUESTS=/run/guest
GUEST_TIMEOUT=${GUEST_TIMEOUT:-300}

# qemu_start NAME [QEMU-ARG...] - starts a guest (512 MB, 1 CPU, no MTE asked for); later arguments win.
# GUEST_CMDLINE adds words to its kernel command line.
# (cryptomgr.notests, and rodata=on, which maps memory by blocks, make the boot a third shorter.)
qemu_start() {
	local name=$1 d=$GUESTS/$1 c args
	shift
	[[ ! -e $d/pid ]] || qemu_stop "$name"
	rm -rf "$d"
	mkdir -p "$d"
	args=(-M "virt,gic-version=3,accel=kvm" -cpu host -m 512M -smp 1 -nodefaults -display none
		-chardev "file,id=console,path=$d/console,append=on" -serial chardev:console)
	for c in shell qmp; do
		mkfifo "$d/$c.in"
		: >"$d/$c"
		args+=(-chardev "file,id=$c,path=$d/$c,append=on,input-path=$d/$c.in")
	done
	args+=(-mon "chardev=qmp,mode=control"
		-global virtio-mmio.force-legacy=off -device virtio-serial-device -device "virtserialport,chardev=shell"
		-kernel "${GUEST_KERNEL:-/t/guest/Image}" -initrd "${GUEST_INITRD:-/t/guest/initrd}"
		-append "console=ttyAMA0 quiet panic=-1 cryptomgr.notests rodata=on ${GUEST_CMDLINE:-}")
	echo 0 >"$d/shell.pos"
	echo 0 >"$d/console.pos"
	: >"$d/console"
	qemu-system-aarch64 "${args[@]}" "$@" \
		</dev/null >"$d/qemu.log" 2>&1 8<>"$d/shell.in" 9<>"$d/qmp.in" &
	echo $! >"$d/pid"
	# QEMU drops input that comes before its greeting.
	if await "$name" qmp 0 '"QMP":' 60; then
		printf '{"execute":"qmp_capabilities","id":"hello"}\n' 1<>"$d/qmp.in"
		if await "$name" qmp "$AWAITED_POS" '"id": "hello"' 60; then
			rm "$AWAITED_OUT"
			return
		fi
	fi
	diag "guest $name: QEMU does not start: $(cat "$d/qemu.log")"
	return 1
}

qemu_pid() { cat "$GUESTS/$1/pid"; }

# A zombie does not count as alive.
guest_alive() {
	local stat
	[[ -e $GUESTS/$1/pid ]] && stat=$(cat "/proc/$(qemu_pid "$1")/stat" 2>/dev/null) && [[ $stat != *') Z '* ]]
}

# await NAME FILE OFFSET REGEX TIMEOUT - waits until a guest's file has a line that matches, from OFFSET on. AWAITED: the line.
# AWAITED_OUT: a file with all text up to the end of that line; the caller removes it. AWAITED_POS: the offset of that end.
# Fails if time runs out or the guest is gone. (sed reads, because bash reads pipes byte by byte.)
await() {
	local name=$1 file=$GUESTS/$1/$2 pos=$3 regex=$4 end=$((SECONDS + $5 * ${PATIENCE:-1})) in found tail late=
	AWAITED_OUT=$(mktemp)
	exec {in}< <(exec tail -c "+$((pos + 1))" -s 0.2 -f "$file" 2>/dev/null)
	tail=$!
	exec {found}< <(sed -E $'\\\001'"$regex"$'\001q' <&"$in" >"$AWAITED_OUT"; echo)
	until read -r -t 1 <&"$found"; do
		# bash drops a line that comes just when the second is over, but not the end of file that follows.
		(($? > 128)) || break
		if ! guest_alive "$name" || ((SECONDS >= end)); then
			late=yes
			break
		fi
	done
	kill "$tail" 2>/dev/null
	read -r -t 60 <&"$found"
	exec {in}<&- {found}<&-
	# The last output may not have come through the pipe yet, but it is in the file.
	[[ -z $late ]] || tail -c "+$((pos + 1))" "$file" | sed -E $'\\\001'"$regex"$'\001q' >"$AWAITED_OUT"
	AWAITED=$(tail -n 1 "$AWAITED_OUT" | tr -d '\r\0')
	AWAITED_POS=$((pos + $(stat -c %s "$AWAITED_OUT")))
	grep -qE -e "$regex" <<<"$AWAITED"
}

file_size() { stat -c %s "$GUESTS/$1/$2"; }

# guest_wait_boot NAME - waits until the guest is up; after a reset, until it is up again.
guest_wait_boot() {
	local d=$GUESTS/$1
	phase guest-boot
	if await "$1" shell "$(cat "$d/shell.pos")" '^guest:ready' "${2:-$GUEST_TIMEOUT}"; then
		echo "$AWAITED_POS" >"$d/shell.pos"
		rm "$AWAITED_OUT"
		phase test
		return 0
	fi
	phase test
	diag "guest $1 does not come up; its console ends with:" "$(tail -n 20 "$d/console")" "$(tail "$d/qemu.log")"
	return 1
}

# guest_wait NAME REGEX [TIMEOUT] - waits for the next line on the guest kernel's console that matches, and prints it.
guest_wait() {
	local d=$GUESTS/$1
	await "$1" console "$(cat "$d/console.pos")" "$2" "${3:-$GUEST_TIMEOUT}" || return 1
	echo "$AWAITED_POS" >"$d/console.pos"
	rm "$AWAITED_OUT"
	printf '%s\n' "$AWAITED"
}

# guest_run NAME SCRIPT [TIMEOUT] - runs a shell script in the guest, prints its output, returns its exit status
# (125: no answer in time, or the guest is gone or was reset).
guest_run() {
	local name=$1 d=$GUESTS/$1 id=run$RANDOM$RANDOM pos
	guest_alive "$name" || { diag "guest $name is not running" >&2; return 125; }
	pos=$(file_size "$name" shell)
	printf '\n%s %s\n' "$id" "$(base64 -w0 <<<"$2")" 1<>"$d/shell.in"
	# If the output does not end with a newline, the marker is in the last line of the output.
	if await "$name" shell "$pos" "$id:[0-9]+\$|^guest:ready" "${3:-$GUEST_TIMEOUT}" && [[ $AWAITED == *"$id:"* ]]; then
		sed "0,/^$id:begin/d; s/$id:[0-9]*\$//" "$AWAITED_OUT" | head -c -1
		rm "$AWAITED_OUT"
		return "$((${AWAITED##*:}))"
	fi
	diag "guest $name gives no answer to: $2" >&2
	return 125
}

# qemu_monitor NAME COMMAND - sends a command to QEMU's human monitor, and prints the answer.
qemu_monitor() {
	local name=$1 d=$GUESTS/$1 id=hmp$RANDOM$RANDOM pos cmd=${2//\\/\\\\} out
	guest_alive "$name" || { diag "guest $name is not running" >&2; return 1; }
	pos=$(file_size "$name" qmp)
	printf '{"execute":"human-monitor-command","arguments":{"command-line":"%s"},"id":"%s"}\n' \
		"${cmd//\"/\\\"}" "$id" 1<>"$d/qmp.in"
	await "$name" qmp "$pos" "\"id\": \"$id\"" 60 || {
		diag "guest $name: no answer to the monitor command $2" >&2
		return 1
	}
	rm "$AWAITED_OUT"
	out=${AWAITED#*\"return\": \"}
	[[ $out != "$AWAITED" ]] || { printf '%s\n' "$AWAITED"; return 1; }
	out=${out%\", \"id\"*}
	out=${out//\\\"/\"}
	printf '%b' "$out" | tr -d '\r'
}

# qemu_stop NAME - ends a guest, and waits until its process (and so its VM) is gone.
qemu_stop() {
	local d=$GUESTS/$1 pid
	[[ -e $d/pid ]] || return 0
	pid=$(cat "$d/pid")
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	while [[ -d /proc/$pid ]]; do sleep 0.1; done
	rm -f "$d/pid"
}
