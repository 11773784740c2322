# SPDX-License-Identifier: GPL-2.0
"""What the module needs of a kernel: read from its own source, so that there is no second list.

src/hooks.c has the tables, the handlers of HOOK_WRAP() and HOOK_WATCHn() the prototypes, and struct kernel_functions
those of what is called. A table with NATIVE in its name is for kernels whose KVM has guest MTE, one with COMMON for
all, any other for kernels whose KVM has none.
"""

import re
from dataclasses import dataclass, field


@dataclass
class Target:
    name: str
    use: str                    # hook or call
    lost: str                   # what is lost without it
    backends: set
    member: str = ""            # of struct kernel_functions
    prototypes: list = field(default_factory=list)   # as in the source: (result, [parameters])
    private: bool = False       # declared by the module itself: no header of the kernel does


class Bad(Exception):
    """The module's source does not look as expected."""


def _bare(text):
    """Without comments; continued lines joined."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.sub(r"\\\n", " ", text)


def _arguments(text, start):
    """Splits what stands in parentheses from START on at its commas."""
    depth, parts, part = 0, [], ""
    for c in text[start:]:
        depth += (c == "(") - (c == ")")
        if c == "(" and depth == 1:
            continue
        if depth == 0:
            return [" ".join(p.split()) for p in [*parts, part]]
        if c == "," and depth == 1:
            parts.append(part)
            part = ""
        else:
            part += c
    raise Bad("parentheses without an end")


def _parameters(text):
    """The types in "(type name, ...)"."""
    if not text.startswith("("):
        text = f"({text})"
    params = _arguments(text, 0)
    if params in (["void"], [""]):
        return []
    return [re.sub(r"(?<=[\s*])\w+$", "", p).strip() for p in params]


def _handlers(text):
    """{function: (result, [parameters])} of the handlers in a source file."""
    found = {}
    for match in re.finditer(r"^HOOK_(WRAP|WRAP_VOID|WATCH(\d))\(", text, flags=re.M):
        args = _arguments(text, match.end() - 1)
        if match[1] == "WRAP":
            proto = args[1], _parameters(args[2])
        elif match[1] == "WRAP_VOID":
            proto = "void", _parameters(args[1])
        else:
            proto = args[1], args[2:2 + 2 * int(match[2]):2]
        found.setdefault(args[0], []).append(proto)
    return found


def _backends(table):
    table = table.lower()
    if "native" in table:
        return {"native"}
    return {"native", "inject"} if "common" in table else {"inject"}


class Source:
    def __init__(self, top):
        self.top = top
        headers = {p.name: p.read_text() for p in sorted((top / "include").glob("*.h"))}
        sources = {p.name: p.read_text() for p in sorted((top / "src").glob("*.c"))}
        if "hooks.c" not in sources:
            raise Bad(f"no src/hooks.c in {top}")
        bare = _bare("\n".join(headers.values()))
        # What the types are called that differ between kernels, and all they may be.
        self.alternatives = {}
        for name, text in re.findall(r"^#define (compat_\w+_t)\s+(.+)$", bare, flags=re.M):
            self.alternatives.setdefault(name, []).append(text.strip())
        self.includes = sorted(set(re.findall(r"^#include (<(?:linux|asm)/.*>)", "\n".join(sources.values()), flags=re.M)))
        self.targets = self._tables(_bare(sources["hooks.c"]), headers, bare)
        for text in sources.values():
            for name, protos in _handlers(_bare(text)).items():
                for target in self.targets:
                    if target.name == name and target.use == "hook":
                        target.prototypes += [p for p in protos if p not in target.prototypes]
        private = set(re.findall(r"^\w[\w\s*]*?(\w+)\([^()]*\);", _bare(headers.get("kvm_private.h", "")), flags=re.M))
        for target in self.targets:
            target.private = target.name in private

    def _tables(self, hooks, headers, bare):
        targets = []
        for table, body in re.findall(r"^#define (\w*HOOKS\w*)\(X\)(.*)$", hooks, flags=re.M):
            for name, lost in re.findall(r'X\(\s*(\w+)\s*,\s*"([^"]*)"\s*\)', body):
                targets.append(Target(name, "hook", lost, _backends(table)))
        if not targets:
            raise Bad("no table of hooks in src/hooks.c")
        docs = dict(re.findall(r"^ \* @(\w+): (.*)$", "\n".join(headers.values()), flags=re.M))
        members = {m: (r.strip(), _parameters(p))
                   for r, m, p in re.findall(r"^\s+(\w[\w\s*]*?)\(\*(\w+)\)\(([^()]*)\);", bare, flags=re.M)}
        for array, body in re.findall(r"struct symbol (\w+)\[\] = \{(.*?)\};", hooks, flags=re.S):
            for member, name in re.findall(r"CALL\(\s*(\w+)\s*,\s*(\w+)\s*\)", body):
                target = Target(name, "call", docs.get(member, ""), _backends(array), member)
                if member in members:
                    target.prototypes.append(members[member])
                targets.append(target)
        return targets

    def wanted(self, proto):
        """A prototype with each type's possible spellings, for Btf.is_prototype()."""
        def spellings(text):
            for name, others in self.alternatives.items():
                if re.search(rf"\b{name}\b", text):
                    return [re.sub(rf"\b{name}\b", other, text) for other in others]
            return [text]
        return spellings(proto[0]), [spellings(p) for p in proto[1]]


def spell(proto):
    """A prototype for people."""
    return f"{proto[0]} ({', '.join(proto[1]) or 'void'})"
