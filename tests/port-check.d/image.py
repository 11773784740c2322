# SPDX-License-Identifier: GPL-2.0-only
"""A kernel file, whatever it is wrapped in: vmlinux (ELF) or an arm64 Image, plain, compressed, or with an EFI stub."""

import bz2
import lzma
import struct
import subprocess
import zlib

import kallsyms


class Bad(Exception):
    """Not a kernel that can be read."""


def _zstd(data):
    try:
        done = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise Bad("compressed with zstd, and there is no program zstd here") from None
    if not done.stdout:
        raise Bad("damaged: " + done.stderr.decode().strip())
    return done.stdout


def _lz4(data):
    try:
        done = subprocess.run(["lz4", "-dcq"], input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise Bad("compressed with lz4, and there is no program lz4 here") from None
    return done.stdout


# Data after the compressed data is ignored.
UNPACK = {
    b"\x1f\x8b": lambda d: zlib.decompressobj(31).decompress(d),
    b"\xfd7zXZ": lambda d: lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(d),
    b"\x5d\0\0": lambda d: lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(d),
    b"BZh": lambda d: bz2.BZ2Decompressor().decompress(d),
    b"\x28\xb5\x2f\xfd": _zstd,
    b"\x02\x21\x4c\x18": _lz4,
    b"\x04\x22\x4d\x18": _lz4,
}


def unpack(data):
    """Unpacks until a kernel is left."""
    for _ in range(4):
        if data[:2] == b"MZ" and data[4:8] == b"zimg":
            offset, size = struct.unpack_from("<II", data, 8)
            data = data[offset:offset + size]
            continue
        for magic, how in UNPACK.items():
            if data.startswith(magic):
                try:
                    data = how(data)
                except (zlib.error, lzma.LZMAError, OSError) as e:
                    raise Bad(f"damaged: {e}") from None
                break
        else:
            break
    return data


def placed(data, symbols):
    """Symbols with addresses relative to the Image's start.

    Often no symbol marks the start, but the kernel's entry always has a symbol, and the header branches to the entry. With
    an EFI stub the header's second word is this branch; the first is the stub's magic number. Without CONFIG_EFI the branch
    is the second word too, or the first, followed by a word of 0.
    """
    for at in (4, 0):
        insn = struct.unpack_from("<I", data, at)[0]
        if insn >> 26 == 0b000101:
            break
    else:
        raise Bad("its header does not look as expected")
    entry = at + (insn & 0x3ffffff) * 4
    for addr, kind, name in symbols:
        if name in ("primary_entry", "stext"):
            return [(a - addr + entry, k, n) for a, k, n in symbols]
    raise Bad("kallsyms does not have the kernel's entry")


class Image:
    """An arm64 Image: its first byte is _text."""

    def __init__(self, data):
        self.data = data
        self._symbols = None

    def symbols(self):
        """[(address, type, name)]"""
        if self._symbols is None:
            self._symbols = placed(self.data, kallsyms.decode(self.data))
        return self._symbols

    def code(self, addr, size):
        """The bytes at an address as in symbols(), or None if the file does not have them."""
        return self.data[addr:addr + size] if 0 <= addr <= len(self.data) - size else None

    def btf(self):
        """The kernel's type information, found by a header that fits the data after it."""
        pos = 0
        while (pos := self.data.find(b"\x9f\xeb\x01\0\x18\0\0\0", pos)) >= 0:
            type_off, type_len, str_off, str_len = struct.unpack_from("<4I", self.data, pos + 8)
            size = 24 + str_off + str_len
            if not type_off and str_off == type_len and pos + size <= len(self.data) and size > 100000:
                return self.data[pos:pos + size]
            pos += 4
        return None


class Elf(Image):
    """A vmlinux. Addresses are the linked ones; a stripped one is read like an Image."""

    TYPES = {0: "d", 1: "d", 2: "t"}

    def __init__(self, data):
        super().__init__(data)
        shoff = struct.unpack_from("<Q", data, 40)[0]
        phoff = struct.unpack_from("<Q", data, 32)[0]
        phsize, phnum, shsize, shnum, shstr = struct.unpack_from("<5H", data, 54)
        heads = [struct.unpack_from("<2I4Q2I2Q", data, shoff + i * shsize) for i in range(shnum)]
        self.segments = [(p[3], p[2], p[5]) for p in
                         (struct.unpack_from("<2I6Q", data, phoff + i * phsize) for i in range(phnum)) if p[0] == 1]
        self.sections = {}
        for head in heads:
            name = self._string(heads[shstr][4] + head[0])
            self.sections[name] = head

    def _string(self, at):
        return self.data[at:self.data.index(b"\0", at)].decode("latin-1")

    def symbols(self):
        if self._symbols is None:
            table = self.sections.get(".symtab")
            self._symbols = self._from_symtab(table) if table else self._from_kallsyms()
        return self._symbols

    def _from_symtab(self, table):
        strings = self.sections[".strtab"][4]
        found = []
        for at in range(table[4], table[4] + table[5], 24):
            name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.data, at)
            kind = self.TYPES.get(info & 15)
            if kind and name and section:
                name = self._string(strings + name)
                # Mapping symbols ($x, $d) are no functions; nor are labels of assembly in data.
                if not name.startswith(("$", ".L")):
                    executable = section < 0xff00 and self._executable(section)
                    found.append((value, "t" if executable else "d", name))
        return sorted(found)

    def undefined(self):
        """Symbols that an object file must get from elsewhere."""
        _, _, _, _, start, size, *_ = self.sections[".symtab"]
        strings = self.sections[".strtab"][4]
        symbols = (struct.unpack_from("<IBBH", self.data, at) for at in range(start, start + size, 24))
        return {self._string(strings + name) for name, info, _, section in symbols if name and not section and info >> 4 == 1}

    def _executable(self, section):
        head = list(self.sections.values())
        return bool(head[section][2] & 4) if section < len(head) else False

    def _from_kallsyms(self):
        base = min(s[0] for s in self.segments)
        flat = bytearray(max(s[0] + s[2] for s in self.segments) - base)
        for addr, offset, size in self.segments:
            flat[addr - base:addr - base + size] = self.data[offset:offset + size]
        return [(base + a, k, n) for a, k, n in placed(flat, kallsyms.decode(flat))]

    def code(self, addr, size):
        for start, offset, length in self.segments:
            if start <= addr <= start + length - size:
                return self.data[offset + addr - start:offset + addr - start + size]
        return None

    def btf(self):
        head = self.sections.get(".BTF")
        return self.data[head[4]:head[4] + head[5]] if head else super().btf()


def load(path):
    """Reads a kernel file."""
    with open(path, "rb") as f:
        data = unpack(f.read())
    if data[:5] == b"\x7fELF\x02":
        if struct.unpack_from("<H", data, 18)[0] != 183:
            raise Bad("not for arm64")
        return Elf(data)
    if data[56:60] == b"ARMd":
        return Image(data)
    if data[0x202:0x206] == b"HdrS" or data[:4] == b"\x7fELF":
        raise Bad("not for arm64")
    raise Bad("neither vmlinux nor an arm64 Image")
