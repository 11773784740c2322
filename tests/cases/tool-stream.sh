#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: kvm-mte accepting a stream of tags that is damaged, cut short or wrong, or reading out of bounds because of one; a
# format that differs from its description; a stream whose size grows with the memory instead of the tags.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"

W=$RUN_DIR/tool-stream
mkdir -p "$W/san"
make -s -C "$TOP/tools" OUT="$W" || bail "the tool does not build"
quiet "it builds with the sanitizers, without a warning" make -s -C "$TOP/tools" OUT="$W/san" SANITIZE=1
cd "$W" || exit
make_stream() { "$TESTS/tagstream.py" make "$@"; }
check() { "$W/san/kvm-mte" tags check 2>&1; }
RANGES=(--range 0x8000000:0x31000 --range 0x40000000:0x4000000)

# --- streams that are right ---

make_stream "${RANGES[@]}" --pages 300 --chunk 40 >right
is "$(check <right)" "range:    0x8000000, 200704 bytes
range:    0x40000000, 67108864 bytes
memory:   67309568 bytes
tags:     300 pages of 4096 bytes
stream:   $(stat -c %s right) bytes, 9 chunks" "a stream, written from the description of the format"
is "$(dd if=right bs=7 status=none | check | tail -n 1)" "stream:   $(stat -c %s right) bytes, 9 chunks" "through a pipe, seven bytes at a time"
is "$(make_stream --range 0:0x1000 --pages 1 | check)" "range:    0, 4096 bytes
memory:   4096 bytes
tags:     1 page of 4096 bytes
stream:   232 bytes, 1 chunk" "one page"
is "$(make_stream --range 0x40000000:0x1000 | check | tail -n 2)" "tags:     0 pages of 4096 bytes
stream:   100 bytes, 1 chunk" "a guest without tags"
is "$(make_stream --range 0x40000000:0x1000000000 | check | tail -n 1)" "stream:   100 bytes, 1 chunk" "64 GiB without tags take no more"
is "$(make_stream --range 0x40000000:0x10000000000000 | check | tail -n 1)" "stream:   114760 bytes, 4096 chunks" "nor do 4 PiB take much"
is "$(make_stream "${RANGES[@]}" --pages 16000 | check | sed -n 's/^tags: *//p')" "16000 pages of 4096 bytes" "a page of memory in each without tags is rare"
is "$(make_stream --range 0x40000000:0x1000000 --pages 0x1000 | check | tail -n 1)" "stream:   $((44 + 28 + 4096 * 132 + 28)) bytes, 1 chunk" "the most pages that a chunk can have"
# shellcheck disable=SC2046 # many words
is "$(make_stream $(for ((i = 0; i < 600; i++)); do printf -- '--range %d:0x10000 ' $((i * 0x20000)); done) --pages 3000 | check | grep -c ^range)" 600 "600 ranges"

# --- streams that are wrong, though their checksums are right ---

# wrong FAULT REASON
wrong() {
	make_stream "${RANGES[@]}" --pages 300 --chunk 40 --fault "$1" >wrong
	is "$(check <wrong)" "kvm-mte: $2" "wrong: $1"
}
damaged="the stream's header is damaged" invalid="the stream's header has ranges that are not valid"
order="its pages are not in order" place="is not the continuation of the one before" size="has a size that is not valid"
end="the stream's end does not belong to the rest"
faults="magic:this is no stream of tags
version:the stream has version 2, this kvm-mte knows 1
header-size:$damaged
no-ranges:$damaged
many-ranges:$damaged
reserved:$damaged
range-touches:$invalid
range-order:$invalid
range-empty:$invalid
range-unaligned:$invalid
range-wraps:$invalid
duplicate:chunk 1: $order
unordered:chunk 1: $order
outside:chunk 1: a page is outside of it
far-outside:chunk 1: a page is outside of it
many-pages:chunk 1 is damaged
gap:chunk 1 $place
first-missing:chunk 0 $place
last-missing:the stream does not cover all memory
chunk-twice:chunk 1 $place
chunks-swapped:chunk 0 $place
chunk-after-all:chunk 9 $place
chunk-empty:chunk 0 $size
chunk-too-long:chunk 8 $size
chunk-unaligned:chunk 0 $size
chunk-huge:chunk 0 $size
other-sum:$end
other-count:$end
other-size:$end
trailing:there is more after the stream's end"
while IFS=: read -r name reason; do wrong "$name" "$reason"; done <<<"$faults"
is "$(cut -d: -f1 <<<"$faults")" "$("$TESTS/tagstream.py" --list-faults)" "these are all faults that the generator knows"

# A chunk of another stream of the same shape: each checksum but the last is right.
make_stream --range 0:0x20000 --random 1 --pages 32 --chunk 16 >one
make_stream --range 0:0x20000 --random 2 --pages 32 --chunk 16 >two
cut=$((44 + 28 + 16 * 132))
{ head -c $cut one; tail -c +$((cut + 1)) two | head -c -28; tail -c 28 one; } >mixed
is "$(check <mixed)" "kvm-mte: $end" "a chunk of another stream"
check <right >/dev/null
is "$?" 0 "exit status of a right stream"
check <mixed >/dev/null
is "$?" 1 "exit status of a wrong stream"

# --- streams that were damaged on the way ---

make_stream --range 0x8000000:0x11000 --range 0x40000000:0x1000000 --pages 10 --chunk 6 >small
TRIED=$(($(stat -c %s small) + 8 * (28 + 32) + 1000))
is "$("$TESTS/tagstream.py" damage --random 1000 "$W/kvm-mte" tags check <small)" "$TRIED tried" \
	"every truncation, every bit of the header, and 1000 random bits of the rest are noticed"
is "$(: | check)" "kvm-mte: the stream ends early" "an empty stream"
is "$(head -c 1000 small | check)" "kvm-mte: the stream ends early" "half of one"
is "$(check </tmp)" "kvm-mte: cannot read the stream: Is a directory" "a directory"
every=20
if full; then every=1; fi
is "$("$TESTS/tagstream.py" damage --every $every --random 1000 "$W/san/kvm-mte" tags check <small)" \
	"$(((TRIED + every - 1) / every)) tried" "with the sanitizers too"
done_testing
