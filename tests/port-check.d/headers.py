# SPDX-License-Identifier: GPL-2.0
"""Asks a kernel's headers for prototypes, by compiling the module's own checks (HOOK_SAME_TYPE) against them."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# The checks for one function; #line makes the compiler name it in what it says of them. The declaration makes it show
# the header's own.
CHECK = """
#line 1 "/{name}"
HOOK_SAME_TYPE({name}, typeof({result} {params}));
#line 2 "/{name}"
{result} {name} {params};
"""
# For one with a handler for each of several prototypes.
CHECK_ANY = """
#line 1 "/{name}"
static_assert({any}, "{name}");
"""
MESSAGE = re.compile(r"^/(\w+):\d+:\d+: error: (.*)$")
# As GCC 11 and newer say it.
PREVIOUS = re.compile(r"note: previous (?:declaration|definition) of '(\w+)' with type '([^']*)'")
ERROR = re.compile(r"^.*?(?:fatal )?error: (.*)$|^.*?\*\*\* (.*)$")


def _make(kdir, folder):
    cross = os.environ.get("CROSS_COMPILE", "" if platform.machine() == "aarch64" else "aarch64-linux-gnu-")
    return [*os.environ.get("MAKE", "make").split(), "-s", "-C", str(Path(kdir).resolve()), f"M={folder}", "ARCH=arm64",
            f"CROSS_COMPILE={cross}", "CC=" + os.environ.get("CC", f"{cross}gcc"), "port_check.o"]


def _probe(source, targets):
    lines = ['#include "kvm_mte.h"']
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
    folder = Path(tempfile.mkdtemp(prefix="port-check."))
    try:
        shutil.copytree(source.top / "include", folder / "include")
        shutil.copy(source.top / "dkms.conf", folder)
        shutil.copy(source.top / "Kbuild", folder / "Kbuild.module")
        (folder / "Kbuild").write_text("include $(src)/Kbuild.module\nobj-m := port_check.o\nkvm_mte-y :=\n")
        (folder / "port_check.c").write_text(_probe(source, targets))
        done = subprocess.run(_make(kdir, folder), capture_output=True, text=True, check=False, cwd=folder,
                              env={**os.environ, "LC_ALL": "C", "LANG": "C"})
    except FileNotFoundError as e:
        return {}, f"cannot run {e.filename}"
    finally:
        shutil.rmtree(folder)
    return _understand(targets, done)


def _understand(targets, done):
    said = done.stderr.replace("\u2018", "'").replace("\u2019", "'")
    found, other = {}, []
    for line in said.splitlines():
        match = MESSAGE.match(line)
        if match:
            name, text = match.groups()
            if "undeclared" in text:
                found[name] = "none", "no header declares it"
            else:
                found.setdefault(name, ("differs", ""))
        elif (error := ERROR.match(line)) and "has another prototype" not in line:
            other.append(error[1] or error[2])
    for name, proto in PREVIOUS.findall(said):
        if found.get(name, ("",))[0] == "differs":
            found[name] = "differs", re.sub(r"^([^(]*?)\(", r"\1 (", re.sub(r"\s+", " ", proto))
    if done.returncode and not found:
        return {}, other[0] if other else "make failed without a word"
    for target in targets:
        found.setdefault(target.name, ("ok", ""))
    return found, ""
