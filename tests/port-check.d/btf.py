# SPDX-License-Identifier: GPL-2.0-only
"""Prototypes of functions in a kernel's BTF, compared with how C spells them."""

import struct

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, PROTO, VAR, DATASEC, FLOAT, \
    DECL_TAG, TYPE_TAG, ENUM64 = range(1, 20)
# Bytes after the 12 bytes of each type: a fixed number, and a number for each member.
EXTRA = {INT: (4, 0), ARRAY: (12, 0), STRUCT: (0, 12), UNION: (0, 12), ENUM: (0, 8), PROTO: (0, 8), VAR: (4, 0),
         DATASEC: (0, 12), DECL_TAG: (4, 0), ENUM64: (0, 12)}
TAG = {STRUCT: "struct ", UNION: "union ", ENUM: "enum ", ENUM64: "enum ", FWD: "struct "}
QUALIFIER = {CONST: "const", VOLATILE: "volatile"}
INTEGER = {"unsigned", "signed", "int", "long", "short", "char"}


class Bad(Exception):
    """Not BTF, or BTF with a kind of type that came later."""


def plain(text):
    """One spelling for each C type: "unsigned long" and "long unsigned int" are the same."""
    stars = text.count("*")
    words = text.replace("_Bool", "bool").replace("*", " ").split()
    words = [w for w in words if w not in ("__user", "__iomem", "__rcu", "register")]
    const = "const" in words
    words = [w for w in words if w != "const"]
    if set(words) <= INTEGER:
        sign = "unsigned " if "unsigned" in words else "signed " if "signed" in words and "char" in words else ""
        size = "char" if "char" in words else "short" if "short" in words else "long" if "long" in words else "int"
        words = [sign + ("long " * (words.count("long") - 1)) + size]
    return ("const " if const else "") + " ".join(words) + (" " + "*" * stars if stars else "")


class Btf:
    def __init__(self, data):
        if data[:4] != b"\x9f\xeb\x01\0":
            raise Bad("not BTF")
        head, type_off, type_len, str_off, str_len = struct.unpack_from("<5I", data, 4)
        self.strings = data[head + str_off:head + str_off + str_len]
        self.types = [(0, 0, 0, 0, 0)]
        self.data = data
        self.functions, self.typedefs = {}, {}
        head_of = struct.Struct("<3I").unpack_from
        pos, end = head + type_off, head + type_off + type_len
        while pos < end:
            name, info, ref = head_of(data, pos)
            kind, members = info >> 24 & 31, info & 0xffff
            if not INT <= kind <= ENUM64:
                raise Bad(f"a kind of type that is not known here ({kind})")
            pos += 12
            if kind == FUNC:
                self.functions.setdefault(self._name(name), []).append(ref)
            elif kind == TYPEDEF:
                self.typedefs.setdefault(self._name(name), len(self.types))
            self.types.append((kind, name, ref, members, pos))
            fixed, each = EXTRA.get(kind, (0, 0))
            pos += fixed + each * members

    def _name(self, at):
        return self.strings[at:self.strings.index(b"\0", at)].decode("latin-1")

    def has_enum_word(self, enum, word):
        """Does that enum have this word? None if there is no such enum."""
        for kind, name, _, members, pos in self.types:
            if kind in (ENUM, ENUM64) and name and self._name(name) == enum:
                size = EXTRA[kind][1]
                return any(self._name(struct.unpack_from("<I", self.data, pos + i * size)[0]) == word
                           for i in range(members))
        return None

    def spell(self, ident):
        """A type as C has it."""
        kind, name, ref, _, _ = self.types[ident]
        if not ident:
            return "void"
        if kind == PTR:
            inner = self.spell(ref)
            return inner + ("*" if inner.endswith("*") else " *")
        if kind in QUALIFIER:
            inner = self.spell(ref)
            return f"{inner} {QUALIFIER[kind]}" if inner.endswith("*") else f"{QUALIFIER[kind]} {inner}"
        if kind in (RESTRICT, TYPE_TAG):
            return self.spell(ref)
        if kind == PROTO:
            return self.spell(ref) + " (function)"
        if kind == ARRAY:
            return self.spell(struct.unpack_from("<I", self.data, self.types[ident][4])[0]) + " []"
        if kind == INT:
            return plain(self._name(name))
        return TAG.get(kind, "") + self._name(name)

    def _names(self, ident):
        """A type's spelling, and the spellings of all types that its typedef stands for."""
        found = []
        while True:
            kind, _, ref, _, _ = self.types[ident]
            found.append(self.spell(ident))
            if kind not in (TYPEDEF, TYPE_TAG, RESTRICT):
                return found
            ident = ref

    def is_type(self, ident, text):
        """Is this the type that C spells like that?"""
        text = plain(text)
        if text.endswith("*"):
            kind, _, ref, _, _ = self.types[ident]
            while kind in (TYPEDEF, TYPE_TAG, RESTRICT, CONST):
                kind, _, ref, _, _ = self.types[ref]
            return kind == PTR and self.is_type(ref, text[:-1].strip())
        if text.startswith("const "):
            kind, _, ref, _, _ = self.types[ident]
            while kind == TYPE_TAG:
                kind, _, ref, _, _ = self.types[ref]
            return kind == CONST and self.is_type(ref, text[6:])
        wanted = self._names(self.typedefs[text]) if text in self.typedefs else [text]
        return bool(set(wanted) & set(self._names(ident)))

    def prototype(self, ident):
        """(result, [parameters]) as type numbers, of a FUNC_PROTO."""
        _, _, ref, members, pos = self.types[ident]
        return ref, [struct.unpack_from("<I", self.data, pos + 8 * i + 4)[0] for i in range(members)]

    def spell_prototype(self, ident):
        result, params = self.prototype(ident)
        return f"{self.spell(result)} ({', '.join(map(self.spell, params)) or 'void'})"

    def is_prototype(self, ident, wanted):
        """WANTED: (result, [parameters]), each a list of spellings of which one must fit."""
        result, params = self.prototype(ident)
        return len(params) == len(wanted[1]) and all(
            any(self.is_type(have, text) for text in texts)
            for have, texts in zip([result, *params], [wanted[0], *wanted[1]]))
