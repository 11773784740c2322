# SPDX-License-Identifier: GPL-2.0-only
"""Prototypes of functions from a kernel's source. For functions that no header declares, if the kernel has no BTF."""

import re
from pathlib import Path

import btf
import source as sources

# The directories of the functions that the module hooks and calls.
FOLDERS = ("virt/kvm", "arch/arm64", "mm", "kernel")
# Words that may stand before the type of a result.
SPECIFIERS = {"static", "inline", "extern", "noinline", "notrace", "noinstr", "asmlinkage"}


class Bad(Exception):
    """Not a kernel's source."""


def _is_specifier(word):
    return word in SPECIFIERS or word.startswith("__") and not re.fullmatch(r"__[sule]+\d+", word)


class Tree:
    def __init__(self, top):
        self.top = Path(top)
        if not (self.top / "virt/kvm").is_dir():
            raise Bad("no kernel's source there (no virt/kvm)")
        self.texts = None

    def _definitions(self, name):
        """[(result, [parameters])] of all functions of that name."""
        if self.texts is None:
            files = [f for folder in FOLDERS for f in sorted((self.top / folder).rglob("*.c"))]
            self.texts = [f.read_text("latin-1") for f in files]
        found = []
        for text in self.texts:
            if name in text:
                found += [p for p in self._defined_in(sources.bare(text), name) if p not in found]
        return found

    @staticmethod
    def _defined_in(text, name):
        for match in re.finditer(rf"([\w\s*]+?)\b{name}\s*(\([^{{}};]*?\))\s*{{", re.sub(r"^#.*$", ";", text, flags=re.M)):
            words = match[1].replace("*", " * ").split()
            result = " ".join(w for w in words if not _is_specifier(w))
            if result:
                yield btf.plain(result), [btf.plain(p) for p in sources.parameters(match[2])]

    def prototype(self, target, source):
        """(ok | differs | unknown, the source's own prototype)"""
        found = self._definitions(target.name)
        fits = [any(self._is(have, source.wanted(w)) for w in target.prototypes) for have in found]
        if not found or all(fits):
            return "ok" if found else "unknown", ""
        if any(fits):
            return "unknown", f"the source has several: {', '.join(map(sources.spell, found))}"
        return "differs", sources.spell(found[0])

    @staticmethod
    def _is(have, wanted):
        return len(have[1]) == len(wanted[1]) and all(
            type_ in map(btf.plain, texts) for type_, texts in zip([have[0], *have[1]], [wanted[0], *wanted[1]]))
