# SPDX-License-Identifier: GPL-2.0-only
"""Asks a kernel's headers for prototypes, by compiling the module's own checks (HOOK_SAME_TYPE) against them."""

import contextlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import image

# The checks for one function. #line makes the compiler name the function in its messages. The declaration makes it show
# the header's prototype.
CHECK = """
#line 1 "/{name}"
HOOK_SAME_TYPE({name}, typeof({result} {params}));
#line 2 "/{name}"
{result} {name} {params};
"""
# The check for a function with several prototypes, each with a handler.
CHECK_ANY = """
#line 1 "/{name}"
static_assert({any}, "{name}");
"""
MESSAGE = re.compile(r"^/(\w+):\d+:\d+: error: (.*)$")
# The words of GCC 11 and newer.
PREVIOUS = re.compile(r"note: previous (?:declaration|definition) of '(\w+)' with type '([^']*)'")
# Other messages that the checks may cause. They name the line of a macro.
CHECKS = ("has another prototype", "expression in static assertion is not")
ERROR = re.compile(r"^.*?(?:fatal )?error: (.*)$|^.*?\*\*\* (.*)$")


@contextlib.contextmanager
def _copy(source):
    """A directory with a copy of the module's source, to build in."""
    folder = Path(tempfile.mkdtemp(prefix="port-check."))
    try:
        for name in ("include", "src"):
            shutil.copytree(source.top / name, folder / name)
        for name in ("Kbuild", "dkms.conf"):
            shutil.copy(source.top / name, folder)
        yield folder
    finally:
        shutil.rmtree(folder)


def _make(kdir, folder, target):
    cross = os.environ.get("CROSS_COMPILE", "" if platform.machine() == "aarch64" else "aarch64-linux-gnu-")
    # Nothing reads debug information.
    flags = f"{os.environ.get('KCFLAGS', '')} -g0".strip()
    command = [*os.environ.get("MAKE", "make").split(), "-s", "-C", str(Path(kdir).resolve()), f"M={folder}", "ARCH=arm64",
               f"CROSS_COMPILE={cross}", "CC=" + os.environ.get("CC", f"{cross}gcc"), f"KCFLAGS={flags}", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder,
                          env={**os.environ, "LC_ALL": "C", "LANG": "C"})
    return done.returncode, done.stderr.replace("\u2018", "'").replace("\u2019", "'")


def _probe(source, targets):
    # Begin as the module itself does: what compiles there compiles here.
    lines = [*source.first, '#include "kvm_private.h"', '#include "hook/hook.h"']
    for header in source.includes:
        lines += [f"#if __has_include({header})", f"#include {header}", "#endif"]
    for target in targets:
        if len(target.types) == 1:
            lines.append(CHECK.format(name=target.name, result=target.types[0][0], params=target.types[0][1]))
        else:
            fits = (f"__builtin_types_compatible_p(typeof({target.name}), typeof({r} {p}))" for r, p in target.types)
            lines.append(CHECK_ANY.format(name=target.name, any=" || ".join(fits)))
    return "\n".join(lines)


def check(source, targets, kdir):
    """Returns ({function: (word, detail)}, what keeps the module's headers from compiling or "").

    Words: ok, differs, and none for a function that no header declares.
    """
    targets = [t for t in targets if t.prototypes and not t.private]
    try:
        with _copy(source) as folder:
            (folder / "Kbuild").rename(folder / "Kbuild.module")
            (folder / "Kbuild").write_text("include $(src)/Kbuild.module\nobj-m := port_check.o\nkvm_mte-y :=\n")
            (folder / "port_check.c").write_text(_probe(source, targets))
            return _understand(targets, *_make(kdir, folder, "port_check.o"))
    except FileNotFoundError as e:
        return {}, f"cannot run {e.filename}"


def needed_symbols(source, kdir):
    """Compiles the module. Returns (the symbols that it needs from elsewhere, what keeps it from compiling or "")."""
    try:
        with _copy(source) as folder:
            status, said = _make(kdir, folder, "kvm_mte.o")
            if status:
                return set(), (_errors(said) or ["make failed without a word"])[0]
            return image.load(folder / "kvm_mte.o").undefined() - {"__this_module"}, ""
    except FileNotFoundError as e:
        return set(), f"cannot run {e.filename}"


def _errors(said):
    """The errors of the compiler; if there are none, those of make."""
    found = [match for line in said.splitlines() if (match := ERROR.match(line)) and not MESSAGE.match(line) and
             not any(words in line for words in CHECKS)]
    return [m[1] for m in found if m[1]] or [m[2] for m in found]


def _understand(targets, status, said):
    found = {}
    for line in said.splitlines():
        match = MESSAGE.match(line)
        if match:
            name, text = match.groups()
            if "undeclared" in text:
                found[name] = "none", ""
            else:
                found.setdefault(name, ("differs", ""))
    for name, proto in PREVIOUS.findall(said):
        if found.get(name, ("",))[0] == "differs":
            found[name] = "differs", re.sub(r"^([^(]*?)\(", r"\1 (", re.sub(r"\s+", " ", proto))
    errors = _errors(said)
    # Other errors may only be make's report of what was found.
    if status and (not found or any(f"error: {e}" in said for e in errors)):
        return {}, errors[0] if errors else "make failed without a word"
    for target in targets:
        found.setdefault(target.name, ("ok", ""))
    return found, ""
