# SPDX-License-Identifier: GPL-2.0-only
"""What the module needs of a kernel: read from its own source, so that there is no second list.

src/hook_table.c and src/calls.c have the tables. The prototypes of hooked functions are in HOOK_WRAP..() and HOOK_WATCHn(),
those of called functions in struct kernel_functions. Each row says for which kernels it is: ALL, NATIVE (KVM has guest MTE),
INJECT (it has none), or a word that begins with NATIVE or INJECT. For such a word include/compat.h defines COMPAT_FOR_word,
and each branch of its #if is an alternative. In the same way macros of include/compat.h stand for prototypes that differ.
"""

import re
from dataclasses import dataclass, field


@dataclass
class Target:
    name: str
    use: str                    # hook or call
    lost: str                   # what does not happen without it
    backends: set
    member: str = ""            # of struct kernel_functions
    prototypes: list = field(default_factory=list)   # as in the source: (result, [parameters])
    types: list = field(default_factory=list)        # the same for a compiler, which knows the module's macros
    private: bool = False       # declared by the module itself: no header of the kernel does
    branch: tuple = None        # (#if, number of the branch in it) of include/compat.h, if not for all kernels
    may_kprobe: bool = False    # if ftrace cannot trace it, a kprobe catches its calls


@dataclass
class Branch:
    condition: str              # the word that is tested; "" for #else
    negated: bool = False
    macros: dict = field(default_factory=dict)


class Bad(Exception):
    """The module's source does not look as expected."""


def bare(text):
    """The text without comments, with continued lines joined."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.sub(r"\\\n", " ", text)


def _arguments(text, start):
    """Splits the text in parentheses that begins at START at its commas."""
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


def parameters(text):
    """The types in "(type name, ...)"."""
    if not text.startswith("("):
        text = f"({text})"
    params = _arguments(text, 0)
    if params in (["void"], [""]):
        return []
    return [re.sub(r"(?<=[\s*])\w+$", "", p).strip() for p in params]


def _handlers(text):
    """(function, result, parameters as in the source) of the handlers in a source file."""
    for match in re.finditer(r"\bHOOK_(WRAP|WRAP_IF|WRAP_WAITS|WRAP_FROM|WRAP_VOID|WRAP_VOID_IF|WATCH(\d))\((?=\w+,)(?!fn,)", text):
        args = _arguments(text, match.end() - 1)
        if match[1] == "WRAP":
            yield args[0], args[1], args[2]
        elif match[1] in ("WRAP_IF", "WRAP_WAITS", "WRAP_FROM"):
            yield args[0], args[2], args[3]
        elif match[1] == "WRAP_VOID":
            yield args[0], "void", args[1]
        elif match[1] == "WRAP_VOID_IF":
            yield args[0], "void", args[2]
        else:
            yield args[0], args[1], f"({', '.join(args[2:2 + 2 * int(match[2]):2])})"


def _first_lines(text):
    """The preprocessor lines of a source file before its first declaration: includes, and macros for them."""
    lines = []
    for line in bare(text).splitlines():
        if line.startswith("#"):
            lines.append(line)
        elif line.strip() and not line.startswith("//"):
            break
    return lines


def _conditional(text):
    """[[Branch]]: the macros that each outermost #if defines."""
    # The include guard does not count.
    blocks, depth = [], -1 if re.search(r"^#ifndef _\w+_H$", text, flags=re.M) else 0
    for line in text.splitlines():
        if match := re.match(r"#\s*(if|ifdef|ifndef)\b(.*)", line):
            depth += 1
            if depth == 1:
                blocks.append([_branch(match[2], match[1] == "ifndef")])
        elif match := re.match(r"#\s*(elif|else)\b(.*)", line):
            if depth == 1:
                blocks[-1].append(_branch(match[2], False))
        elif re.match(r"#\s*endif", line):
            depth -= 1
        elif depth == 1 and (match := re.match(r"#\s*define (\w+)(?:\([\w, .]*\))?(.*)", line)):
            blocks[-1][-1].macros[match[1]] = match[2].strip()
    return blocks


def _branch(condition, negated):
    word = re.sub(r"defined\((\w+)\)", r"\1", condition).strip()
    return Branch(word, negated)


def _backends(word):
    first = word.lower().split("_")[0]
    return {first} if first in ("native", "inject") else {"native", "inject"}


class Source:
    def __init__(self, top):
        self.top = top
        headers = {p.name: p.read_text() for p in (*sorted((top / "src").rglob("*.h")), *sorted((top / "include").glob("*.h")))}
        sources = {p.relative_to(top / "src").as_posix(): p.read_text() for p in sorted((top / "src").rglob("*.c"))}
        if "hook_table.c" not in sources:
            raise Bad(f"no src/hook_table.c in {top}")
        declared = bare("\n".join(headers.values()))
        # Names of types that differ between kernels: {name: [types that it may stand for]}.
        self.alternatives = {}
        for name, text in re.findall(r"^#define (compat_\w+_t)\s+(.+)$", declared, flags=re.M):
            self.alternatives.setdefault(name, []).append(text.strip())
        compat = "\n".join(headers.get(name, "") for name in ("compat.h", "compat_tags.h"))
        self.blocks = _conditional(bare(compat))
        self.includes = sorted(set(re.findall(r"^#include (<(?:linux|asm)/.*>)", "\n".join(sources.values()), flags=re.M)))
        self.first = _first_lines(sources.get("trace.c") or sources.get("main.c", ""))
        # The facts of Kbuild: {word: (header, regex)}.
        kbuild = (top / "Kbuild").read_text() if (top / "Kbuild").exists() else ""
        self.facts = {word: (path, regex)
                      for path, regex, word in re.findall(r"\$\(call fact,([^,]+),(.*),(\w+)(?:=\w+)?\)$", kbuild, flags=re.M)}
        self.targets = self._tables(bare(sources["hook_table.c"] + sources.get("calls.c", "")), headers, declared)
        for text in (*sources.values(), compat):
            for handler in _handlers(bare(text)):
                self._add_handler(*handler)
        private = set(re.findall(r"^\w[\w\s*]*?(\w+)\([^()]*\);", bare(headers.get("kvm_private.h", "")), flags=re.M))
        for target in self.targets:
            target.private = target.name in private

    def _meanings(self, macro):
        """[((#if, branch), text)] of a macro that differs between kernels."""
        return [((i, j), branch.macros[macro]) for i, block in enumerate(self.blocks)
                for j, branch in enumerate(block) if macro in branch.macros]

    def _add_handler(self, name, result, params):
        texts = [params] if params.startswith("(") else [text for _, text in self._meanings(params)]
        for target in self.targets:
            if target.name != name or target.use != "hook":
                continue
            protos = [(result, parameters(text)) for text in texts]
            target.prototypes += [p for p in protos if p not in target.prototypes]
            if (result, params) not in target.types:
                target.types.append((result, params))

    def _tables(self, hooks, headers, declared):
        targets = []
        docs = dict(re.findall(r"^ \* @(\w+): (.*)$", "\n".join(headers.values()), flags=re.M))
        members = {m: (r.strip(), p)
                   for r, m, p in re.findall(r"^\s+(\w[\w\s*]*?)\(\*(\w+)\)\(([^()]*)\);", declared, flags=re.M)}

        def add(word, *target, **more):
            branches = [None]
            if word not in ("ALL", "NATIVE", "INJECT"):
                branches = [b for b, text in self._meanings(f"COMPAT_FOR_{word}") if text != "COMPAT_FOR_NONE"]
            for branch in branches:
                targets.append(Target(*target[:3], _backends(word), *target[3:], branch=branch, **more))

        for name, word, when, lost in re.findall(r'\bX\(\s*(\w+)\s*,\s*(\w+)\s*,\s*(\w+)\s*,[^,"]*,\s*"([^"]*)"\s*\)', hooks):
            add(word, name, "hook", lost, may_kprobe=when == "ON_SLOT")
        for member, word, name in re.findall(r"\bX\(\s*(\w+)\s*,\s*([A-Z_]+)\s*,\s*(\w+)\s*\)", hooks):
            add(word, name, "call", docs.get(member, ""), member)
        for target in targets:
            if target.member in members:
                result, params = members[target.member]
                target.prototypes.append((result, parameters(params)))
                target.types.append((result, f"({params})"))
        if not any(t.use == "hook" for t in targets):
            raise Bad("no table of hooks in src/hook_table.c")
        return sorted(targets, key=lambda t: t.use != "hook")

    def choose(self, targets, kernel):
        """The targets that the module needs from this kernel: of each #if one branch."""
        chosen = {}
        for i in {t.branch[0] for t in targets if t.branch}:
            chosen[i] = self._by_facts(i, kernel)
            if chosen[i] is None:
                chosen[i] = self._by_symbols(i, targets, kernel)
        kept, seen = [], set()
        for target in targets:
            if target.branch and target.branch[1] != chosen[target.branch[0]]:
                continue
            if (target.name, target.use) not in seen:
                seen.add((target.name, target.use))
                kept.append(target)
        return kept

    def _by_facts(self, i, kernel):
        """Chooses a branch as Kbuild does, by the kernel's headers; None without headers."""
        for j, branch in enumerate(self.blocks[i]):
            if not branch.condition:
                return j
            if branch.condition not in self.facts:
                return None
            known = kernel.header_has(*self.facts[branch.condition])
            if known is None:
                return None
            if known != branch.negated:
                return j
        return None

    def _by_symbols(self, i, targets, kernel):
        """Chooses the first branch with functions that all exist, best with the right prototypes; else one without functions."""
        sizes = []
        for j in range(len(self.blocks[i])):
            mine = [t for t in targets if t.branch == (i, j)]
            there = all(kernel.found(t.name) != "missing" for t in mine)
            fits = there and all(kernel.prototype(t, self)[0] != "differs" for t in mine)
            sizes.append((fits, there, bool(mine), -j))
        return -max(sizes)[3]

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
