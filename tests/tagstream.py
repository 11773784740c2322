#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The stream of "kvm-mte tags", written and read from its description alone (tools/stream.c).

    tagstream.py make --range IPA:SIZE... [--random SEED] [--pages N] [--chunk PAGES] [--fault NAME] >FILE
    tagstream.py dump <FILE
    tagstream.py damage [--every N] [--random N] COMMAND... <FILE

make: writes a stream of N pages with random tags at random places of the ranges. Numbers may be hexadecimal. --chunk: the
most pages in a chunk. --fault: a stream with right checksums that is wrong all the same; --list-faults names the faults.

dump: prints "range IPA SIZE" for each range, and "page IPA TAGS" for each page that has tags. Two streams of the same tags
print the same, however they are cut.

damage: gives COMMAND every form of the stream that is cut short, that has one bit of its header changed, and N with a random
bit changed elsewhere. Prints those that the command does not refuse with the exit status 1. --every: only one in N of them."""
import argparse
import random
import struct
import subprocess
import sys
import zlib

PAGE, TAGS, ALIGNMENT = 4096, 128, 65536
CHUNK_MAX = 1 << 40


class Chunk:
    def __init__(self, ipa, size, pages):
        self.ipa, self.size = ipa, size
        self.records = [((ipa_of - ipa) // PAGE, tags) for ipa_of, tags in pages]


class Stream:
    """What a stream has; a fault changes it before it is packed."""

    def __init__(self, ranges, chunks):
        self.magic, self.version, self.zero = b'KVM-TAGS', 1, 0
        self.ranges, self.chunks = ranges, chunks
        self.header_size = 28 + 16 * len(ranges)
        self.nr_ranges = len(ranges)
        self.crc_add = self.pages_add = self.size_add = 0
        self.after = b''

    def pack(self):
        parts = [self.header()] + [self.chunk(c) for c in self.chunks]
        out = b''.join(summed(p) for p in parts)
        pages = sum(len(c.records) for c in self.chunks) + self.pages_add
        size = sum(size for _, size in self.ranges) % (1 << 64) + self.size_add
        crc = zlib.crc32(b''.join(parts)) ^ self.crc_add
        return out + summed(struct.pack('<4sIQQ', b'DONE', crc, pages, size)) + self.after

    def header(self):
        head = struct.pack('<8sIIII', self.magic, self.version, self.header_size, self.nr_ranges, self.zero)
        return head + b''.join(struct.pack('<QQ', *r) for r in self.ranges)

    @staticmethod
    def chunk(c):
        head = struct.pack('<4sIQQ', b'CHNK', len(c.records), c.ipa, c.size)
        return head + b''.join(struct.pack('<I', index) + tags for index, tags in c.records)


def summed(part):
    return part + struct.pack('<I', zlib.crc32(part))


def cut(ranges, pages, most):
    """Chunks of at most that many pages; each ends at a multiple of 64 KiB or at the end of its range."""
    pages, chunks = sorted(pages.items()), []
    for ipa, size in ranges:
        end = ipa + size
        while ipa < end:
            mine = [p for p in pages if ipa <= p[0] < min(end, ipa + CHUNK_MAX)]
            to = min(end, ipa + CHUNK_MAX)
            if len(mine) > most:
                to = mine[most][0] // ALIGNMENT * ALIGNMENT
                mine = [p for p in mine if p[0] < to]
            chunks.append(Chunk(ipa, to - ipa, mine))
            ipa = to
    return chunks


def random_pages(ranges, seed, count):
    """Any number of a page's 256 tags may be zero, but not all."""
    rand, pages = random.Random(seed), {}
    total = sum(size for _, size in ranges) // PAGE
    for place in rand.sample(range(total), count):
        for ipa, size in ranges:
            if place < size // PAGE:
                break
            place -= size // PAGE
        tags = bytearray(rand.randbytes(TAGS))
        for _ in range(rand.choice((0, 0, 100))):
            tags[rand.randrange(TAGS)] = 0
        tags[rand.randrange(TAGS)] = rand.randrange(1, 256)
        pages[ipa + place * PAGE] = bytes(tags)
    return pages


FAULTS = {}


def fault(function):
    FAULTS[function.__name__.replace('_', '-')] = function
    return function


def full(s):
    """The first chunk with three pages or more."""
    return next(c for c in s.chunks if len(c.records) >= 3)


@fault
def magic(s): s.magic = b'KVM-TAGZ'
@fault
def version(s): s.version = 2
@fault
def header_size(s): s.header_size += 16
@fault
def no_ranges(s): s.ranges, s.nr_ranges, s.header_size, s.chunks = [], 0, 28, []
@fault
def many_ranges(s): s.nr_ranges = (1 << 20) + 1
@fault
def reserved(s): s.zero = 1
@fault
def range_touches(s):
    ipa, size = s.ranges[-1]
    s.ranges[-1:] = [(ipa, size // 2), (ipa + size // 2, size - size // 2)]
    s.nr_ranges, s.header_size = s.nr_ranges + 1, s.header_size + 16
@fault
def range_order(s): s.ranges.reverse()
@fault
def range_empty(s): s.ranges[0] = (s.ranges[0][0], 0)
@fault
def range_unaligned(s): s.ranges[0] = (s.ranges[0][0] + 1, s.ranges[0][1])
@fault
def range_wraps(s): s.ranges[-1] = (s.ranges[-1][0], (1 << 64) - PAGE)
@fault
def duplicate(s): full(s).records[1] = full(s).records[0]
@fault
def unordered(s): full(s).records[:2] = full(s).records[1::-1]
@fault
def outside(s): full(s).records[-1] = (full(s).size // PAGE, full(s).records[-1][1])
@fault
def far_outside(s): full(s).records[-1] = ((1 << 32) - 1, full(s).records[-1][1])
@fault
def many_pages(s): full(s).records *= 4097 // len(full(s).records) + 1
@fault
def gap(s): del s.chunks[1]
@fault
def first_missing(s): del s.chunks[0]
@fault
def last_missing(s): del s.chunks[-1]
@fault
def chunk_twice(s): s.chunks.insert(1, s.chunks[0])
@fault
def chunks_swapped(s): s.chunks[:2] = s.chunks[1::-1]
@fault
def chunk_after_all(s): s.chunks.append(Chunk(s.ranges[-1][0] + s.ranges[-1][1], ALIGNMENT, []))
@fault
def chunk_empty(s): s.chunks.insert(0, Chunk(s.chunks[0].ipa, 0, []))
@fault
def chunk_too_long(s): s.chunks[-1].size += ALIGNMENT
@fault
def chunk_unaligned(s):
    a = next(c for c in s.chunks if c.size >= 2 * ALIGNMENT and not c.records)
    s.chunks.insert(s.chunks.index(a) + 1, Chunk(a.ipa + PAGE, a.size - PAGE, []))
    a.size = PAGE
@fault
def chunk_huge(s): s.chunks[0].size = CHUNK_MAX + ALIGNMENT
@fault
def other_sum(s): s.crc_add = 1
@fault
def other_count(s): s.pages_add = 1
@fault
def other_size(s): s.size_add = PAGE
@fault
def trailing(s): s.after = b'\0'


def load(data):
    """Unpacks a stream, with few checks: asserts that its author would want."""
    def part(size):
        nonlocal at
        body, crc = data[at:at + size], struct.unpack_from('<I', data, at + size)[0]
        assert zlib.crc32(body) == crc, f'the part at {at} has a wrong checksum'
        at += size + 4
        return body

    at, pages = 0, {}
    magic, version, size, nr, _ = struct.unpack_from('<8sIIII', data)
    assert (magic, version, size) == (b'KVM-TAGS', 1, 28 + 16 * nr)
    seen = part(24 + 16 * nr)
    ranges = [struct.unpack_from('<QQ', seen, 24 + 16 * i) for i in range(nr)]
    places = []
    while data[at:at + 4] == b'CHNK':
        nr, ipa, size = struct.unpack_from('<IQQ', data, at + 4)
        body = part(24 + 132 * nr)
        seen += body
        places.append((ipa, size))
        indexes = [struct.unpack_from('<I', body, 24 + 132 * i)[0] for i in range(nr)]
        assert indexes == sorted(set(indexes)) and nr <= 4096 and all(i < size // PAGE for i in indexes)
        for i, index in enumerate(indexes):
            pages[ipa + index * PAGE] = body[28 + 132 * i:][:TAGS]
    for ipa, size in ranges:
        end = ipa + size
        while ipa < end:
            place = places.pop(0)
            assert place[0] == ipa and 0 < place[1] <= min(end - ipa, CHUNK_MAX), f'no chunk at {ipa:#x}'
            ipa += place[1]
            assert ipa == end or ipa % ALIGNMENT == 0
    assert not places
    assert part(24) == struct.pack('<4sIQQ', b'DONE', zlib.crc32(seen), len(pages), sum(s for _, s in ranges))
    assert at == len(data)
    return ranges, pages


def dump(data):
    ranges, pages = load(data)
    for ipa, size in ranges:
        print(f'range {ipa:#x} {size:#x}')
    for ipa, tags in sorted(pages.items()):
        if any(tags):
            print(f'page {ipa:#x} {tags.hex()}')


def flipped(data, bit):
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def damaged(data, rand, count):
    header = struct.unpack_from('<I', data, 12)[0]
    for size in range(len(data)):
        yield f'{size} of {len(data)} bytes', data[:size]
    for bit in range(8 * header):
        yield f'bit {bit % 8} of byte {bit // 8}', flipped(data, bit)
    for bit in rand.sample(range(8 * header, 8 * len(data)), count):
        yield f'bit {bit % 8} of byte {bit // 8}', flipped(data, bit)


def damage(data, every, count, command):
    rand, tried = random.Random(1), 0
    for nr, (name, stream) in enumerate(damaged(data, rand, count)):
        if nr % every:
            continue
        tried += 1
        done = subprocess.run(command, input=stream, capture_output=True)
        if done.returncode != 1 or done.stdout or not done.stderr.startswith(b'kvm-mte: '):
            print(f'{name}: exit status {done.returncode}: {done.stderr.decode()}')
    print(f'{tried} tried')


def number(text): return int(text, 0)
def pair(text): return tuple(number(n) for n in text.split(':'))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--list-faults', action='store_true')
    sub = parser.add_subparsers(dest='what')
    make = sub.add_parser('make')
    make.add_argument('--range', type=pair, action='append', required=True)
    make.add_argument('--random', type=int, default=1)
    make.add_argument('--pages', type=number, default=0)
    make.add_argument('--chunk', type=number, default=4096)
    make.add_argument('--fault', choices=FAULTS)
    sub.add_parser('dump')
    harm = sub.add_parser('damage')
    harm.add_argument('--every', type=int, default=1)
    harm.add_argument('--random', type=int, default=0)
    harm.add_argument('command', nargs='+')
    args = parser.parse_args()
    if args.list_faults:
        print('\n'.join(FAULTS))
    elif args.what == 'dump':
        dump(sys.stdin.buffer.read())
    elif args.what == 'damage':
        damage(sys.stdin.buffer.read(), args.every, args.random, args.command)
    else:
        ranges = sorted(args.range)
        stream = Stream(ranges, cut(ranges, random_pages(ranges, args.random, args.pages), args.chunk))
        if args.fault:
            FAULTS[args.fault](stream)
        sys.stdout.buffer.write(stream.pack())


if __name__ == '__main__':
    main()
