# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A program in a guest that writes tags and words, and checks them: guest/tagheap.c.

HEAP_MIB=8

# heap_start NAME - starts it, and waits until it has done two rounds.
heap_start() {
	guest_run "$1" "tagheap $HEAP_MIB /tmp/heap >/tmp/heap.log 2>&1 & echo \$! >/tmp/heap.pid"
	# shellcheck disable=SC2016 # the guest expands it
	guest_run "$1" 'i=0; until [ "$(wc -l </tmp/heap 2>/dev/null || echo 0)" -ge 2 ] || [ $i -gt 100 ]; do sleep 0.2; i=$((i + 1)); done; wc -l </tmp/heap' >/dev/null
}

# heap_check NAME POINT - the program still runs, has done more rounds, and found nothing wrong.
heap_check() {
	local before after
	before=$(guest_run "$1" 'wc -l </tmp/heap')
	# shellcheck disable=SC2016 # the guest expands it
	guest_run "$1" "i=0; until [ \$(wc -l </tmp/heap) -ge $((before + 2)) ] || [ \$i -gt 100 ]; do sleep 0.2; i=\$((i + 1)); done"
	after=$(guest_run "$1" 'wc -l </tmp/heap')
	succeeds "$2: the guest's program goes on" test "$after" -gt "$before"
	is "$(guest_run "$1" "grep -v ' 0 0\$' /tmp/heap | head -n 3")" "" "$2: rounds with wrong tags or words"
	is "$(guest_run "$1" "kill -0 \$(cat /tmp/heap.pid) && echo alive")" alive "$2: the program lives"
}
