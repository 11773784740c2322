# SPDX-License-Identifier: GPL-2.0-only
"""Reads the kallsyms table out of an arm64 kernel image.

Distributions ship a stub as System.map, and no header tells what the compiler has left of a static function. The table
(scripts/kallsyms.c) has no magic number. Its tokens are found by what they must contain, the other parts by their place
beside the tokens. These orders of the parts were seen:

    5.10  addresses, base, count, names, markers, tokens, index     addresses are relative to the base
    6.1   the same with a table of hashes before the tokens
    6.12  count, names, markers, tokens, index, addresses, base
    7.2   the same without a base; each address is relative to its own place
"""

import re
import struct

LARGEST = 32 << 20
DIGITS = b"".join(b"%d\0" % d for d in range(10))


class Bad(Exception):
    """There is no such table, or it cannot be understood."""


def _align(n, to):
    return (n + to - 1) // to * to


def _tokens_at(data, start):
    """The 256 tokens of a token table, and the end of the index that follows it."""
    tokens, offsets, pos = [], [], start
    for _ in range(256):
        end = data.find(b"\0", pos, pos + 64)
        if end < 0:
            return None
        tokens.append(data[pos:end])
        offsets.append(pos - start)
        pos = end + 1
    index = struct.pack("<256H", *offsets)
    for to in (4, 8, 2):
        at = _align(pos, to)
        if data[at:at + 512] == index:
            return tokens, at + 512
    return None


def _find_tokens(data):
    """The token table: in it each digit is its own token, so the ten digits follow each other."""
    for match in re.finditer(re.escape(DIGITS), data):
        nul = match.start()
        for _ in range(ord("0")):
            nul = data.rfind(b"\0", 0, nul)
        for start in range(nul // 4 * 4, max(0, nul - 64), -4):
            found = _tokens_at(data, start)
            if found:
                return start, *found
    raise Bad("no kallsyms in this image (CONFIG_KALLSYMS off, or not a kernel)")


def _names(data, pos, count):
    """Yields (start, length) of COUNT compressed names."""
    for _ in range(count):
        length = data[pos]
        pos += 1
        if length & 0x80:  # two bytes, from 6.1 on
            length = (length & 0x7f) | data[pos] << 7
            pos += 1
        yield pos, length
        pos += length


TYPES = frozenset(b"abdginprstuvwABDGINPRSTUVW")


def _is_names(data, pos, count, tokens, end):
    """Do COUNT names lie here, followed by the offset of each 256th of them?"""
    start = pos
    for n, (at, length) in enumerate(_names(data, pos, count)):
        if not length or at + length > end or tokens[data[at]][0] not in TYPES:
            return False
        if n == 255:
            second = at + length - start
        pos = at + length
    return data.find(struct.pack("<II", 0, second), pos, pos + 16) >= 0


def _find_names(data, end, tokens):
    """The names' start, their number, and the place of that number: just before the names, in 4 or 8 bytes."""
    low = max(0, end - LARGEST) // 8 * 8
    words = memoryview(data)[low:low + (end - low) // 4 * 4].cast("I")
    for i in range(len(words) - 3, 0, -1):
        count = words[i]
        if not 1000 < count < 5000000:
            continue
        for size in (4, 8):
            start = low + 4 * i + size
            if start + 2 * count < end and _is_names(data, start, count, tokens, end):
                return start, count, low + 4 * i
    raise Bad("the names of kallsyms cannot be found")


def _addresses_at(data, at, count):
    if not 0 <= at <= len(data) - 4 * count:
        return None
    values = struct.unpack_from(f"<{count}i", data, at)
    if values[0] < 0:
        # No base: each value is relative to its own place, and text lies before this table.
        values = [at + 4 * i + v for i, v in enumerate(values)]
    rising = sum(a <= b for a, b in zip(values, values[1:]))
    return values if rising == count - 1 and values[0] < values[-1] else None


def decode(data):
    """Returns [(offset, type, name)] by address; offsets are relative to an unknown place."""
    tokens_at, tokens, end = _find_tokens(data)
    start, count, count_at = _find_names(data, tokens_at, tokens)
    names = [b"".join(map(tokens.__getitem__, data[at:at + length])).decode("latin-1")
             for at, length in _names(data, start, count)]
    # After the index; or before the count, with the relative base between them.
    for at in (_align(end, 8), _align(end, 4), count_at - 8 - _align(4 * count, 8)):
        addresses = _addresses_at(data, at, count)
        if addresses:
            return [(a, n[0], n[1:]) for a, n in zip(addresses, names)]
    raise Bad("the addresses of kallsyms cannot be found")
